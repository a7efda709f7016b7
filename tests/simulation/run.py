"""A run from its seed to its end: things happen in bad weather, then the sky clears and all must come to
rest.
"""

import json
from hashlib import sha256

from tests.simulation.chance import MINUTE
from tests.simulation.endings import Amnesty, LastCard
from tests.simulation.ground import NOON
from tests.simulation.invariants.watch import Watch
from tests.simulation.plan import Plan
from tests.simulation.violations import Violation
from tests.simulation.world import World

STALE = 26 * MINUTE
"""A quarter of an hour, by two clocks of which one is ahead and one behind."""

ROUNDS = 60
ASK_AGAIN = {"created": "preview", "previewing": "preview", "previewed": "commit", "committing": "commit"}
ASK_AGAIN |= {"cancelling": "commit", "undoing": "undo"}


class Run:
    """One seed. `go` raises Violation."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.world = World.on_ground(seed)
        self.watch = self.world.watch = Watch(self.world)
        self.world.calls.watch = self.watch.called
        self.world.sqs.read = lambda body: self.watch.secrets.read("a message", body)
        self.plan = Plan(self.world)
        self._absent_until = 0
        self._swept_at = 0

    def go(self) -> "Run":
        world = self.world
        self.watch.begin()
        self.plan.begin()
        world.scheduler.after(MINUTE, self._strike)
        world.run(self.plan.ends)
        world.chance.calm = True
        self.settle()
        if Amnesty(world, self.plan.people).open():
            self.settle()
        self.watch.rests(self.plan.orders, self._swept_at)
        if LastCard(world, self.plan.people, self.plan).comes():
            self.settle()
            self.watch.rests(self.plan.orders, self._swept_at)
        return self

    @property
    def lasted(self) -> int:
        """Simulated milliseconds."""
        return self.world.scheduler.now - NOON

    @property
    def digest(self) -> str:
        """The same for the same run."""
        whole = sha256()
        for step in self.world.calls.trace:
            whole.update(repr(step).encode())
        return whole.hexdigest()

    # -- the clock --------------------------------------------------------------------------------

    def _strike(self) -> None:
        """Every minute; now and then not for an hour, or twice."""
        world = self.world
        if world.chance.calm:
            return
        world.scheduler.after(MINUTE, self._strike)
        if world.chance.happens("absent"):
            self._absent_until = world.scheduler.now + world.chance.random.randint(1, 60) * MINUTE
        if world.scheduler.now < self._absent_until:
            return
        if self._due(world.scheduler.now + 2 * MINUTE + 5 * MINUTE):
            self._sweep()
            if world.chance.happens("twice"):
                self._sweep()

    def _sweep(self) -> None:
        self._swept_at = self.world.scheduler.now
        self.world.sweep()

    def _due(self, until: int) -> bool:
        """Whether a sweep would find anything, also by a clock that goes ahead."""
        return any(int(item["due"]["N"]) <= until for item in self._timers())

    def _timers(self):
        items = self.watch.items().values()
        return [item for item in items if "d" in item and item["d"]["S"].startswith("D#")]

    # -- coming to rest ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Nothing new goes wrong, and what was lost stays lost: the sweeper drives what is left."""
        still = 0
        for _ in range(ROUNDS):
            before = self._state()
            self._jump(still)
            self._sweep()
            self.world.run()
            self._ask_again()
            self.world.streams.redrive()
            self.world.run()
            still = still + 1 if self._state() == before else 0
            if still == 2 or not self._timers():
                return
        raise Violation("I4", "the sweeper", "it never comes to rest")

    def _jump(self, still: int) -> None:
        """To the next timer; once there are only rooms, so far that an empty one may go."""
        scheduler = self.world.scheduler
        dues = [int(item["due"]["N"]) for item in self._timers() if not item["d"]["S"].startswith("D#ROOM")]
        then = min(dues) + 1 if dues else scheduler.now + STALE * (still > 0)
        scheduler.now = max(scheduler.now + MINUTE, then) + self._slowest()

    def _slowest(self) -> int:
        """A clock that is behind sees a timer later."""
        skews = [process.skew for process in self.world.processes["release"]]
        return max(0, -min(skews, default=0))

    def _state(self):
        """Whatever is of an order or of stock; rooms by their names, for their timers are always pushed."""
        return {key: None if key[0].startswith("W#") else item for key, item in self.watch.items().items()}

    def _ask_again(self) -> None:
        """A merchant sees that his import does not go on, and asks for it again."""
        for (pk, sk), item in list(self.watch.items().items()):
            if not sk.startswith("JOB#"):
                continue
            job = json.loads(item["doc"]["S"])
            kind = ASK_AGAIN.get(job["state"])
            if kind and not (job["state"] == "previewed" and job["data"].get("blocking")):
                kind = "content" if job["kind"] == "content" else kind
                body = {"kind": kind, "tenant": pk[2:], "job": job["id"]}
                self.world.parts.queue("imports").send(body)
