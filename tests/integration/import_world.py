"""What an import runs on, with tables of the local engine, a key service in memory, and ways to break it."""

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from threading import Lock

from botocore.exceptions import EndpointConnectionError

from cardcourier.adapters.keyring import Fingerprints, KeyRing
from cardcourier.adapters.kms import KeyService
from cardcourier.adapters.tables.catalogue import (
    CatalogueTable,
    batch_key,
    job_key,
    product_key,
    tenant_key,
)
from cardcourier.adapters.tables.data_keys import DataKeysTable
from cardcourier.adapters.tables.merchants import MerchantsTable
from cardcourier.adapters.tables.pools import PoolsTable
from cardcourier.adapters.tables.stock_entry import ImportDocuments, StockEntryTable
from cardcourier.adapters.tables.stock_exit import StockExitTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.adapters.uploads import Uploads
from cardcourier.adapters.vault import Vault
from cardcourier.domain.catalogue import Batch, Job, Product, Tenant
from cardcourier.services.importing import Importer
from cardcourier.services.importing_jobs import ImportDesk
from cardcourier.services.pacing import Pace
from cardcourier.services.stocking import Stocker
from cardcourier.services.undoing import Undoer
from local.engines import create_table

NOON = 1_790_000_000_000
SKU = "MGTV-MONTH"
BUCKET = "imports"
NUMBERS = count(1)
PK = {"AttributeName": "pk", "KeyType": "HASH"}
SK = {"AttributeName": "sk", "KeyType": "RANGE"}


def schema(*keys):
    names = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys]
    return {"AttributeDefinitions": names, "KeySchema": list(keys)}


class Killed(BaseException):
    """The process is no more."""


class Clock:
    """Time that passes a little with every look."""

    def __init__(self):
        self.now, self.step, self.lock = NOON, 1, Lock()

    def __call__(self):
        with self.lock:
            self.now += self.step
            return self.now


class KeyServer:
    """KMS in memory; opens a key only in the context it was made in."""

    def __init__(self):
        self.kept, self.away, self.calls = {}, False, Counter()

    def generate_data_key(self, KeyId, NumberOfBytes, EncryptionContext):
        self._answer("generate_data_key")
        plain = len(self.kept).to_bytes(NumberOfBytes, "big")
        wrapped = json.dumps([len(self.kept), EncryptionContext]).encode()
        self.kept[wrapped] = plain
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def generate_data_key_without_plaintext(self, **request):
        return {"CiphertextBlob": self.generate_data_key(**request)["CiphertextBlob"]}

    def decrypt(self, CiphertextBlob, EncryptionContext):
        self._answer("decrypt")
        assert json.loads(CiphertextBlob)[1] == EncryptionContext
        return {"Plaintext": self.kept[CiphertextBlob]}

    def _answer(self, call):
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://kms.invalid")
        self.calls[call] += 1


class Bucket:
    """Objects in memory."""

    def __init__(self):
        self.kept = {}

    def chunks(self, bucket, key):
        body = self.kept.get((bucket, key), b"")
        return (body[at : at + 1000] for at in range(0, len(body), 1000))

    def put_bytes(self, bucket, key, body, *, content_type):
        self.kept[bucket, key] = body
        return True


class Bell:
    """Who was told that there is new stock."""

    def __init__(self):
        self.rung = []

    def room(self, tenant, room, ref, delay):
        self.rung.append((tenant, room.value, ref))


class Queue:
    """What was asked for."""

    def __init__(self):
        self.sent = []

    def send(self, body):
        self.sent.append(body["kind"])


class Flaky:
    """A client whose calls are counted; at call `at` something happens.

    `before`: killed, the request was not sent. `after`: killed, it was. `twice`: the answer is lost and the
    SDK asks again, when nobody remembers the first request any more.
    """

    def __init__(self, client, at=None, how=""):
        self.client, self.at, self.how = client, at, how
        self.calls, self.dead, self.lock = 0, False, Lock()

    def __getattr__(self, name):
        call = getattr(self.client, name)

        def counted(**request):
            with self.lock:
                self.calls += 1
                here = self.calls == self.at
                if self.dead:
                    raise Killed
                self.dead = here and self.how in ("before", "after")
            if here and self.how == "before":
                raise Killed
            if here and self.how in ("after", "twice"):
                try:
                    call(**request)
                finally:
                    if self.how == "after":
                        raise Killed
            return call(**request)

        return counted


@dataclass
class World:
    """One tenant with one product, in tables of its own; `process` is a worker that knows nothing yet."""

    client: object
    tenant: str = "acme"
    clock: Clock = field(default_factory=Clock)
    kms: KeyServer = field(default_factory=KeyServer)
    bucket: Bucket = field(default_factory=Bucket)
    bell: Bell = field(default_factory=Bell)
    queue: Queue = field(default_factory=Queue)
    jobs: int = 0

    def __post_init__(self):
        number = next(NUMBERS)
        for name, keys in ((f"main-{number}", (PK, SK)), (f"vault-{number}", (PK,))):
            create_table(self.client, name, schema(*keys))
        self.main = Table(self.client, f"main-{number}")
        self.vault = Table(self.client, f"vault-{number}")
        self.catalogue = CatalogueTable(self.main)
        self.ring().provide(self.tenant, "pepper")
        self.keep(tenant_key(self.tenant), Tenant(id=self.tenant, name="Acme", language="en"))
        self.sell()

    def keep(self, key, thing):
        self.catalogue.put(key, thing, NOON, "test")

    def sell(self, **more):
        product = Product(tenant=self.tenant, sku=SKU, name="Mango TV", issuer="mgtv", **more)
        self.keep(product_key(self.tenant, SKU), product)

    def ring(self):
        return KeyRing(KeyService(self.kms, "key"), DataKeysTable(self.main), self.clock)

    def process(self, client=None, lot=50, chunk=1000):
        client = client or self.client
        main, vault = Table(client, self.main.name), Table(client, self.vault.name)
        ring = KeyRing(KeyService(self.kms, "key"), DataKeysTable(main), self.clock)
        stocker = Stocker(
            StockEntryTable(main, vault),
            Fingerprints(ring),
            self.clock,
            random=Random(7),
            sleep=lambda _: None,
            lot=lot,
        )
        return Importer(
            documents=ImportDocuments(CatalogueTable(main)),
            stocker=stocker,
            keys=ring,
            uploads=Uploads(self.bucket, BUCKET),
            files=self.bucket,
            bucket=BUCKET,
            restock=self.bell,
            paces=self.pace,
            clock=self.clock,
            chunk=chunk,
        )

    def undoer(self, client=None, lot=50):
        main = Table(client or self.client, self.main.name)
        return Undoer(
            documents=ImportDocuments(CatalogueTable(main)),
            content=StockEntryTable(main, self.vault),
            markers=PoolsTable(main),
            exits=StockExitTable(main),
            paces=self.pace,
            clock=self.clock,
            random=Random(7),
            lot=lot,
        )

    def pace(self, pool):
        return Pace(pool, self, self.clock, lambda _: None)

    def last_sale(self, tenant, sku):
        return 0

    def desk(self):
        return ImportDesk(MerchantsTable(self.catalogue), self.bucket, self.queue, self.clock)

    # -- what people do -------------------------------------------------------------------------

    def upload(self, content, file_name="cards.txt", **data):
        """An import as the API creates it; returns the job's id."""
        self.jobs += 1
        job_id = f"job{self.jobs}"
        object_key = f"{self.tenant}/{job_id}/{file_name}"
        self.bucket.kept[BUCKET, object_key] = content if isinstance(content, bytes) else content.encode()
        facts = {
            "sku": SKU,
            "file_name": file_name,
            "object_key": object_key,
            "layout": None,
            "cost": 1_200,
            "currency": "CNY",
            "expires_at": None,
            "note": "",
            **data,
        }
        job = Job(
            tenant=self.tenant,
            id=job_id,
            kind="import",
            state="created",
            created_at=NOON,
            by="lin",
            data=facts,
        )
        self.keep(job_key(self.tenant, job_id), job)
        return job_id

    def preview(self, job_id, process=None):
        return (process or self.process()).preview(self.tenant, job_id, f"preview-{job_id}")

    def commit(self, job_id, process=None, rid="commit", until=NOON * 2):
        return (process or self.process()).commit(self.tenant, job_id, rid, until)

    def bring_in(self, content, **data):
        """Upload, preview and commit."""
        job_id = self.upload(content, **data)
        self.preview(job_id)
        return self.commit(job_id)

    def order_undo(self, job_id, why="wrong file"):
        return self.desk().undo(self.tenant, job_id, why, "mei")

    def undo(self, job_id, undoer=None, rid="undo", until=NOON * 2):
        return (undoer or self.undoer()).undo(self.tenant, job_id, rid, until)

    # -- what is there --------------------------------------------------------------------------

    def items(self, table, kind):
        found = self.client.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
        return [item for page in found for item in page["Items"] if item["pk"]["S"].startswith(f"{kind}#")]

    def markers(self):
        return self.items(self.main, "P")

    def sealed(self):
        return self.items(self.vault, "V")

    def cards(self):
        """Every card of the vault, opened; (number, code) in order."""
        vault = Vault(self.vault, self.ring())
        ids = [item["pk"]["S"].rsplit("#", 1)[1] for item in self.sealed()]
        opened = list(vault.open_all(self.tenant, ids).values())
        return sorted((card.number or "", card.code) for card in opened)

    def codes(self):
        return [code for _, code in self.cards()]

    def sellable(self):
        """The ids of the cards that can be sold."""
        return sorted(item["sk"]["S"].split("#")[1] for item in self.markers())

    def void(self):
        """The ids of the cards that are void."""
        return sorted(item["card"]["S"] for item in self.items(self.main, "X") if "unit" not in item)

    def batch(self, job_id):
        return self.catalogue.need(Batch, batch_key(self.tenant, f"b-{job_id}"))

    def job(self, job_id):
        return self.catalogue.need(Job, job_key(self.tenant, job_id))

    def rejects(self, job):
        """The reject file's rows without its header."""
        return self.bucket.kept[BUCKET, job.data["reject_file"]].decode("utf-8-sig").splitlines()[1:]
