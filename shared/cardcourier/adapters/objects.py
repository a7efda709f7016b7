"""Objects in S3: whole files, small bodies that may be written once, and links for a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.errors import Unavailable

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_CHUNK = 1 << 20


class Objects:
    """Buckets through one client, which must sign with Signature Version 4 (`s3v4`).

    Version 2 links would still be made by default in the oldest regions, and nobody else takes them.
    """

    def __init__(self, client: Any) -> None:
        if client.meta.config.signature_version != "s3v4":
            raise ValueError("the S3 client must be made with Config(signature_version='s3v4')")
        self._client = client

    def put_file(
        self, bucket: str, key: str, path: Path, content_type: str = "application/octet-stream"
    ) -> None:
        """Upload a file, in parts when it is large."""
        from boto3.exceptions import S3UploadFailedError

        try:
            self._client.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": content_type})
        except (BotoCoreError, ClientError, S3UploadFailedError) as error:
            _unavailable(error)

    def put_bytes(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        if_none_match: bool = False,
    ) -> bool:
        """Write a small object. With `if_none_match` one that is there stays, and the answer is False."""
        condition = {"IfNoneMatch": "*"} if if_none_match else {}
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition)
        except ClientError as error:
            if if_none_match and _code(error) in {"PreconditionFailed", "412"}:
                return False
            _unavailable(error)
        except BotoCoreError as error:
            _unavailable(error)
        return True

    def get(self, bucket: str, key: str) -> bytes | None:
        """The whole object, or None when there is none."""
        try:
            body: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            _unavailable(error)
        except BotoCoreError as error:
            _unavailable(error)
        return body

    def chunks(self, bucket: str, key: str) -> Iterator[bytes]:
        """The object piece by piece, about a megabyte each; nothing at all when there is none."""
        try:
            yield from self._client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_CHUNK)
        except ClientError as error:
            if _code(error) not in _ABSENT:
                _unavailable(error)
        except BotoCoreError as error:
            _unavailable(error)

    def keys(self, bucket: str, prefix: str, after: str = "") -> Iterator[str]:
        """The keys that begin with `prefix`, in order, those behind `after` alone."""
        request = {"Bucket": bucket, "Prefix": prefix, "StartAfter": after}
        try:
            while True:
                page = self._client.list_objects_v2(**request)
                yield from (item["Key"] for item in page.get("Contents", ()))
                if not page.get("IsTruncated"):
                    return
                request = {
                    "Bucket": bucket,
                    "Prefix": prefix,
                    "ContinuationToken": page["NextContinuationToken"],
                }
        except (BotoCoreError, ClientError) as error:
            _unavailable(error)

    def presigned_get(self, bucket: str, key: str, filename: str, seconds: int = 300) -> str:
        """A link that saves the object under `filename`, for `seconds` from now."""
        url: str = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": bucket,
                "Key": key,
                "ResponseContentDisposition": content_disposition(filename),
            },
            ExpiresIn=seconds,
        )
        return url

    def presigned_post(self, bucket: str, key: str, max_bytes: int, seconds: int) -> dict[str, Any]:
        """`url` and `fields` of a form that may upload 1 to `max_bytes` bytes to exactly this key."""
        form: dict[str, Any] = self._client.generate_presigned_post(
            bucket, key, Conditions=[["content-length-range", 1, max_bytes]], ExpiresIn=seconds
        )
        return form


def content_disposition(filename: str) -> str:
    """An attachment's header with the name in plain ASCII and, by RFC 5987, in full."""
    plain = "".join(
        char if char.isascii() and (char.isalnum() or char in "-_. ") else "_" for char in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> NoReturn:
    code = _code(error) if isinstance(error, ClientError) else type(error).__name__
    if code in {"AccessDenied", "NoSuchBucket", "InvalidArgument"}:
        raise error
    raise Unavailable(
        "objects_unavailable", "The object store did not answer; try again.", cause=code
    ) from error
