"""The journal table: lines, late lines, and how far each tenant's chain of seals has come.

    thing       pk                      sk                     holds
    line        J#<t>#<day>#<lane>      <at>#<item>#<ver>      line: its one JSON text
    late line   LATE#<t>                <at>#<item>#<ver>      line; written before the line itself
    manifest    SEAL#<t>                <seq, 8 digits>        manifest: its one JSON text, until
    state       SEAL#<t>                STATE                  seq, until, prev
    beacon      SEAL#-                  BEACON                 at; see `beacon`

A line's key and content follow from the item it tells of, so writing it again changes nothing.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator
from random import SystemRandom
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier.adapters.tables.writes import code_of, unavailable
from cardcourier.domain.journal import (
    LANES,
    JournalLine,
    day_of,
    days_between,
    decode,
    encode,
    lane_of,
)
from cardcourier.domain.segments import LATE_AFTER, Manifest, SealState
from cardcourier.errors import Conflict, Unavailable

Item = dict[str, Any]
Key = tuple[str, str]

VERSION = {"N": "1"}
BATCH_WRITE = 25
BATCH_GET = 100
ROUNDS = 8
STATE = "STATE"


class JournalTable:
    """The journal through the low-level client. What a table cannot say for sure becomes `Unavailable`."""

    def __init__(self, client: Any, table_name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table_name
        self._sleep = sleep

    # -- lines ---------------------------------------------------------------------------------------------

    def put_lines(self, lines: Iterable[JournalLine], *, now: int) -> None:
        """Write lines; any number of times. A line so old that its stretch may be sealed is announced first.

        A line that is there already was announced when it was written, if it had to be.
        """
        texts = {_home(line): encode(line) for line in lines}
        old = [key for key in texts if _at(key) < now - LATE_AFTER]
        if old:
            known = self._texts_at(old)
            self._put({(_late(key), key[1]): texts[key] for key in old if key not in known})
        self._put(texts)

    def lines(self, tenant: str, start: int, end: int) -> Iterator[JournalLine]:
        """Every line with `at` in [start, end), day by day and lane by lane: eight queries for each day."""
        return map(decode, self.texts(tenant, start, end))

    def texts(self, tenant: str, start: int, end: int) -> Iterator[str]:
        """As `lines`, each as its JSON text: what reports read."""
        for day in days_between(start, end):
            for lane in range(LANES):
                for _, text in self._query(f"J#{tenant}#{day}#{lane}", start, end):
                    yield text

    def ordered(self, tenant: str, start: int, end: int) -> Iterator[str]:
        """As `texts`, read strongly and in the order of ids: what seals are made of."""
        for day in days_between(start, end):
            lanes = [
                self._query(f"J#{tenant}#{day}#{lane}", start, end, consistent=True) for lane in range(LANES)
            ]
            for _, text in heapq.merge(*lanes):
                yield text

    def find(self, lines: Iterable[JournalLine]) -> dict[str, str]:
        """By id, the texts that are kept of these lines; read strongly."""
        found = self._texts_at([_home(line) for line in lines])
        return {sk: text for (_, sk), text in found.items()}

    def put_texts(self, texts: Iterable[str]) -> None:
        """Bring lines back whose seal holds: nobody has to be told of them."""
        self._put({_home(decode(text)): text for text in texts})

    # -- late lines ----------------------------------------------------------------------------------------

    def late(self, tenant: str, start: int, end: int) -> Iterator[str]:
        """The texts of announced late lines with `at` in [start, end), oldest first; read strongly."""
        return (text for _, text in self._query(f"LATE#{tenant}", start, end, consistent=True))

    def forget_late(self, tenant: str, ids: Iterable[str]) -> None:
        """Drop announcements of lines that are sealed now."""
        self._write([{"DeleteRequest": {"Key": _key((f"LATE#{tenant}", name))}} for name in ids])

    # -- seals ---------------------------------------------------------------------------------------------

    def seal_state(self, tenant: str) -> SealState | None:
        item = self._get((f"SEAL#{tenant}", STATE))
        if item is None:
            return None
        return SealState(int(item["seq"]["N"]), int(item["until"]["N"]), item["prev"]["S"])

    def advance(self, tenant: str, old: SealState | None, new: SealState) -> None:
        """Move the state on. Raises Conflict when it is not `old` any more, unless it is `new` already."""
        item = {
            **_key((f"SEAL#{tenant}", STATE)),
            "v": VERSION,
            "seq": {"N": str(new.seq)},
            "until": {"N": str(new.until)},
            "prev": {"S": new.prev},
        }
        condition: Item = {"ConditionExpression": "attribute_not_exists(pk)"}
        if old is not None:
            condition = {
                "ConditionExpression": "#seq = :seq AND #until = :until AND #prev = :prev",
                "ExpressionAttributeNames": {"#seq": "seq", "#until": "until", "#prev": "prev"},
                "ExpressionAttributeValues": {
                    ":seq": {"N": str(old.seq)},
                    ":until": {"N": str(old.until)},
                    ":prev": {"S": old.prev},
                },
            }
        if not self._put_if(item, condition) and self.seal_state(tenant) != new:
            raise Conflict("seal_moved", "Another sealer has moved the chain on.", tenant=tenant, seq=new.seq)

    def put_manifest(self, manifest: Manifest) -> Manifest:
        """Claim the manifest's place in the chain; the answer is the one that holds it."""
        item = {
            **_key(_manifest_key(manifest.tenant, manifest.seq)),
            "v": VERSION,
            "manifest": {"S": manifest.text()},
            "until": {"N": str(manifest.until)},
        }
        if self._put_if(item, {"ConditionExpression": "attribute_not_exists(pk)"}):
            return manifest
        return self.manifest(manifest.tenant, manifest.seq) or manifest

    def manifest(self, tenant: str, seq: int) -> Manifest | None:
        item = self._get(_manifest_key(tenant, seq))
        return None if item is None else Manifest.parse(item["manifest"]["S"])

    def segments(self, tenant: str, start: int, end: int) -> tuple[int, int] | None:
        """First and last segment that seal [start, end), or None while the period is not sealed whole."""
        state = self.seal_state(tenant)
        if state is None or not state.seq or state.until < end:
            return None
        first = self._first_beyond(tenant, start, state.seq)
        last = self._first_beyond(tenant, end - 1, state.seq)
        return min(first, state.seq), min(last, state.seq)

    def _first_beyond(self, tenant: str, at: int, last: int) -> int:
        """The first segment with which the chain reaches beyond `at`; `until` never falls along the chain."""
        low, high = 1, last + 1
        while low < high:
            middle = (low + high) // 2
            manifest = self.manifest(tenant, middle)
            if manifest is not None and manifest.until <= at:
                low = middle + 1
            else:
                high = middle
        return low

    # -- calls ---------------------------------------------------------------------------------------------

    def _put(self, texts: dict[Key, str]) -> None:
        self._write(
            [
                {"PutRequest": {"Item": {**_key(key), "v": VERSION, "line": {"S": text}}}}
                for key, text in texts.items()
            ]
        )

    def _write(self, requests: list[Item]) -> None:
        """Send all, and again what the table leaves undone, as long as it goes on at all."""
        stuck = 0
        while requests:
            page, requests = requests[:BATCH_WRITE], requests[BATCH_WRITE:]
            answer = self._call("batch_write_item", RequestItems={self._table: page})
            undone = answer.get("UnprocessedItems", {}).get(self._table, [])
            stuck = stuck + 1 if undone else 0
            self._wait(stuck)
            requests = undone + requests

    def _texts_at(self, keys: list[Key]) -> dict[Key, str]:
        found: dict[Key, str] = {}
        wanted, stuck = [_key(key) for key in keys], 0
        while wanted:
            page, wanted = wanted[:BATCH_GET], wanted[BATCH_GET:]
            answer = self._call(
                "batch_get_item", RequestItems={self._table: {"Keys": page, "ConsistentRead": True}}
            )
            for item in answer.get("Responses", {}).get(self._table, []):
                found[item["pk"]["S"], item["sk"]["S"]] = item["line"]["S"]
            undone = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            stuck = stuck + 1 if undone else 0
            self._wait(stuck)
            wanted = undone + wanted
        return found

    def _wait(self, stuck: int) -> None:
        if stuck > ROUNDS:
            raise Unavailable("journal_busy", "The journal did not take all lines; try again.")
        if stuck:
            self._sleep(SystemRandom().uniform(0, 0.02 * 2 ** min(stuck, 6)))

    def _query(self, pk: str, start: int, end: int, *, consistent: bool = False) -> Iterator[Key]:
        """(id, text) of one partition, [start, end) by the time that begins each id, page after page."""
        request: Item = {
            "TableName": self._table,
            "ConsistentRead": consistent,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :start AND :end",
            "ProjectionExpression": "sk, #line",
            "ExpressionAttributeNames": {"#line": "line"},
            "ExpressionAttributeValues": {
                ":pk": {"S": pk},
                ":start": {"S": f"{start:013d}"},
                # An id goes on after its time, so none equals or precedes the bare end.
                ":end": {"S": f"{end:013d}"},
            },
        }
        while True:
            answer = self._call("query", **request)
            for item in answer["Items"]:
                yield item["sk"]["S"], item["line"]["S"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get(self, key: Key) -> Item | None:
        answer = self._call("get_item", TableName=self._table, Key=_key(key), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def _put_if(self, item: Item, condition: Item) -> bool:
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            unavailable(error)
        except BotoCoreError as error:
            unavailable(error)
        return True

    def _call(self, name: str, **request: Any) -> Item:
        try:
            answer: Item = getattr(self._client, name)(**request)
        except (BotoCoreError, ClientError) as error:
            unavailable(error)
        return answer


def _home(line: JournalLine) -> Key:
    return f"J#{line.tenant}#{day_of(line.at)}#{lane_of(line.shop, line.order)}", line.id


def _at(key: Key) -> int:
    return int(key[1][:13])


def _late(key: Key) -> str:
    return f"LATE#{key[0].split('#')[1]}"


def _manifest_key(tenant: str, seq: int) -> Key:
    return f"SEAL#{tenant}", f"{seq:08d}"


def _key(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
