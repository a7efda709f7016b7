"""The runner's end of the processes functions run in: started, called, watched, ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from local import engines
from local.environment import receive, send
from local.template import REGION

# How long Lambda lets a function load before its first call.
INIT_SECONDS = 10.0
# Between two looks at the memory of an isolated process.
LOOK_SECONDS = 0.05
MEGABYTE = 1024 * 1024


class ProcessError(Exception):
    """The parent of all processes is gone."""


class Environment:
    """One process that serves one function; `memory` MB is the most it may use, 0 for as much as it likes."""

    def __init__(self, pid: int, channel: socket.socket, memory: int = 0) -> None:
        self.pid, self._channel, self._memory = pid, channel, memory
        self.ready = False

    def load(self, seconds: float) -> dict[str, Any]:
        """Wait until it can be called: an empty answer, or the error of a function that cannot be loaded."""
        first: dict[str, Any] = {}
        if not self.ready:
            first = self._receive(seconds)
            self.ready = "error" not in first
        return first

    def call(self, message: bytes, seconds: float) -> dict[str, Any]:
        """One call's answer; TimeoutError, MemoryError, or EOFError and OSError for a process that ended."""
        if "error" in (failed := self.load(INIT_SECONDS + seconds)):
            return failed
        send(self._channel, message)
        return self._receive(seconds)

    @property
    def lost(self) -> bool:
        """Whether an idle process ended by itself: only then does it have something to say."""
        return self.ready and bool(select.select([self._channel], [], [], 0)[0])

    def end(self, *, now: bool = False) -> None:
        """Let it end; `now` kills it in the middle of whatever it does."""
        if now:
            self.kill()
        self._channel.close()

    def kill(self) -> None:
        """Kill the process; whoever waits for its answer learns that it ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _receive(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            look = min(left, LOOK_SECONDS) if self._memory else left
            if select.select([self._channel], [], [], look)[0]:
                self._channel.settimeout(max(0.001, deadline - time.monotonic()))
                return dict(json.loads(receive(self._channel)))
            if self._memory and resident(self.pid) > self._memory * MEGABYTE:
                raise MemoryError
        raise TimeoutError


def resident(pid: int) -> int:
    """Bytes of memory a process has in use; 0 where the kernel does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class Parent:
    """The process all environments come from; start it early, its imports take a while."""

    name = "functions"

    def __init__(self, log: Path) -> None:
        self.log = log
        self._forking = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {**process_variables(), "PYTHONPATH": str(engines.ROOT)}
        argv = [sys.executable, "-m", "local.environment", str(theirs.fileno())]
        with theirs:
            self.process = engines.tied_process(argv, environ, self.log, [theirs.fileno()])

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def restart(self) -> None:
        """Start it again, once it has ended; its environments ended with it."""
        with self._forking:
            self._requests.close()
            self._start()

    def fork(self, order: dict[str, Any], memory: int = 0) -> Environment:
        """A new environment; raises ProcessError when the parent is gone."""
        ours, theirs = socket.socketpair()
        with self._forking, theirs:
            try:
                socket.send_fds(self._requests, [json.dumps(order).encode()], [theirs.fileno()])
                pid = int(self._requests.recv(32) or b"0")
            except OSError:
                pid = 0
        if not pid:
            ours.close()
            raise ProcessError(f"the parent of all functions ended, see {self.log}")
        if order["isolated"]:
            send(ours, json.dumps(order).encode())
        return Environment(pid, ours, memory)

    def stop(self) -> None:
        """End it and every environment; calls that still run are cut off."""
        self._requests.close()
        self.process.terminate()
        self.process.wait()


def process_variables() -> dict[str, str]:
    """What every process has: nothing of the user's AWS set-up, and no proxy before the engines."""
    kept = ("PATH", "HOME", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **engines.CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
