"""The processes functions run in: each serves one function, one call at a time, with its own variables.

Lambda never runs two calls at once in one process, and code written for it relies on that (Powertools'
resolver keeps the current event in a class attribute, its batch processor keeps the failures of the batch):
threads would answer one buyer with another's order. So each environment is a process. They are forked from
one small parent that has the slow third-party imports behind it, which makes a cold start a matter of
milliseconds.

Run as `python -m local.environment <descriptor>`: the descriptor is a seqpacket socket on which requests to
fork arrive, each with the socket the new environment shall serve. A message on that is 4 bytes of length and
JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

# Third-party modules worth importing once; the product's own code is imported by each environment for itself.
PRELOADED = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.batch",
    "boto3",
    "botocore.client",
    "cryptography.hazmat.primitives.ciphers.aead",
    "jinja2",
    "pydantic",
    "pynamodb.models",
    "segno",
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler learns of its call; the names are Lambda's."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    log_group_name: str = "local"
    log_stream_name: str = "local"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's time-out."""
        return max(0, int((self.deadline - time.time()) * 1000))


def send(channel: socket.socket, message: bytes) -> None:
    """Write one message."""
    channel.sendall(struct.pack("!I", len(message)) + message)


def receive(channel: socket.socket) -> bytes:
    """Read one message; raises EOFError when the other side is gone."""
    (length,) = struct.unpack("!I", _exactly(channel, 4))
    return bytes(_exactly(channel, length))


def _exactly(channel: socket.socket, length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        part = channel.recv(min(1 << 20, length - len(data)))
        if not part:
            raise EOFError
        data += part
    return data


def failure(error: BaseException) -> dict[str, Any]:
    """An exception in the shape Lambda reports it."""
    trace = traceback.format_exception(error)
    return {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": trace}


def serve(channel: socket.socket, order: dict[str, Any]) -> None:
    """Be the environment of one function until the other side is gone."""
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    sys.path[:0] = [order["folder"], *order["layers"]]
    module, _, name = order["handler"].rpartition(".")
    try:
        handler = getattr(importlib.import_module(module), name)
    except (
        Exception
    ) as broken:  # the process boundary: whatever the import raised is the answer to every call
        traceback.print_exc()
        send(channel, json.dumps({"error": failure(broken)}).encode())
        return
    send(channel, b"{}")
    while True:
        call = json.loads(receive(channel))
        context = Context(**call["context"])
        try:
            answer = json.dumps({"result": handler(call["event"], context)})
        except Exception as crashed:  # the process boundary: Lambda reports a crash and keeps the environment
            traceback.print_exc()
            answer = json.dumps({"error": failure(crashed)})
        send(channel, answer.encode())


def _child(channel: socket.socket, order: dict[str, Any]) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NAME, order["name"].encode()[:15])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with contextlib.suppress(EOFError, OSError):
        serve(channel, order)


def _prctl(option: int, argument: int | bytes) -> None:
    call = getattr(ctypes.CDLL(None), "prctl", None)
    if call is not None:
        call(option, argument)


def main(descriptor: int) -> None:
    """Fork an environment for every request, until the runner is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=descriptor)
    while True:
        order, descriptors, _, _ = socket.recv_fds(requests, 1 << 17, 1)
        if not order:
            return
        pid = os.fork()
        if pid == 0:
            requests.close()
            _child(socket.socket(fileno=descriptors[0]), json.loads(order))
            os._exit(0)
        os.close(descriptors[0])
        requests.send(str(pid).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
