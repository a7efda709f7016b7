"""Every scenario of `scale`: the tables of docs/proof.md and docs/deploy.md come from here."""

import json
from dataclasses import replace
from typing import Any

from bench.scale import PREPARED, bitten, prepared, said
from bench.scale.importing import beside
from bench.scale.pickers import CONTROLS
from bench.scale.presale import release
from bench.scale.sales import Sale, simulate
from cardcourier.services.picking import Picker

RATES = tuple(PREPARED)
SHARDS = (1, 4, 16, 64)
PER_ORDER = 20
"""Writes a second that a table is warmed for, for each order a second."""


def run() -> dict[str, dict[str, str]]:
    """What each table says, row by row."""
    return {
        "prepared": {f"{rate:,}/s": said(simulate(prepared(rate))) for rate in RATES},
        "new table": {
            f"{rate:,}/s": said(simulate(replace(prepared(rate), warm=0))) for rate in RATES if rate <= 1_000
        },
        "shards by hash": _grid(even=False),
        "shards in turn": _grid(even=True),
        "just given more shards": {
            f"{rate:,}/s, stock on a quarter of the shards": said(
                simulate(replace(prepared(rate), filled=PREPARED[rate][0] // 4))
            )
            for rate in (500, 1_000, 2_000)
        },
        "sold out": _sold_out(),
        "picking": {
            name: said(simulate(bitten(picker))) for name, picker in {"ours": Picker, **CONTROLS}.items()
        },
        "through the queue": _queued(),
        "presale of 100,000": _presales(),
        "import beside a sale": _imports(),
    }


def _grid(*, even: bool) -> dict[str, str]:
    return {
        f"{rate:,}/s, shards: {shards}": said(
            simulate(Sale(rate, shards, rate * PER_ORDER, seconds=3, even=even, patience=10))
        )
        for rate in RATES
        for shards in SHARDS
        if rate >= 250
    }


def _sold_out() -> dict[str, str]:
    """Twice as many buyers as cards."""
    asked = ((50, 1), (250, 4), (1_000, 4), (1_000, 16), (1_000, 64), (5_000, 16), (5_000, 64))
    return {
        f"{rate:,}/s, shards: {shards}": said(
            simulate(Sale(rate, shards, rate * PER_ORDER, seconds=3, cards=rate * 3 // 2))
        )
        for rate, shards in asked
    }


def _queued() -> dict[str, str]:
    asked = ((50, 20, 0), (250, 20, 0), (250, 20, 2), (500, 100, 0), (500, 100, 3), (1_000, 100, 0))
    asked += ((1_000, 100, 6), (2_000, 200, 12), (5_000, 400, 25))
    return {
        f"{rate:,}/s, most at once: {most}, pollers: {pollers}": said(
            simulate(replace(prepared(rate), seconds=10, most=most, pollers=pollers, patience=60))
        )
        for rate, most, pollers in asked
    }


def _presales() -> dict[str, str]:
    rows = {}
    for shards, most, announced, cards, new in (
        (4, 20, 1, None, 0),
        (16, 20, 1, None, 0),
        (64, 20, 1, None, 0),
        (16, 100, 20, None, 0),
        (16, 100, 20, 60_000, 0),
        (16, 100, 1, None, 100),
    ):
        sale = Sale(1, shards, 16_000, most=most, patience=400, cards=cards)
        found = release(sale, 100_000, announced, new)
        name = f"shards: {shards}, most at once: {most}, asked: {announced}, new: {new}/s"
        rows[f"{name}, cards: {cards or 'enough'}"] = _told(found)
    return rows


def _imports() -> dict[str, str]:
    rows = {}
    for polite in (True, False):
        for rate, shards in ((250, 4), (1_000, 16)):
            found, came = beside(replace(prepared(rate), shards=shards, seconds=10), polite=polite)
            name = f"{rate:,}/s, shards: {shards}, {'gives way' if polite else 'does not'}"
            rows[name] = f"{said(found)}, {came} cards/s came in"
    return rows


def _told(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
