"""How long calls take, in milliseconds: lognormal, by their median and 99th percentile.

Published: a transaction (25 and 93) and a put (7.6 and 16), both measured from a Lambda function. The others
are assumptions of the same kind, as is what a function's own work costs. We measured nothing in the cloud.
"""

from math import exp, log
from random import Random

P99 = 2.326
"""Standard deviations from the median to the 99th percentile."""

CALLS = {
    "TransactWriteItems": (25.0, 93.0),
    "PutItem": (7.6, 16.0),
    "UpdateItem": (7.6, 16.0),
    "GetItem": (5.0, 15.0),
    "Query": (6.0, 20.0),
    "BatchGetItem": (7.0, 20.0),
    "BatchWriteItem": (10.0, 25.0),
    "SendMessage": (8.0, 30.0),
    "poll": (20.0, 80.0),
    "cold start": (600.0, 1_100.0),
}
LAG = (8.0, 60.0)
"""How far an eventually consistent read, or an index, may be behind."""

CPU = 2.0
"""Milliseconds of the processor for each call: one SDK call on 0.6 of a core. An environment has one."""


class Latencies:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._shapes = {name: _shape(*given) for name, given in {**CALLS, "lag": LAG}.items()}

    def draw(self, name: str) -> float:
        median, sigma = self._shapes[name]
        return median * exp(sigma * self._random.gauss(0, 1))


def _shape(median: float, p99: float) -> tuple[float, float]:
    return median, log(p99 / median) / P99
