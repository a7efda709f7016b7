"""The key service: wraps data keys and small secrets. The context splits the rights by purpose."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.errors import Unavailable

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Context:
    """What a wrapped key is bound to; another tenant, purpose or id cannot open it."""

    tenant: str
    purpose: str
    id: str

    def as_dict(self) -> dict[str, str]:
        return {"tenant": self.tenant, "purpose": self.purpose, "id": self.id}


@dataclass(frozen=True, slots=True)
class KeyService:
    """KMS, by the one key of this deployment. Data keys are asked by bytes: China's keys are SM4."""

    client: Any
    key: str

    def new_key(self, context: Context) -> tuple[bytes, bytes]:
        """A new data key: plain (for now) and wrapped (to keep)."""
        answer = self._call(
            "generate_data_key",
            KeyId=self.key,
            NumberOfBytes=KEY_BYTES,
            EncryptionContext=context.as_dict(),
        )
        return answer["Plaintext"], answer["CiphertextBlob"]

    def new_wrapped(self, context: Context) -> bytes:
        """A new data key that the caller never sees."""
        answer = self._call(
            "generate_data_key_without_plaintext",
            KeyId=self.key,
            NumberOfBytes=KEY_BYTES,
            EncryptionContext=context.as_dict(),
        )
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def wrap(self, plain: bytes, context: Context) -> bytes:
        """Seal a small secret directly, at most 4096 bytes."""
        answer = self._call("encrypt", KeyId=self.key, Plaintext=plain, EncryptionContext=context.as_dict())
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """Open what `context` sealed. Raises Unavailable when KMS is away or refuses.

        No key is named: while everything moves to another one, either may have sealed it, and the role says
        which may be used.
        """
        answer = self._call("decrypt", CiphertextBlob=wrapped, EncryptionContext=context.as_dict())
        plain: bytes = answer["Plaintext"]
        return plain

    def rewrap(self, wrapped: bytes, context: Context, key: str) -> bytes:
        """Wrap anew under the present material of `key`; the plain value never leaves the key service."""
        answer = self._call(
            "re_encrypt",
            CiphertextBlob=wrapped,
            SourceEncryptionContext=context.as_dict(),
            DestinationKeyId=key,
            DestinationEncryptionContext=context.as_dict(),
        )
        new: bytes = answer["CiphertextBlob"]
        return new

    def _call(self, name: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.client, name)(**request)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(
                "key_service", "The key service did not open the key; try again in a moment.", call=name
            ) from error
        return answer
