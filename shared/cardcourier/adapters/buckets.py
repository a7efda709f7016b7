"""One bucket, by the keys of its objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.objects import Objects
from cardcourier.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Bucket:
    client: Any
    objects: Objects
    name: str

    def write(self, key: str, body: bytes) -> None:
        self.objects.put_bytes(self.name, key, body)

    def size(self, key: str) -> int | None:
        """In bytes, by the bucket's list; None when there is no such object."""
        try:
            found = self.client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("objects_unavailable", "The object store did not answer; try again.") from error
        return next((int(item["Size"]) for item in found.get("Contents", ()) if item["Key"] == key), None)

    def upload_form(self, key: str, most_bytes: int, seconds: int) -> Mapping[str, Any]:
        """`url` and `fields` of a form that uploads to exactly this key."""
        return self.objects.presigned_post(self.name, key, most_bytes, seconds)

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """A link that saves the object under this name, for so many seconds."""
        return self.objects.presigned_get(self.name, key, file_name, seconds)
