"""How many cards a second come into stock.

`alone`: a file is parsed, every card gets its fingerprint and is sealed as the vault would keep it, on one
core and without tables. `with tables`: a whole import through the importer, preview and commit, on the local
engines, which share the machine's cores with it.
"""

import multiprocessing
import resource
import secrets
import time
from typing import Any, cast

from bench.shop import SKU, TENANT, cloud, open_shop
from cardcourier.domain.key_versions import FIRST, KeyVersion

ALONE, WITH_TABLES = 100_000, 50_000
JOB = "bench"


def run() -> dict[str, Any]:
    """Cards per CPU second alone, and per second of the clock with tables."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        alone = pool.apply(_alone)
    return {"alone": alone, "with tables": with_tables(WITH_TABLES)}


def _alone() -> dict[str, float]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from cardcourier.adapters.keyring import Fingerprints, KeyRing
    from cardcourier.adapters.kms import KeyService
    from cardcourier.adapters.tables.data_keys import DataKeysTable
    from cardcourier.adapters.vault import record_of
    from cardcourier.clock import now_ms
    from cardcourier.domain.card_files import CardRow, identity
    from cardcourier.domain.cards import Card
    from cardcourier.domain.catalogue import Product, Tenant
    from cardcourier.domain.imports import ROWS, CardFile, Source, Terms

    product, tenant = Product(tenant=TENANT, sku=SKU, name="Bench"), Tenant(id=TENANT, name="Bench")
    ring = KeyRing(cast(KeyService, _Near()), cast(DataKeysTable, _Near()), now_ms)
    data, marks, cipher = _file(ALONE), Fingerprints(ring), AESGCM(secrets.token_bytes(32))
    begun, cpu, sealed = time.perf_counter(), time.process_time(), 0
    file = CardFile.of(Source.of(data), {"file_name": "cards.txt"})
    terms = Terms.for_job({}, product, tenant, now_ms(), ROWS)
    for rows in file.chunks(terms, secrets.token_bytes(16)):
        for row in (row for row in rows if isinstance(row, CardRow)):
            card_id = marks.card_id(TENANT, terms.issuer, identity(row.number, row.code))
            card = Card(code=row.code, number=row.number)
            sealed += bool(record_of(cipher, TENANT, card_id, "b", SKU, row.row, card, terms.now).sealed)
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - begun
    return {
        "cards": sealed,
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
        "cards_per_cpu_s": round(sealed / cpu),
    }


class _Near:
    """Key service and table of keys in memory, and at once."""

    def get(self, *_: object) -> bytes:
        return b"wrapped"

    def versions(self, *_: object) -> tuple[KeyVersion, ...]:
        return (KeyVersion(id=FIRST),)

    def unwrap(self, *_: object) -> bytes:
        return b"a pepper of thirty-two bytes ..."


def with_tables(cards: int) -> dict[str, float]:
    """A whole import of so many rows, in a process of its own whose memory is measured."""
    with cloud(still=True):
        open_shop(cards=0)
        _upload(_file(cards))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(_import, (cards,))


def _import(cards: int) -> dict[str, float]:
    """Preview and commit; after the words of the environment this process is like the function's."""
    from cardcourier import wiring

    importer, far = wiring.importer(), time.time_ns()
    begun = time.perf_counter()
    seen = importer.preview(TENANT, JOB, "bench")
    previewed, cpu = time.perf_counter(), time.process_time()
    done = importer.commit(TENANT, JOB, "bench", far)
    committed, cpu = time.perf_counter(), time.process_time() - cpu
    if (seen.data["accepted"], done.data["accepted"]) != (cards, cards):
        raise RuntimeError(f"the import went wrong: {done.state} {done.data.get('error')}")
    preview_s, commit_s = previewed - begun, committed - previewed
    return {
        "cards": cards,
        "preview_s": round(preview_s, 2),
        "commit_s": round(commit_s, 2),
        "previewed_per_s": round(cards / preview_s),
        "committed_per_s": round(cards / commit_s),
        "committed_per_cpu_s": round(cards / cpu),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _upload(data: bytes) -> None:
    """The file and its job, as the API leaves them."""
    from cardcourier import wiring
    from cardcourier.adapters.tables.catalogue import job_key
    from cardcourier.clock import now_ms
    from cardcourier.domain.catalogue import Job

    key, now = f"{TENANT}/{JOB}/cards.txt", now_ms()
    facts = {"sku": SKU, "file_name": "cards.txt", "object_key": key, "cost": 1_500, "currency": "CNY"}
    job = Job(tenant=TENANT, id=JOB, kind="import", state="created", created_at=now, by="bench", data=facts)
    wiring.objects().put_bytes(wiring.settings().import_bucket, key, data)
    wiring.catalogue_table().put(job_key(TENANT, JOB), job, now, "bench")


def _file(cards: int) -> bytes:
    return "".join(f"6688{n:08d}----{secrets.token_hex(8).upper()}\n" for n in range(cards)).encode()
