"""The doors of the functions, one for each trigger: what `functions/<name>/app.py` does with an event.

The doors themselves hold Powertools' state of a whole process, and there are many processes here; so their
loops stand here once more, as short as they are there: what is read together, what fails alone, what is asked
for next.
"""

import json
from contextlib import suppress

from cardcourier.adapters.stream_records import changes
from cardcourier.domain.orders import OrderKey
from cardcourier.errors import CardCourierError, NotFound
from cardcourier.services.passing import request_of
from tests.simulation.parts import Parts

MARGIN = {"allocation": 10_000, "delivery": 12_000, "inventory": 20_000}
TIMEOUT = {"allocation": 20_000, "delivery": 30_000, "inventory": 300_000}
UNFINISHED = {"committing": "commit", "cancelling": "commit", "undoing": "undo"}


class Door:
    """One process at its event. `mistaken(error)` is told of what no product's word explains."""

    def __init__(self, world) -> None:
        self.world = world

    def batch(self, queue: str, parts: Parts, records: list[dict], rid: str) -> set[str]:
        """Serve the messages of a batch; returns the ids of those that failed."""
        return getattr(self, queue)(parts, records, rid)

    # -- the orders queue -------------------------------------------------------------------------

    def orders(self, parts: Parts, records: list[dict], rid: str) -> set[str]:
        until = parts.clock() + TIMEOUT["allocation"] - MARGIN["allocation"]
        bodies = []
        for record in records:
            with suppress(ValueError):
                bodies.append(request_of(record["body"]))
        headers = parts.passes.read(bodies)

        def serve(record):
            body = request_of(record["body"])
            again = record["attributes"]["ApproximateReceiveCount"] != "1"
            parts.passes.run(body, headers, rid, until, again=again)

        return self._each(sorted(records, key=_asks_for_a_room), serve)

    # -- the delivery queue -----------------------------------------------------------------------

    def delivery(self, parts: Parts, records: list[dict], rid: str) -> set[str]:
        wanted = dict.fromkeys(_asked(record) for record in records)
        try:
            found = parts.deliverer.look_up([key for _, key, _ in wanted])
        except CardCourierError:
            found = {}
        until = parts.clock() + TIMEOUT["delivery"] - MARGIN["delivery"]

        def serve(record):
            asked = _asked(record)
            if wanted.pop(asked, "done") == "done":
                return
            kind, key, of = asked
            there = found or parts.deliverer.look_up([key])
            if key not in there:
                return
            header, units = there[key]
            if kind == "again":
                parts.deliverer.tell_again(header, units, of, rid)
            elif kind == "notify":
                parts.deliverer.try_again(header, units, of, rid)
            else:
                parts.deliverer.deliver(header, units, rid, until)

        return self._each(records, serve)

    # -- the import queue -------------------------------------------------------------------------

    def imports(self, parts: Parts, records: list[dict], rid: str) -> set[str]:
        until = parts.clock() + TIMEOUT["inventory"] - MARGIN["inventory"]

        def serve(record):
            body = json.loads(record["body"])
            try:
                job = self._work(parts, body, rid, until)
            except NotFound:
                return
            following = UNFINISHED.get(job.state)
            if job.state == "previewed" and job.data.get("straight") and not job.data.get("blocking"):
                parts.queue("imports").send({**body, "kind": "commit"})
            elif following == body["kind"]:
                parts.queue("imports").send({**body, "kind": following})

        return self._each(records, serve)

    def _work(self, parts, body, rid, until):
        tenant, job = body["tenant"], body["job"]
        if body["kind"] == "preview":
            return parts.importer.preview(tenant, job, rid)
        if body["kind"] == "content":
            return parts.content_sealer.seal(tenant, job, rid)
        if body["kind"] == "undo":
            return parts.undoer.undo(tenant, job, rid, until)
        return parts.importer.commit(tenant, job, rid, until)

    def outbound(self, parts: Parts, records: list[dict], rid: str) -> set[str]:
        """Nobody listens here: no tenant of the simulator has an endpoint."""
        return set()

    # -- streams and schedules --------------------------------------------------------------------

    def projection(self, parts: Parts, records: list[dict]) -> None:
        parts.projector.project(changes({"Records": records}))

    def dispatch(self, parts: Parts, records: list[dict]) -> None:
        parts.dispatcher.dispatch(changes({"Records": records}))

    def release(self, parts: Parts) -> None:
        parts.sweeper.sweep()

    # -- failures ---------------------------------------------------------------------------------

    def _each(self, records, serve) -> set[str]:
        """Each message alone: what fails comes back."""
        strand, failed = self.world.scheduler.current, set()
        for record in records:
            strand.serving = json.loads(record["body"])
            strand.tenants = frozenset({strand.serving["tenant"]})
            try:
                serve(record)
            except Exception as error:
                self.world.failed(error)
                failed.add(record["messageId"])
        strand.tenants, strand.serving = None, {}
        return failed


def _asks_for_a_room(record: dict) -> bool:
    return json.loads(record["body"])["kind"] == "room"


def _asked(record: dict) -> tuple[str, OrderKey, str]:
    body = json.loads(record["body"])
    of = body.get({"again": "ask", "notify": "note"}.get(body["kind"], ""), "")
    return (
        body["kind"],
        OrderKey(body["tenant"], body["shop"], body["order"]),
        of or record["messageId"] * (body["kind"] == "again"),
    )
