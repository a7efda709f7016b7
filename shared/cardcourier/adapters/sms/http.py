"""One POST to a provider: explicit time limits, nothing repeated, nothing of what was sent in an error."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from cardcourier.domain.sms import SmsUnavailable

CONNECT_SECONDS, READ_SECONDS = 2.0, 5.0
MOST_BYTES = 65_536


class Http:
    """A pool of connections to one provider. `base` is its address, without a slash at its end."""

    def __init__(self, base: str) -> None:
        self._base = base
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=4)

    @property
    def host(self) -> str:
        """As it is signed: with its port, where that is not the usual one."""
        return self._base.partition("://")[2]

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The answer's JSON object, whatever its status. Raises SmsUnavailable when nothing can be read."""
        try:
            answer = self._pool.request(
                "POST",
                self._base + path,
                body=body,
                headers=dict(headers),
                redirect=False,
                preload_content=False,
            )
            raw = answer.read(MOST_BYTES)
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError):
            # `from None`: urllib3 quotes the address, and with it what stands in the query.
            raise SmsUnavailable("The SMS provider did not answer.", reason="no_answer") from None
        try:
            found = json.loads(raw)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SmsUnavailable(
                f"The SMS provider answered {answer.status} without JSON.", reason=f"http_{answer.status}"
            )
        return found
