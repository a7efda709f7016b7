"""I12: nothing is taken before its release, nor behind a gate that was closed for longer than half a minute.

A worker acts on what its catalogue said, which may be 30 seconds old; so what counts is whether a product,
shop, tenant and the whole deployment were open at some moment shortly before that worker last asked.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field

from tests.simulation.violations import must

MOST_AGE = 30_000
ALWAYS = (0, False, None)


@dataclass
class Gates:
    """When each thing was closed or open, and to be released, since the beginning."""

    history: dict[tuple, list[tuple]] = field(default_factory=lambda: defaultdict(lambda: [ALWAYS]))

    def of_document(self, change, now: int) -> None:
        what = _what(*change.key)
        if what is None or change.new is None:
            return
        kept = json.loads(change.new["doc"]["S"])
        self.history[what].append((now, bool(kept.get("paused")), kept.get("release_at")))

    def check(self, key, sku: str, author, now: int, *, first: bool) -> None:
        """A replacement is not kept up by a release that was put off: its buyer had a card before."""
        _, tenant, shop, _ = key[0].split("#")
        for what in (("gate",), ("tenant", tenant), ("shop", shop), ("product", tenant, sku)):
            asked = author.judged_at.get(what)
            must(asked is not None, "I12", key, f"taken without a look at the gate of {what}")
            versions = self._between(what, asked[0] - MOST_AGE, asked[1])
            opened = [version for version in versions if not version[1]]
            must(opened, "I12", key, f"taken behind the closed gate of {' '.join(what)}")
            early = now + author.process.skew
            released = [one for one in opened if one[2] is None or one[2] <= early]
            must(released or not first, "I12", key, f"taken before the release of {sku}")

    def _between(self, what, since: int, until: int) -> list[tuple]:
        """The versions that were in force at some moment of this time."""
        versions = self.history[what]
        ends = [later[0] for later in versions[1:]] + [until + 1]
        return [one for one, end in zip(versions, ends, strict=True) if one[0] <= until and end >= since]

    def open_now(self, tenant: str, shop: str, sku: str, now: int) -> bool:
        """Whether a piece of this could be had at this moment, if there is stock."""
        return self.closed_now(tenant, shop, sku) is None and not self.early_now(tenant, sku, now)

    def closed_now(self, tenant: str, shop: str, sku: str) -> str | None:
        """The room of the widest gate that is closed."""
        places = (("gate",), "all"), (("tenant", tenant), "tenant"), (("shop", shop), f"shop/{shop}")
        for what, ref in (*places, (("product", tenant, sku), f"sku/{sku}")):
            if self.history[what][-1][1]:
                return ref
        return None

    def early_now(self, tenant: str, sku: str, now: int) -> bool:
        release = self.history["product", tenant, sku][-1][2]
        return release is not None and release > now


def _what(pk: str, sk: str) -> tuple | None:
    kind, _, name = sk.partition("#")
    if pk.startswith("S#"):
        return "shop", pk[2:]
    if sk == "GATE":
        return ("gate",)
    if kind == "TENANT":
        return "tenant", name
    return ("product", pk[2:], name) if kind == "PRODUCT" else None
