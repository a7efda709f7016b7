"""Who did what over the API: one line for every request that changes something, or shows what few may see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One request. `at` in epoch ms; `fields` are the names of what was sent, never what was in them.

    `action` is the operation of the API's description, `target` the address. `status` and `code` say what
    came of it; `code` is empty for what was done.
    """

    tenant: str
    at: int
    by: str
    role: str
    action: str
    target: str
    fields: tuple[str, ...]
    status: int
    code: str
    rid: str
    address: str
