"""Everything that may go wrong and must be shown to do no harm; docs/faults.md is made from this list.

A test names the rows it shows: `@pytest.mark.fault("queues: twice", "queues: late")`.
"""

from typing import NamedTuple


class Group(NamedTuple):
    """Faults of one kind, in the words of the product, by the names that tests call them by."""

    title: str
    rows: dict[str, str]


FAULTS = {
    "answers": Group(
        "Answers that are lost, for every write",
        {
            "once": "a write took effect and its answer is lost once",
            "again": "its answer is lost until the SDK gives up",
            "late": "it takes effect only after its repeat was sent, before or behind the repeat",
            "forgotten": "its repeat comes without the SDK's token, or after the token was forgotten",
        },
    ),
    "requests": Group(
        "Requests that fail, for every write",
        {
            "unsent": "a request does not reach the server",
            "reset": "the connection is reset, before or after the write",
            "5xx": "the server answers 500 or 503, whether it wrote or not",
            "in progress": "the same transaction is still in progress",
            "partition": "a partition is throttled, shortly and for longer than the SDK repeats",
            "index": "an index is throttled likewise",
            "table": "a table is throttled likewise",
            "part": "a part of a transaction is throttled",
            "reads": "a read is throttled or not answered",
            "allowance": "the SDK's allowance of repeats is used up",
            "burst": "throttling lasts for 30 seconds, and orders come in all the time",
        },
    ),
    "conflicts": Group(
        "Transactions that meet",
        {
            "marker": "another transaction holds the marker",
            "unit": "another transaction holds the unit",
            "both": "other transactions hold the marker and the unit",
            "each": "another transaction holds any one item of any write",
            "mutual": "orders of several pieces want the same cards at the same moment",
        },
    ),
    "kills": Group(
        "A function is killed between any two of its calls",
        {
            "webhook": "while it takes a notification",
            "pass": "while it allocates, parks or ends the units of an order",
            "delivery": "while it tells the buyer",
            "sweep": "while it looks for what is overdue",
            "projection": "while it writes the journal and the lists",
            "dispatch": "while it hands changes on",
            "outbound": "while it sends an event to a merchant",
            "import": "while it imports",
            "undo": "while it undoes an import",
            "reveal": "while it shows a card",
            "replace": "while it replaces a card",
            "approve": "while it approves a held order",
            "bulk": "while it acts on many orders",
            "seal": "while it seals the journal",
            "erase": "while it erases an old order's buyer",
        },
    ),
    "queues": Group(
        "Queues",
        {
            "twice": "a message comes twice",
            "late": "a message comes again when everything is done",
            "reordered": "messages come in another order",
            "ten": "ten of the same message come at once",
            "partial": "half of a batch fails",
            "large": "a message is larger than anybody sends",
            "poison": "a message can never be worked on",
            "redrive": "a dead letter is sent back",
        },
    ),
    "webhooks": Group(
        "Notifications of shops",
        {
            "at once": "the same notification comes several times at once",
            "order": "paid, refunded and cancelled come in any order",
            "signature": "the signature is wrong",
            "changed": "the signature is right and the bytes are changed",
            "old": "the notification is old",
            "clock ahead": "the shop's clock is ten minutes ahead",
            "clock behind": "the shop's clock is ten minutes behind",
            "amount": "a repeat names another amount",
            "unknown": "the order names a product nobody knows",
            "nothing": "the order is of 0 pieces",
            "500": "the order is of 500 pieces",
        },
    ),
    "streams": Group(
        "The stream of changes",
        {
            "twice": "a stretch is handed over twice",
            "replayed": "a stretch is replayed an hour later",
            "bisected": "a stretch fails and is cut in half until the bad record is alone",
            "day": "nobody reads for a day, and the stream forgets",
        },
    ),
    "clocks": Group(
        "Schedules and clocks",
        {
            "twice": "two sweepers run at once",
            "hour": "no sweeper runs for an hour",
            "ahead 2": "the sweeper's clock is 2 minutes ahead",
            "ahead 10": "the sweeper's clock is 10 minutes ahead",
            "worker": "a worker's clock is 10 minutes ahead or behind",
            "fired twice": "every other schedule fires twice at once",
        },
    ),
    "last card": Group(
        "The last card",
        {
            "100": "100 units want 1 card",
            "returned": "1 card comes back while 100 units wait",
            "import": "cards are imported while a worker holds the product for sold out",
        },
    ),
    "imports": Group(
        "Imports",
        {
            "same file": "the same file comes twice",
            "overlap": "two files overlap",
            "inside": "a card stands twice in a file",
            "crash": "an import dies in the middle",
            "sold": "a sold card is imported again",
        },
    ),
    "reveals": Group(
        "Showing a card",
        {
            "two viewers": "two browsers open it at once",
            "get": "a scanner opens the page",
            "head": "a scanner asks for its head",
            "post": "a scanner posts without proof",
            "brute force": "somebody tries codes",
            "old token": "the link is of a card that was replaced since",
            "swapped": "the vault's item is another card's",
            "kms down": "the key service is down",
            "kms throttled": "the key service is throttled",
            "context": "a key is asked for in the context of another tenant, batch or purpose",
        },
    ),
    "races": Group(
        "Races for a card that is sold",
        {
            "replaced": "it is replaced while it is shown",
            "refunded": "it is refunded while it is shown",
            "refunded twice": "it is refunded twice",
            "one of five": "one piece of five is refunded",
        },
    ),
    "reports": Group(
        "Cells of reports",
        {
            "formula": "a text begins with = + - @",
            "control": "a text begins with a tab, CR, LF or NUL",
            "full-width": "a text begins with a full-width = + - @",
            "inside": "such a text stands behind a separator or a quote",
            "quotes": "a text holds quotes, separators and line ends",
        },
    ),
    "tenants": Group(
        "One tenant with the ids of another",
        {
            "routes": "in every route",
            "indexes": "in every index and list",
            "reports": "in every report",
            "cursors": "in a cursor",
        },
    ),
}

WITH_RESERVATIONS = [
    "a payment comes a millisecond before or after the reservation ends",
    "two sweepers take an expired reservation back at once",
    "no sweeper runs for an hour, and reservations have ended",
    "the sweeper's clock is 2 minutes ahead, and a reservation is about to end",
    "a reserved card is taken over for another order, as its buyer pays",
]
