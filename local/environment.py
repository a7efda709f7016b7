"""The processes functions run in: each serves one function, one call at a time, with its own variables.

Lambda never runs two calls at once in one process, and code written for it relies on that (Powertools'
resolver keeps the current event in a class attribute, its batch processor keeps the failures of the batch):
threads would answer one buyer with another's order. So each environment is a process. They are forked from
one small parent that has the slow third-party imports behind it, which makes a cold start a matter of
milliseconds. An isolated one is an interpreter of its own instead: it has the function's variables from its
first moment, and nothing but the standard library, the function's folder and its layers to import from.

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
from pathlib import Path
from typing import Any, NoReturn

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

ROOT = Path(__file__).resolve().parent.parent

# What an isolated interpreter runs first; this package is on its path for as long as this takes.
_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from local.environment import alone
sys.path.remove(sys.argv[1])
alone(int(sys.argv[2]), sys.argv[3])
"""

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


def failure(error: BaseException, kind: str = "") -> dict[str, Any]:
    """An exception in the shape Lambda reports it."""
    trace = traceback.format_exception(error)
    return {"errorType": kind or type(error).__name__, "errorMessage": str(error), "stackTrace": trace}


class _Meets:
    """What the function's own requests meet during a call; the hook is made when the first call wants it."""

    def __init__(self) -> None:
        self._hook: Any = None

    def begin(self, faults: dict[str, Any] | None) -> None:
        if faults and self._hook is None:
            from local.lossy import Lossy

            self._hook = Lossy()
        if self._hook is not None:
            self._hook.begin(faults or {})

    @property
    def happened(self) -> dict[str, int]:
        return dict(self._hook.happened) if self._hook is not None else {}


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
        kind = "Runtime.ImportModuleError" if isinstance(broken, ImportError) else ""
        send(channel, json.dumps({"error": failure(broken, kind)}).encode())
        return
    send(channel, b"{}")
    meets = _Meets()
    while True:
        call = json.loads(receive(channel))
        context = Context(**call["context"])
        meets.begin(call.get("faults"))
        try:
            answer = {"result": handler(call["event"], context)}
            text = json.dumps(answer | {"happened": meets.happened})
        except Exception as crashed:  # the process boundary: Lambda reports a crash and keeps the environment
            traceback.print_exc()
            text = json.dumps({"error": failure(crashed), "happened": meets.happened})
        send(channel, text.encode())


def alone(descriptor: int, name: str) -> None:
    """Be the environment of one function in an interpreter that knows nothing else; its order comes first."""
    _prctl(PR_SET_NAME, name.encode()[:15])
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = socket.socket(fileno=descriptor)
    with contextlib.suppress(EOFError, OSError):
        serve(channel, json.loads(receive(channel)))


def _child(channel: socket.socket, order: dict[str, Any]) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_NAME, order["name"].encode()[:15])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order["isolated"]:
        _begin_alone(channel, order)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with contextlib.suppress(EOFError, OSError):
        serve(channel, order)


def _begin_alone(channel: socket.socket, order: dict[str, Any]) -> NoReturn:
    """Become a fresh interpreter; -I and -S keep every package of this one from it."""
    os.set_inheritable(channel.fileno(), True)
    fixed = [sys.executable, "-I", "-S", "-c", _ALONE, str(ROOT), str(channel.fileno()), order["name"]]
    os.execve(sys.executable, fixed, order["environ"])


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
