"""Pause, resume and drain, alike for a tenant, a shop and a product."""

from cardcourier_cli.session import Session

GATE_COLUMNS = ("paused", "reason", "effective_at", "in_flight")
DRAIN_COLUMNS = ("shop", "order", "status")


def pause(now: Session, place: str, reason: str, **more: bool) -> None:
    """Stop selling; what is paid meanwhile waits."""
    now.out.one(now.api.post(f"{place}/pause", {"reason": reason, **more}), GATE_COLUMNS)


def resume(now: Session, place: str) -> None:
    """Sell again, and serve what waited."""
    now.out.one(now.api.post(f"{place}/resume"), GATE_COLUMNS)


def drain(now: Session, place: str) -> None:
    """What is still under way."""
    told = now.api.get(f"{place}/drain")
    now.out.items(told["orders"], DRAIN_COLUMNS)
    if told["more"]:
        now.out.say(now.out.words("more"))
