"""One keep-alive connection that speaks an AWS JSON protocol to a loopback engine.

The pollers ask many times a second, and what they get is handed to functions in the very shape it has on the
wire (bytes as base64, times as numbers): a generic client would cost four times the CPU and undo that shape.
"""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.engines import CREDENTIALS, require_loopback
from local.template import REGION

SQS = ("sqs", "AmazonSQS", "1.0")
STREAMS = ("dynamodb", "DynamoDBStreams_20120810", "1.0")
SECONDS = 20.0


class WireError(Exception):
    """The engine refused a request; `code` is AWS's name for the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Wire:
    """One connection for one thread; OSError when the engine is not there."""

    def __init__(self, endpoint: str, protocol: tuple[str, str, str]) -> None:
        service, self._target, version = protocol
        self._url = require_loopback(endpoint) + "/"
        self._type = f"application/x-amz-json-{version}"
        keys = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        self._signer = SigV4Auth(keys, service, REGION)
        parts = urllib.parse.urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=SECONDS)

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Send one operation and return its answer; a connection closed meanwhile is opened again."""
        body = json.dumps(arguments, separators=(",", ":"))
        request = AWSRequest("POST", self._url, {"Content-Type": self._type}, body)
        request.headers["X-Amz-Target"] = f"{self._target}.{operation}"
        self._signer.add_auth(request)
        headers = dict(request.headers.items())
        try:
            try:
                return self._send(body, headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                return self._send(body, headers)
        except http.client.HTTPException as broken:
            self._connection.close()
            raise ConnectionError(f"{self._url} broke off") from broken
        except OSError:
            self._connection.close()
            raise

    def _send(self, body: str, headers: dict[str, str]) -> Any:
        self._connection.request("POST", "/", body.encode(), headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read() or b"{}")
        if response.status >= 400:
            code = str(answer.get("__type", response.status)).rpartition("#")[2]
            raise WireError(code, str(answer.get("message", answer.get("Message", ""))))
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
