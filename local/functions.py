"""The functions of the template: what each is, which variables it has, and how it is called."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import engines
from local.faults import Switches
from local.figures import Figures
from local.layers import layers_of
from local.processes import INIT_SECONDS, Environment, Parent, ProcessError, process_variables
from local.resources import Resources
from local.template import ACCOUNT, PARTITION, REGION, Template, TemplateError

# What is done to a call on purpose, by the names of `local.faults`.
NOT_STARTED, ANSWER_LOST = "Fault.NotStarted", "Fault.AnswerLost"


class FunctionError(Exception):
    """A function raised, ran out of time or could not be loaded; `kind` is Lambda's name for the error."""

    def __init__(self, function: str, kind: str, message: str) -> None:
        super().__init__(f"{function}: {kind}: {message}")
        self.kind, self.text = kind, message


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
    layers: tuple[str, ...] = ()


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
            layers=layers_of(template, raw),
        )
    return found


class Functions:
    """Calls functions, each call in a process without any other; at most `concurrency` at once each.

    `layers` are the folders of layers by logical id. Isolated, each function has its own and no others, in
    interpreters of its own, with the memory the template gives it; else all share them and one warm parent.
    """

    def __init__(
        self,
        functions: dict[str, Function],
        layers: dict[str, str],
        endpoints: dict[str, str],
        parent: Parent,
        concurrency: int,
        *,
        isolate: bool = False,
        switches: Switches | None = None,
    ) -> None:
        self.functions = functions
        self.isolate, self.switches = isolate, switches or Switches()
        self.figures = {name: Figures() for name in functions}
        self._layers, self._endpoints, self._parent = layers, endpoints, parent
        self._idle: dict[str, deque[Environment]] = {name: deque() for name in functions}
        self._busy: dict[str, set[Environment]] = {name: set() for name in functions}
        self._places = {name: threading.Semaphore(concurrency) for name in functions}
        self._counting = threading.Lock()
        self.calls = self.running = 0

    def environment_of(self, name: str) -> dict[str, str]:
        """All variables of one function's process and no others; EngineError for an endpoint elsewhere."""
        function = self._find(name)
        environ = {
            **process_variables(),
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
        return {**process_variables(), **self._endpoints, **union}

    def warm(self) -> dict[str, FunctionError]:
        """Start one process for every function; the errors of those that cannot be loaded, by name."""
        for name in self.functions:
            self._idle[name].append(self._fork(name))
        problems = {}
        for name, environments in self._idle.items():
            environment = environments[0]
            try:
                failed = environment.load(INIT_SECONDS + self.functions[name].timeout).get("error")
            except (EOFError, OSError):
                ended = f"ended early or took too long, see {self._parent.log}"
                failed = {"errorType": "Runtime.ExitError", "errorMessage": ended}
            if failed:
                problems[name] = FunctionError(name, failed["errorType"], failed["errorMessage"])
                environments.remove(environment)
                environment.end(now=True)
        return problems

    def forget(self) -> None:
        """End every idle process, so that the next call of each function is a cold start."""
        for name in self.functions:
            for environment in self._taken(name):
                environment.end()

    def kill(self, name: str) -> int:
        """`kill -9` every process of a function, in the middle of its calls; how many there were."""
        function = self._find(name)
        idle = self._taken(function.name)
        for environment in idle:
            environment.end(now=True)
        busy = list(self._busy[function.name])
        for environment in busy:
            environment.kill()
        return len(idle) + len(busy)

    def processes(self, name: str) -> list[int]:
        """The processes of a function, by their ids."""
        return [one.pid for one in (*self._idle[name], *self._busy[name])]

    def invoke(self, name: str, event: Any) -> Any:
        """Call a function and return its answer, both through JSON; raises FunctionError when it failed."""
        function = self._find(name)
        figures = self.figures[function.name]
        with self._counting:
            self.calls += 1
            self.running += 1
        try:
            with self._places[function.name]:
                return self._answer(function, event, figures)
        except FunctionError as failed:
            figures.failed(failed.kind, failed.text)
            raise
        finally:
            with self._counting:
                self.running -= 1

    def _answer(self, function: Function, event: Any, figures: Figures) -> Any:
        switches = self.switches
        if switches.active:
            switches.wait(function.name)
            if switches.strikes("fail", function.name):
                raise FunctionError(function.name, NOT_STARTED, "a fault that was asked for")
        began = time.monotonic()
        try:
            answer = self._call(function, event)
        finally:
            figures.took(time.monotonic() - began)
        switches.count(function.name, answer.get("happened", {}))
        if "error" in answer:
            told = answer["error"]
            raise FunctionError(function.name, told["errorType"], told["errorMessage"])
        if switches.active and switches.strikes("lose", function.name):
            raise FunctionError(function.name, ANSWER_LOST, "a fault that was asked for")
        return answer["result"]

    def _call(self, function: Function, event: Any) -> dict[str, Any]:
        environment = self._environment(function.name)
        context = {
            "function_name": function.name,
            "memory_limit_in_mb": function.memory,
            "invoked_function_arn": function.arn,
            "aws_request_id": str(uuid.uuid4()),
            "deadline": time.time() + function.timeout,
        }
        message = {"event": event, "context": context, "faults": self.switches.at_aws(function.name)}
        self._busy[function.name].add(environment)
        try:
            answer = environment.call(json.dumps(message).encode(), function.timeout)
        except TimeoutError:
            environment.end(now=True)
            text = f"no answer in {function.timeout} s"
            raise FunctionError(function.name, "Sandbox.Timedout", text) from None
        except MemoryError:
            environment.end(now=True)
            text = f"used more than {function.memory} MB"
            raise FunctionError(function.name, "Runtime.OutOfMemory", text) from None
        except (EOFError, OSError):
            environment.end(now=True)
            raise FunctionError(function.name, "Runtime.ExitError", "its process ended") from None
        finally:
            self._busy[function.name].discard(environment)
        if environment.ready:
            self._idle[function.name].append(environment)
        else:
            environment.end()
        return answer

    def _environment(self, name: str) -> Environment:
        """An idle process, the last used first, or a new one."""
        with contextlib.suppress(IndexError):
            while True:
                found = self._idle[name].pop()
                if not found.lost:
                    return found
                found.end()
        return self._fork(name)

    def _taken(self, name: str) -> list[Environment]:
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._idle[name].pop())
        return taken

    def _find(self, name: str) -> Function:
        for function in self.functions.values():
            if name in (function.name, function.logical_id):
                return function
        raise TemplateError(f"no function is called {name}; there are {', '.join(self.functions)}")

    def _fork(self, name: str) -> Environment:
        function = self.functions[name]
        layers = function.layers if self.isolate else self._layers
        order = {
            "name": name,
            "environ": self.environment_of(name),
            "folder": str(function.folder),
            "layers": [self._layers[layer] for layer in layers],
            "handler": function.handler,
            "log": str(self._parent.log),
            "isolated": self.isolate,
        }
        try:
            return self._parent.fork(order, function.memory if self.isolate else 0)
        except ProcessError as gone:
            raise FunctionError(name, "Runtime.ExitError", str(gone)) from gone
