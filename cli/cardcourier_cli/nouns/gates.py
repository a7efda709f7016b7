"""Pause, resume and drain, alike for a tenant, a shop and a product."""

from cardcourier_cli.session import Session

GATE_COLUMNS = ("paused", "reason", "effective_at", "in_flight")
DRAIN_COLUMNS = ("orders", "more")


def pause(now: Session, place: str, reason: str, **more: bool) -> None:
    """Stop selling; what is paid meanwhile waits."""
    now.out.one(now.api.post(f"{place}/pause", {"reason": reason, **more}), GATE_COLUMNS)


def resume(now: Session, place: str) -> None:
    """Sell again, and serve what waited."""
    now.out.one(now.api.post(f"{place}/resume"), GATE_COLUMNS)


def drain(now: Session, place: str) -> None:
    """How many orders are still under way; `more` says that there are more than were counted."""
    now.out.one(now.api.get(f"{place}/drain"), DRAIN_COLUMNS)
