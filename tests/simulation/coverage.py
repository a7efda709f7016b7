"""What happened in many runs: nobody shall believe in empty ones."""

from collections import Counter

from tests.simulation.chance import EVERY_FAULT
from tests.simulation.invariants.units import EDGES
from tests.simulation.writes import BESIDE, WRITES

EDGE_NAMES = [
    f"{was or 'PENDING'} -> {state}" for was, states in EDGES.items() for state in states if was != state
]


def counts(seen: Counter) -> dict[str, dict[str, int]]:
    """How often each write was done, each fault befell a call, and each edge was taken; 0 where never."""
    return {
        "writes": {name: seen["done", name] for name in (*WRITES.values(), *BESIDE.values())},
        "faults": {name: seen["fault", name] for name in EVERY_FAULT},
        "edges": {name: seen["edge", name] for name in sorted(EDGE_NAMES)},
    }


def missing(seen: Counter) -> list[str]:
    """What never happened, and what write never met which fault it may meet."""
    return [f"{kind}: {name}" for kind, found in counts(seen).items() for name, n in found.items() if not n]


def table(seen: Counter) -> str:
    lines = []
    for kind, found in counts(seen).items():
        told = ", ".join(f"{name} {n}" for name, n in found.items())
        lines.append(f"{kind}: {told}")
    return "\n".join(lines)
