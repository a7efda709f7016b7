"""One bucket, by the keys of its objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.objects import Objects
from cardcourier.errors import Unavailable

# Who may not list a bucket is told 403 of an object that is not there.
_ABSENT = {"404", "NoSuchKey", "NotFound", "403", "AccessDenied", "Forbidden"}


@dataclass(frozen=True, slots=True)
class Bucket:
    client: Any
    objects: Objects
    name: str

    def write(self, key: str, body: bytes) -> None:
        self.objects.put_bytes(self.name, key, body)

    def size(self, key: str) -> int | None:
        """In bytes; None when there is no such object."""
        try:
            return int(self.client.head_object(Bucket=self.name, Key=key)["ContentLength"])
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code", "")) in _ABSENT:
                return None
            raise Unavailable("objects_unavailable", "The object store did not answer; try again.") from error
        except BotoCoreError as error:
            raise Unavailable("objects_unavailable", "The object store did not answer; try again.") from error

    def upload_form(self, key: str, most_bytes: int, seconds: int) -> Mapping[str, Any]:
        """`url` and `fields` of a form that uploads to exactly this key."""
        return self.objects.presigned_post(self.name, key, most_bytes, seconds)

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """A link that saves the object under this name, for so many seconds."""
        return self.objects.presigned_get(self.name, key, file_name, seconds)
