"""One run: the tables, the queues, the processes and the clock of one seed, and what watches them."""

from collections import Counter, defaultdict
from pathlib import Path

from cardcourier.errors import CardCourierError
from local.template import Template
from tests.simulation.calls import Calls
from tests.simulation.chance import MINUTE, Chance
from tests.simulation.engine import Engine
from tests.simulation.engine.schema import tables_of
from tests.simulation.functions import Door
from tests.simulation.ground import NOON, ground
from tests.simulation.outside import KeyServer, ObjectStore, PostOffice, Way
from tests.simulation.parts import Parts
from tests.simulation.queues import Queues
from tests.simulation.scale import Scale
from tests.simulation.scheduler import Killed, Process, Scheduler, Strand
from tests.simulation.streams import Streams
from tests.simulation.violations import Violation

ROOT = Path(__file__).parents[2]
SHAPES = tuple(tables_of(Template(ROOT / "template.yaml", {"Stage": "test"})))
FUNCTIONS = {"orders": "allocation", "delivery": "delivery", "imports": "inventory", "outbound": "outbound"}
AFTER_DEATH = 30_000
"""Milliseconds until a stream's batch is given to another process once its own has died."""

_NOW: list["World"] = []


def world_now() -> "World":
    """The run that is going on."""
    return _NOW[-1]


class World:
    """`seed` decides about chance; `now` is where simulated time begins (epoch ms)."""

    def __init__(self, seed, now: int = NOON) -> None:
        _NOW[:] = [self]
        self.seed, self.scale = seed, Scale()
        self.scheduler = Scheduler(now)
        self.chance = Chance(seed, lambda: self.scheduler.now)
        self.engine = Engine(SHAPES, self.chance)
        self.calls = Calls(self.scheduler, self.chance)
        way = Way(self.calls)
        self.kms, self.s3 = KeyServer(way, self.chance), ObjectStore(way)
        self.post_office = PostOffice(way, self.chance)
        self.sqs = Queues(way, self.scheduler, self.chance, self._serve)
        self.streams = Streams(self.scheduler, self.chance, self._invoke)
        self.door = Door(self)
        self.processes: dict[str, list[Process]] = defaultdict(list)
        self.seen: Counter[tuple[str, str]] = self.calls.seen
        self.codes: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.watch = None
        self._requests = 0
        self._fed = 0
        self.engine.observers.append(self._committed)

    @classmethod
    def on_ground(cls, seed) -> "World":
        """A run that begins with what `ground` made."""
        made = ground()
        world = cls(seed)
        world.engine.restore(made.engine)
        world.kms.kept, world.s3.kept = dict(made.keys), dict(made.objects)
        world.codes = dict(made.codes)
        world._fed = len(world.engine.records("MainTable"))
        return world

    # -- processes --------------------------------------------------------------------------------

    def process(self, function: str) -> Process:
        """A process of this function that is free, or a new one."""
        free = [one for one in self.processes[function] if not one.busy and not one.dead]
        if free and self.chance.random.random() < 0.94:
            return self.chance.random.choice(free)
        made = Process(f"{function}-{len(self.processes[function]) + 1}", function, self._skew(function))
        made.parts = Parts(self, made)
        self.processes[function].append(made)
        return made

    def _skew(self, function: str) -> int:
        """A signature is taken for five minutes; whoever checks one has a clock that is wrong by less."""
        skew = self.chance.skew()
        return max(-MINUTE, min(MINUTE, skew)) if function == "webhooks" else skew

    def rid(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    def start(self, function: str, work, ended=None, *, tenant: str = "", delay: int = 0) -> Strand:
        """Have `work(parts, rid)` done by a process; `ended(strand)` is called then, however it ended."""
        process, rid = self.process(function), self.rid()
        process.busy = True

        def whole():
            try:
                return work(process.parts, rid)
            finally:
                process.busy = False
                if ended is not None:
                    self.scheduler.after(0, lambda: ended(strand))

        strand = self.scheduler.start(process.name, process, whole, delay)
        strand.tenants, strand.rid = frozenset({tenant}) if tenant else None, rid
        return strand

    # -- triggers ---------------------------------------------------------------------------------

    def _serve(self, queue, records, done) -> None:
        everything = {record["messageId"] for record in records}

        def work(parts, rid):
            try:
                failed = self.door.batch(queue, parts, records, rid)
            except Exception as error:
                self.failed(error)
                failed = everything
            done(failed)

        self.start(FUNCTIONS[queue], work)

    def _invoke(self, function, events, done) -> None:
        def ended(strand) -> None:
            died = isinstance(strand.error, Killed)
            if strand.error is not None and not died:
                self.failed(strand.error)
            self.scheduler.after(AFTER_DEATH if died else 0, lambda: done(strand.error is None))

        self.start(function, lambda parts, rid: getattr(self.door, function)(parts, events), ended)

    def sweep(self) -> None:
        """The clock strikes: the release function runs."""

        def ended(strand) -> None:
            if strand.error is not None and not isinstance(strand.error, Killed):
                self.failed(strand.error)

        self.start("release", lambda parts, rid: self.door.release(parts), ended)

    def _committed(self, changes) -> None:
        records = self.engine.records("MainTable")
        if self._fed < len(records):
            fresh, self._fed = records[self._fed :], len(records)
            self.streams.feed(fresh)

    @property
    def parts(self) -> Parts:
        """Of somebody who stands outside of the run, whose calls always arrive."""
        return self.process("people").parts

    def first_imports(self, tenant: str) -> list[str]:
        """The imports of the ground."""
        jobs = (sk.removeprefix("JOB#") for pk, sk in ground().jobs if pk == f"C#{tenant}")
        return sorted(job for job in jobs if job.startswith("imp-"))

    # -- what is known ----------------------------------------------------------------------------

    def know(self, codes) -> None:
        """These are codes of cards: they must never be seen in the plain."""
        self.codes.update(dict.fromkeys(codes, ""))

    def failed(self, error: BaseException) -> None:
        """A handler ended with this. What the product raises on purpose is in order."""
        if isinstance(error, CardCourierError):
            self.seen["error", error.code] += 1
        else:
            raise Violation("no surprise", type(error).__name__, f"a handler raised {error!r}") from error

    def run(self, until: int | None = None) -> None:
        self.scheduler.run(until)
