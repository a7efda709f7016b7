"""Whom cards are bought from, and how long they may be sold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SOON = 30 * 86_400_000
"""How long before its end an authorisation is warned of, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """`cost` of one card in minor units of `currency` stands in where an import names none.

    `layout` is how the last file of it was read that was committed, with a keyed hash of its header line.
    `authorisation` names the paper that allows to sell its cards until `authorised_until` (epoch ms); a copy
    may lie in the object store under `document_key`, with the SHA-256 that its sender told.
    """

    tenant: str
    id: str
    name: str
    contact: str = ""
    currency: str = "CNY"
    cost: int = 0
    note: str = ""
    layout: dict[str, Any] | None = None
    authorisation: str = ""
    authorised_until: int | None = None
    document_name: str = ""
    document_sha256: str = ""
    document_key: str = ""


class Standing(StrEnum):
    """What an authorisation is worth now."""

    UNKNOWN = "unknown"
    VALID = "valid"
    ENDS_SOON = "ends_soon"
    ENDED = "ended"


WARNINGS = {Standing.ENDS_SOON: "W_AUTHORISATION_ENDS_SOON", Standing.ENDED: "W_AUTHORISATION_ENDED"}


def standing_of(supplier: Supplier, now: int) -> Standing:
    """`unknown` without an end date."""
    if supplier.authorised_until is None:
        return Standing.UNKNOWN
    if supplier.authorised_until <= now:
        return Standing.ENDED
    return Standing.ENDS_SOON if supplier.authorised_until <= now + SOON else Standing.VALID
