"""A violation told so that a person can follow it: what broke, what led to it, and how to see it again."""

import re
from datetime import UTC, datetime

from tests.simulation.calls import Step
from tests.simulation.campaign import Found
from tests.simulation.run import Run
from tests.simulation.scale import small
from tests.simulation.violations import Violation
from tests.simulation.world import world_now

MOST = 120
_NAMES = re.compile(r"O#[^\s'\",)]+|W#[^\s'\",)]+|P#[^\s'\",)]+|\b[ct]1[a-z2-7]{26}(?:\.\w+)?|N-\d+")


def one_seed(seed: int, mutation: str = "", *, whole: bool = False) -> tuple[bool, str]:
    """Run it; whether it broke a promise, and the story."""
    with small(world_now):
        run = Run(seed)
        try:
            run.go()
        except Violation as broken:
            found = Found(seed, broken.invariant, broken.subject, broken.what)
            return True, told(found, run.world.calls.trace, mutation=mutation, whole=whole)
        lines = "".join(map(_line, run.world.calls.trace)) if whole else ""
        return False, f"{lines}seed {seed}: every promise was kept, over {len(run.world.calls.trace)} calls"


def told(found: Found, steps: list[Step], *, mutation: str = "", whole: bool = False) -> str:
    """The invariant, the calls about the orders and cards concerned, and one command."""
    names = set(_NAMES.findall(f"{found.subject} {found.what}"))
    chosen = [step for step in steps if whole or not names or _concerns(step, names)]
    left_out = "" if len(chosen) <= MOST or whole else f"    … {len(chosen) - MOST} earlier calls\n"
    lines = "".join(map(_line, chosen if whole else chosen[-MOST:]))
    again = f"python -m tests.simulation --seed {found.seed}{' --mutation ' + mutation if mutation else ''}"
    return (
        f"\nseed {found.seed}: {found.invariant} is broken\n  {found.subject}\n  {found.what}\n\n"
        f"{left_out}{lines}\n  again: {again} --trace\n"
    )


def _concerns(step: Step, names: set[str]) -> bool:
    about = " ".join(map(str, step.about))
    return any(name in about for name in names)


def _line(step: Step) -> str:
    at = datetime.fromtimestamp(step.at / 1000, UTC).strftime("%d %H:%M:%S.%f")[:-3]
    fault = f" [{step.fault}]" if step.fault else ""
    about = " | ".join(map(str, step.about))
    return f"    {at}  {step.strand:14} {step.call:18}{fault} {step.outcome}: {about[:180]}\n"
