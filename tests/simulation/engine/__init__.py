"""A table engine in memory that does what DynamoDB promises, and no more than that.

It stands where boto3's low-level client stands. All time and chance come from a `Weather`, so that one seed
is one run. What it does not know, an operation, an option, an expression, is a NotImplementedError.

    engine = Engine.of_template(Template(path, {"Stage": "test"}), weather)
    table = Table(engine.client(), "MainTable")    # the product's own adapter; tables are named by logical id

Weather     what is left to time and chance: now, lag, shows_older, throttles. The base is fair.
Client      `engine.client(hook, tokens=True)`. `hook(call)` stands between every call and the engine.
Call        operation, request; `send()` serves it, again as a repeat under the same token; `prepare()` is the
            first phase of a transaction.
Prepared    `commit()` or `abort()`. Meanwhile its items are held: reads see the old state, other transactions
            meet TransactionConflict, other writes TransactionConflictException, its own token
            TransactionInProgressException.
refusal     a ClientError of a code, for hooks that refuse.
carry       `engine.carry(client, hook)`: a real client of boto3 on this engine, the hook below its retries.
Change      what observers (`engine.observers`) are told of, all changes of one commit together: table, key,
            old, new. A key is (pk, sk), with "" where the table has no range key.
items       `engine.items(table)`: everything that is committed, by key.
records     `engine.records(table)`: the stream since the beginning; `record.event()` is what Lambda hands
            over.
snapshot    `engine.snapshot()`, `engine.restore(state)`: cheap, for no version of an item is ever changed.

A hook that loses an answer calls `call.send()` and raises botocore's ReadTimeoutError; one that never sends
raises ConnectionClosedError; one that commits late takes `call.prepare()` and commits when it likes.
"""

from tests.simulation.engine.calls import Answer, Call, Hook
from tests.simulation.engine.client import Client
from tests.simulation.engine.core import Engine
from tests.simulation.engine.errors import refusal
from tests.simulation.engine.store import Change
from tests.simulation.engine.streams import StreamRecord
from tests.simulation.engine.transactions import Prepared
from tests.simulation.engine.weather import Weather

__all__ = [
    "Answer",
    "Call",
    "Change",
    "Client",
    "Engine",
    "Hook",
    "Prepared",
    "StreamRecord",
    "Weather",
    "refusal",
]
