"""The whole local cloud: started, watched and stopped as one thing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from local import engines
from local.desk import Desk
from local.faults import Faults, Switches
from local.functions import FunctionError, Functions, functions_of
from local.http import Gateway, Server
from local.layers import layer_folders
from local.mailbox import mails, texts
from local.processes import Parent
from local.queues import QueueSource
from local.resources import Resources
from local.schedules import Schedule, schedule_event
from local.status import Status
from local.streams import StreamSource
from local.template import Template, TemplateError

MAIL_FROM = "cards@cardcourier.example"
# One machine is one address and often one key: the limits are there, and wide.
API_LIMITS = "read=60000 write=60000 heavy=6000 unknown=6000"
LOCK_SECONDS = 20.0
STACK = "cardcourier-local"
Source = TypeVar("Source", QueueSource, StreamSource, Schedule)


class Cloud:
    """What `template.yaml` deploys, on this machine, with its state in one folder.

    Use it in a `with`, from the main thread: the engines die with the thread that started them. `fresh` wipes
    the folder first. `concurrency` is how many calls of one function may run at once. `tables` chooses the
    table engine, "dynoxide" or "ministack"; without `sources` no queue, stream or schedule calls a function.
    `isolate` gives each function interpreters of its own, with its own layers and memory and no more.
    Several clouds may run at once, each on a folder of its own.

    An engine that ends by itself is started again on its port and data, and so is the process that functions
    come from; `restarts` counts them by name.

    What a `kill -9` leaves behind: tables with all they acknowledged, keys, secrets, buckets and objects, and
    how far each stream was read. Messages in queues and mails may be lost, as nothing durable may depend on
    them.
    """

    def __init__(
        self,
        data: Path | str,
        *,
        fresh: bool = False,
        quiet: bool = False,
        template: Path | None = None,
        parameters: Mapping[str, str] | None = None,
        tables: str = "dynoxide",
        concurrency: int = 2,
        sources: bool = True,
        isolate: bool = False,
    ) -> None:
        self.data = Path(data).resolve()
        self._fresh, self._quiet, self._concurrency = fresh, quiet, concurrency
        self._template_path = template or engines.ROOT / "template.yaml"
        self._given = dict(parameters or {})
        self._wanted_tables, self._wanted_sources, self._isolate = tables, sources, isolate
        self.switches = Switches()
        self._undo = contextlib.ExitStack()
        self._sources: list[QueueSource | StreamSource | Schedule] = []
        self._stopping = threading.Event()
        self._engines_change = threading.RLock()
        self.problems: dict[str, FunctionError] = {}
        self.restarts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ what it offers

    def client(self, service: str) -> Any:
        """A boto3 client of the engine that plays this service."""
        return self.resources.client(service)

    def resource(self, logical_id: str) -> str:
        """What `Ref` gives for a resource: a table's name, a queue's URL, a bucket's name."""
        return str(self.resources.lookup(logical_id, ""))

    @property
    def outputs(self) -> dict[str, str]:
        """The template's outputs."""
        return self.resources.outputs()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all functions together: what a command with direct access to the tables needs."""
        return self.functions.environment()

    def environment_of(self, function: str) -> dict[str, str]:
        """All variables of one function's process and no others, to run it in a process of one's own."""
        return self.functions.environment_of(function)

    def bootstrap_secret(self) -> str:
        """The secret that creates the first tenant."""
        secret = self.resource("BootstrapSecret")
        return str(self.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function by its folder's name or logical id; raises FunctionError when it fails."""
        return self.functions.invoke(function, event)

    def sources(self, kind: type[Source]) -> list[Source]:
        """What calls functions by itself: the queue pollers, stream readers or schedules."""
        return [source for source in self._sources if isinstance(source, kind)]

    def run_schedule(self, function: str) -> Any:
        """Run a scheduled function now and return its answer."""
        return self.functions.invoke(function, schedule_event())

    def kill(self, function: str) -> int:
        """`kill -9` every process of one function while the rest goes on; how many there were."""
        return self.functions.kill(function)

    @contextlib.contextmanager
    def faults(
        self, *, only: tuple[str, ...] = (), delay: tuple[int, int] = (0, 0), seed: int = 0, **rates: float
    ) -> Iterator[Counter[str]]:
        """For the length of a `with` what `local.faults` describes, by seed; afterwards what has happened.

        with cloud.faults(duplicate=0.3, lose=0.1, seed=7) as happened: …
        assert happened["lose"]
        """
        faults = Faults(only=frozenset(only), delay=delay, seed=seed, **rates)
        with self.switches.on(faults) as happened:
            yield happened

    def mails(self) -> list[dict[str, Any]]:
        """What would have been mailed, newest first."""
        return mails(self.services.endpoint)

    def texts(self) -> list[dict[str, Any]]:
        """What would have been sent by SMS."""
        return texts(self.services.endpoint)

    def wait_idle(self, timeout: float = 60.0) -> None:
        """Return when nothing is left to do: no call runs, no message waits, is delayed or in work, streams
        are read.

        Dead letters do not count. Raises TimeoutError that says what is still busy.
        """
        deadline = time.monotonic() + timeout
        while busy := self._busy(deadline):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still busy after {timeout} s: {busy}")
            time.sleep(0.02)

    def cold_start(self) -> None:
        """End every idle function process, so that nothing is remembered from earlier calls."""
        self.functions.forget()

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """For the length of a `with` all but the tables is down: KMS, queues, objects, secrets, mail."""
        with self._engines_change:
            self.services.stop()
            try:
                yield
            finally:
                self.services.restart()

    def stop(self) -> None:
        """End everything in order: finish what runs, save what is kept. Safe to call twice."""
        self._stopping.set()
        self._undo.close()

    # ------------------------------------------------------------------ starting

    def _start(self) -> None:
        if self._fresh and self.data.exists():
            with self._locked():
                shutil.rmtree(self.data)
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._undo.enter_context(self._locked())
        state = self._read_state()
        ports = state.get("ports", {})
        self.log = self.data / "functions.log"
        self.parent = Parent(self.log)
        self._undo.callback(self.parent.stop)
        self._start_engines(ports, lock)
        self._server = Server(
            engines.free_port(ports.get("http", 0)), lambda request: self._gateway.answer(request)
        )
        self._undo.callback(self._server.stop)
        self.url = self._server.url
        self._make_resources(state.get("keys", {}))
        self._start_functions()
        desk = Desk(self.services.endpoint, Status(self), self.switches)
        self._mailbox = Server(engines.free_port(ports.get("mailbox", 0)), desk.answer)
        self._undo.callback(self._mailbox.stop)
        self.mailbox_url, self.status_url = self._mailbox.url + "/", self._mailbox.url + "/status"
        self._write_state()
        if self._wanted_sources:
            self._start_sources()
        self._server.start()
        self._undo.callback(self._server.stop)  # before the queues, so that nothing new comes in meanwhile
        self._mailbox.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """One cloud a folder. Engines inherit the lock: after a crash we wait until they are gone as well."""
        path = self.data.with_name(self.data.name + ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise engines.EngineError(
                            f"another local cloud runs on {self.data}: stop it first"
                        ) from None
                    time.sleep(0.05)
            yield lock.fileno()

    def _start_engines(self, ports: dict[str, int], lock: int) -> None:
        folder = self.data / "services"
        self.services = engines.start_services(folder, ports.get("services", 0), keep=[lock])
        self._undo.callback(lambda: self.services.stop())
        self.tables = self.services
        if self._wanted_tables == "dynoxide":
            try:
                self.tables = engines.start_tables(self.data / "tables", ports.get("tables", 0), keep=[lock])
                self._undo.callback(lambda: self.tables.stop())
            except (engines.EngineError, OSError) as missing:
                self._say(
                    f"{missing}. Tables are played by ministack instead: slower, and forgotten on a crash."
                )

    def _make_resources(self, keys: dict[str, str]) -> None:
        parameters = {
            "Stage": "local",
            "PublicUrl": self.url,
            "MailTransport": "ses",
            "SmsTransport": "sns",
            "MailFrom": MAIL_FROM,
            "ApiLimits": API_LIMITS,
            **self._given,
        }
        self.template = Template(self._template_path, parameters, STACK)
        tables, services = self.tables.endpoint, self.services.endpoint
        self.resources = Resources(self.template, STACK, self.url, tables, services, keys)
        self._undo.callback(self.resources.close)
        self.resources.make_all()
        if sender := self.template.parameters.get("MailFrom"):
            self.resources.allow_sender(sender)
        if self.resources.to_save:
            # What this engine keeps for good it writes when it is stopped, and it may be killed at any time
            # later.
            self.services.stop()
            self.services.restart()
            self.resources.make_all()

    def _start_functions(self) -> None:
        tables, services = self.tables.endpoint, self.services.endpoint
        addresses = {
            "AWS_ENDPOINT_URL": services,
            "AWS_ENDPOINT_URL_DYNAMODB": tables,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": tables,
        }
        found = functions_of(self.template, self.resources)
        layers = layer_folders(self.template, self.data / "layers" if self._isolate else None)
        self.functions = Functions(
            found,
            layers,
            addresses,
            self.parent,
            self._concurrency,
            isolate=self._isolate,
            switches=self.switches,
        )
        self._undo.callback(self.functions.forget)
        self.problems = self.functions.warm()
        for problem in self.problems.values():
            self._say(f"cannot be loaded: {problem}")
        self._gateway = Gateway(self.functions)

    def _start_sources(self) -> None:
        checkpoints = self.data / "checkpoints"
        checkpoints.mkdir(exist_ok=True)
        for function in self.functions.functions.values():
            for event in function.events.values():
                spec = event.get("Properties", {})
                match event["Type"]:
                    case "SQS":
                        self._sources += self._pollers(function.name, spec)
                    case "DynamoDB":
                        source = StreamSource(self.functions, function, spec, self.resources, checkpoints)
                        self._sources.append(source)
                    case "ScheduleV2" | "Schedule":
                        if spec.get("State", "ENABLED") == "ENABLED":
                            self._sources.append(Schedule(self.functions, function, spec, self.resources))
                    case "HttpApi":
                        pass
                    case other:
                        raise TemplateError(
                            f"the local cloud knows no event source {other} ({function.name})"
                        )
        self._undo.callback(self._stop_sources)
        for started in self._sources:
            started.start()

    def _pollers(self, function: str, spec: dict[str, Any]) -> list[QueueSource]:
        limit = int(spec.get("ScalingConfig", {}).get("MaximumConcurrency", self._concurrency))
        url = self._queue_url(spec["Queue"])
        endpoint = self.services.endpoint
        count = min(limit, self._concurrency)
        return [QueueSource(self.functions, function, spec, endpoint, url) for _ in range(count)]

    def _queue_url(self, arn: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])

    def _stop_sources(self) -> None:
        for source in self._sources:
            source.stop()
        for source in self._sources:
            source.join(timeout=10)

    # ------------------------------------------------------------------ running

    def _watch(self) -> None:
        """Start again what ended by itself: an engine, or the parent of all functions."""
        whole = True
        while not self._stopping.wait(0.2):
            with self._engines_change:
                gone = [one for one in self._watched() if not one.alive and not self._stopping.is_set()]
                whole = whole and not gone
                for one in gone:
                    self._say(f"{one.name} ended by itself and is started again, see {one.log}")
                    self.restarts[one.name] += 1
                    with contextlib.suppress(engines.EngineError):
                        one.restart()
                if not whole and not self._stopping.is_set():
                    # What was made may be gone with an engine's memory; it may also have ended once more.
                    with contextlib.suppress(engines.EngineError, BotoCoreError, ClientError):
                        self.resources.make_all()
                        self._write_state()
                        whole = True

    def _watched(self) -> list[engines.Engine | Parent]:
        return [*dict.fromkeys((self.tables, self.services)), self.parent]

    def _busy(self, deadline: float) -> str:
        """What is being done, or "" when nothing was from the beginning to the end of this look."""
        began, calls = time.monotonic(), self.functions.calls
        if self.functions.running:
            return "a function runs"
        for url in {source.url for source in self.sources(QueueSource)}:
            names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
            answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
            if any(counts := [int(answer["Attributes"][name]) for name in names]):
                return f"{url.rpartition('/')[2]}: {counts} waiting, in work, delayed"
        streams = self.sources(StreamSource)
        while any(source.caught_up_since < began for source in streams):
            for source in streams:
                source.hurry()
            if time.monotonic() > deadline:
                return "a stream is still read"
            time.sleep(0.01)
        return "functions were called" if self.functions.calls != calls else ""

    def _say(self, line: str) -> None:
        if not self._quiet:
            print(line, file=sys.stderr, flush=True)

    # ------------------------------------------------------------------ state between starts

    def _read_state(self) -> dict[str, Any]:
        path = self.data / "cloud.json"
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}

    def _write_state(self) -> None:
        """Ports to take again, keys that must not vanish, and what commands beside us need to know."""
        state = {
            "url": self.url,
            "mailbox_url": self.mailbox_url,
            "status_url": self.status_url,
            "ports": {
                "http": self._server.server_address[1],
                "mailbox": self._mailbox.server_address[1],
                "services": self.services.port,
                "tables": self.tables.port,
            },
            "pids": {
                "runner": os.getpid(),
                "services": self.services.process.pid,
                "tables": self.tables.process.pid,
                "functions": self.parent.process.pid,
            },
            "keys": self.resources.keys,
            "environment": self.environment,
        }
        draft = self.data / "cloud.new"
        draft.write_text(json.dumps(state, indent=1), "utf-8")
        draft.replace(self.data / "cloud.json")
