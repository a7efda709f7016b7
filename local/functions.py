"""The functions of the template: what each is, which variables it has, and how it is called."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import engines
from local.environment import receive, send
from local.resources import Resources
from local.template import ACCOUNT, PARTITION, REGION, Template, TemplateError


class FunctionError(Exception):
    """A function raised, ran out of time or could not be loaded; `kind` is Lambda's name for the error."""

    def __init__(self, function: str, kind: str, message: str) -> None:
        super().__init__(f"{function}: {kind}: {message}")
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function as deployed; `name` is its folder's name, `timeout` seconds, `memory` MB."""

    logical_id: str
    name: str
    folder: Path
    handler: str
    timeout: float
    memory: int
    arn: str
    variables: dict[str, str]
    events: dict[str, dict[str, Any]]


def functions_of(template: Template, resources: Resources) -> dict[str, Function]:
    """Every function of the template by name, intrinsic functions resolved."""
    found = {}
    for logical, raw in template.function_properties().items():
        wanted = ("CodeUri", "Handler", "Timeout", "MemorySize", "Environment", "Events")
        spec = resources.resolve({key: raw[key] for key in wanted if key in raw})
        folder = template.folder / spec["CodeUri"]
        variables = {
            key: str(resources.resolve(value))
            for key, value in spec.get("Environment", {}).get("Variables", {}).items()
        }
        found[folder.name] = Function(
            logical_id=logical,
            name=folder.name,
            folder=folder,
            handler=spec["Handler"],
            timeout=float(spec.get("Timeout", 3)),
            memory=int(spec.get("MemorySize", 128)),
            arn=f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{folder.name}",
            variables=variables,
            events=spec.get("Events", {}),
        )
    return found


def layer_folders(template: Template) -> list[str]:
    """Folders of layers that hold packages, as they are on Lambda's import path."""
    layers = template.of_type("AWS::Serverless::LayerVersion").values()
    folders = [template.folder / layer["ContentUri"] for layer in layers]
    return [str(folder) for folder in folders if any(folder.glob("*/__init__.py"))]


class _Environment:
    """The runner's end of one process that serves one function."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid, self.channel = pid, channel
        self.ready = False

    def call(self, message: bytes, seconds: float) -> dict[str, Any]:
        self.channel.settimeout(seconds)
        if not self.ready:
            first = json.loads(receive(self.channel))
            if "error" in first:
                return dict(first)
            self.ready = True
        send(self.channel, message)
        return dict(json.loads(receive(self.channel)))

    def end(self, *, now: bool = False) -> None:
        self.channel.close()
        if now:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Parent:
    """The process all environments are forked from; start it early, its imports take a while."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._forking = threading.Lock()
        environ = {**_process_variables(), "PYTHONPATH": str(engines.ROOT)}
        argv = [sys.executable, "-m", "local.environment", str(theirs.fileno())]
        with theirs:
            self._process = engines.tied_process(argv, environ, log, [theirs.fileno()])

    def fork(self, order: dict[str, Any]) -> _Environment:
        """A new environment; raises FunctionError when the parent is gone."""
        ours, theirs = socket.socketpair()
        with self._forking, theirs:
            socket.send_fds(self._requests, [json.dumps(order).encode()], [theirs.fileno()])
            pid = int(self._requests.recv(32) or b"0")
        if not pid:
            ours.close()
            raise FunctionError(order["name"], "Runtime.ExitError", f"its parent ended, see {self.log}")
        return _Environment(pid, ours)

    def stop(self) -> None:
        """End it and every environment; calls that still run are cut off."""
        self._requests.close()
        self._process.terminate()
        self._process.wait()


class Functions:
    """Calls functions, each call in a process without any other; at most `concurrency` at once each."""

    def __init__(
        self,
        functions: dict[str, Function],
        layers: list[str],
        endpoints: dict[str, str],
        parent: Parent,
        concurrency: int,
    ) -> None:
        self.functions = functions
        self._layers, self._endpoints, self._parent = layers, endpoints, parent
        self._idle: dict[str, deque[_Environment]] = {name: deque() for name in functions}
        self._places = {name: threading.Semaphore(concurrency) for name in functions}
        self._counting = threading.Lock()
        self.calls = self.running = 0

    def environment_of(self, name: str) -> dict[str, str]:
        """All variables of one function's process and no others; EngineError for an endpoint elsewhere."""
        function = self._find(name)
        environ = {
            **_process_variables(),
            **self._endpoints,
            **function.variables,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LAMBDA_TASK_ROOT": str(function.folder),
        }
        for key, value in environ.items():
            if key.startswith("AWS_ENDPOINT_URL"):
                engines.require_loopback(value)
        return environ

    def environment(self) -> dict[str, str]:
        """The variables of all functions together, for operator commands and tests.

        Raises TemplateError when two functions give one name different values.
        """
        union: dict[str, str] = {}
        for name, function in self.functions.items():
            for key, value in function.variables.items():
                if union.setdefault(key, value) != value:
                    raise TemplateError(
                        f"{key} is {value!r} in {name} and {union[key]!r} in another function"
                    )
        return {**_process_variables(), **self._endpoints, **union}

    def warm(self) -> dict[str, FunctionError]:
        """Start one process for every function; the errors of those that cannot be loaded, by name."""
        for name in self.functions:
            self._idle[name].append(self._fork(name))
        problems = {}
        for name, environments in self._idle.items():
            try:
                first = json.loads(receive(environments[0].channel))
            except EOFError:
                first = {
                    "error": {
                        "errorType": "Runtime.ExitError",
                        "errorMessage": f"ended early, see {self._parent.log}",
                    }
                }
            if "error" in first:
                problems[name] = FunctionError(
                    name, first["error"]["errorType"], first["error"]["errorMessage"]
                )
                environments.popleft().end()
            else:
                environments[0].ready = True
        return problems

    def forget(self) -> None:
        """End every idle process, so that the next call of each function is a cold start."""
        for environments in self._idle.values():
            with contextlib.suppress(IndexError):
                while True:
                    environments.pop().end()

    def invoke(self, name: str, event: Any) -> Any:
        """Call a function and return its answer, both through JSON; raises FunctionError when it failed."""
        function = self._find(name)
        with self._counting:
            self.calls += 1
            self.running += 1
        try:
            with self._places[function.name]:
                answer = self._call(function, event)
        finally:
            with self._counting:
                self.running -= 1
        if "error" in answer:
            raise FunctionError(name, answer["error"]["errorType"], answer["error"]["errorMessage"])
        return answer["result"]

    def _call(self, function: Function, event: Any) -> dict[str, Any]:
        try:
            environment = self._idle[function.name].pop()
        except IndexError:
            environment = self._fork(function.name)
        context = {
            "function_name": function.name,
            "memory_limit_in_mb": function.memory,
            "invoked_function_arn": function.arn,
            "aws_request_id": str(uuid.uuid4()),
            "deadline": time.time() + function.timeout,
        }
        try:
            answer = environment.call(
                json.dumps({"event": event, "context": context}).encode(), function.timeout
            )
        except TimeoutError:
            environment.end(now=True)
            raise FunctionError(
                function.name, "Sandbox.Timedout", f"no answer in {function.timeout} s"
            ) from None
        except (EOFError, OSError):
            environment.end(now=True)
            raise FunctionError(function.name, "Runtime.ExitError", "its process ended") from None
        if environment.ready:
            self._idle[function.name].append(environment)
        else:
            environment.end()
        return answer

    def _find(self, name: str) -> Function:
        for function in self.functions.values():
            if name in (function.name, function.logical_id):
                return function
        raise TemplateError(f"no function is called {name}; there are {', '.join(self.functions)}")

    def _fork(self, name: str) -> _Environment:
        function = self.functions[name]
        order = {
            "name": name,
            "environ": self.environment_of(name),
            "folder": str(function.folder),
            "layers": self._layers,
            "handler": function.handler,
            "log": str(self._parent.log),
        }
        return self._parent.fork(order)


def _process_variables() -> dict[str, str]:
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
