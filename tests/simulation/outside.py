"""What stands outside of the tables: the key server, the object store, the post office, and the way to them.

Each speaks as its AWS client does, as far as the product asks, and each call is carried like a table's.
"""

import io
import json
from dataclasses import dataclass, field
from types import SimpleNamespace

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.domain.mail import NotifierRefused, NotifierUnavailable
from tests.simulation.engine import refusal


@dataclass(frozen=True)
class Sendable:
    """A call that is no table's, in the shape that `calls` carries."""

    operation: str
    request: dict
    serve: object

    def send(self):
        return self.serve()


@dataclass
class Way:
    """How a call gets to its server: straight, or as chance wants it when a strand sends it."""

    calls: object

    def go(self, name: str, kind: str, about: str, serve):
        call = Sendable(name, {"about": (about,)}, serve)
        strand = self.calls.scheduler.current
        return call.send() if strand is None else self.calls.carry(name, kind, call, strand)


@dataclass
class KeyServer:
    """KMS: opens what it sealed, in the very context in which it did."""

    way: Way
    chance: object
    kept: dict = field(default_factory=dict)

    def generate_data_key(self, KeyId, NumberOfBytes, EncryptionContext):
        return self.way.go(
            "GenerateDataKey", "read", str(EncryptionContext), lambda: self._new(EncryptionContext)
        )

    def generate_data_key_without_plaintext(self, KeyId, NumberOfBytes, EncryptionContext):
        made = self.generate_data_key(KeyId, NumberOfBytes, EncryptionContext)
        return {"CiphertextBlob": made["CiphertextBlob"]}

    def encrypt(self, KeyId, Plaintext, EncryptionContext):
        return self.way.go(
            "Encrypt", "read", str(EncryptionContext), lambda: self._seal(Plaintext, EncryptionContext)
        )

    def decrypt(self, CiphertextBlob, EncryptionContext):
        return self.way.go(
            "Decrypt", "read", str(EncryptionContext), lambda: self._open(CiphertextBlob, EncryptionContext)
        )

    def _new(self, context):
        plain = self.chance.random.randbytes(32)
        return {"Plaintext": plain, **self._seal(plain, context)}

    def _seal(self, plain, context):
        wrapped = json.dumps([len(self.kept), context], sort_keys=True).encode()
        self.kept[wrapped] = plain
        return {"CiphertextBlob": wrapped}

    def _open(self, wrapped, context):
        if json.loads(wrapped)[1] != context:
            raise refusal("InvalidCiphertextException", "Decrypt")
        return {"Plaintext": self.kept[wrapped]}


@dataclass
class ObjectStore:
    """S3, as far as imports need it."""

    way: Way
    kept: dict = field(default_factory=dict)
    meta: object = field(
        default_factory=lambda: SimpleNamespace(config=SimpleNamespace(signature_version="s3v4"))
    )

    def put_object(self, Bucket, Key, Body, ContentType):
        return self.way.go(
            "PutObject", "write", Key, lambda: self.kept.__setitem__((Bucket, Key), bytes(Body))
        )

    def get_object(self, Bucket, Key):
        return self.way.go("GetObject", "read", Key, lambda: self._get(Bucket, Key))

    def list_objects_v2(self, Bucket, Prefix, MaxKeys=1000):
        return self.way.go("ListObjects", "read", Prefix, lambda: self._list(Bucket, Prefix))

    def _get(self, bucket, key):
        if (bucket, key) not in self.kept:
            raise refusal("NoSuchKey", "GetObject")
        return {"Body": _Body(self.kept[bucket, key])}

    def _list(self, bucket, prefix):
        found = sorted(key for name, key in self.kept if name == bucket and key.startswith(prefix))
        return {"Contents": [{"Key": key, "Size": len(self.kept[bucket, key])} for key in found]}


class _Body(io.BytesIO):
    def iter_chunks(self, size):
        while piece := self.read(size):
            yield piece


@dataclass
class PostOffice:
    """Takes mails. What it took under which id is remembered; it may refuse, be away, or lose its answer."""

    way: Way
    chance: object
    taken: list = field(default_factory=list)

    def send(self, to, message, reply_to, message_id_hint):
        try:
            return self.way.go(
                "Mail", "write", message_id_hint, lambda: self._take(to, message, message_id_hint)
            )
        except (BotoCoreError, ClientError) as error:
            raise NotifierUnavailable("The post office did not answer.") from error

    def _take(self, to, message, message_id):
        if self.chance.happens("failed", 0.05):
            raise NotifierRefused("There is no such address.")
        self.taken.append((to, message, message_id))
        return f"m{len(self.taken)}"
