"""Who calls, and whether the scope of the route allows it. The tenant is that of the key, and no other."""

from dataclasses import dataclass

from cardcourier import wiring
from cardcourier.domain.access import ApiKey
from cardcourier.errors import Denied

SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the key; `rid` is the id of this request."""

    key: ApiKey
    scopes: frozenset[str]
    rid: str

    @property
    def tenant(self) -> str:
        return self.key.tenant

    @property
    def by(self) -> str:
        """How the caller is named in everything that is written."""
        return f"key:{self.key.id}"


def recognise(authorization: str, rid: str) -> Caller:
    """Raises Denied, with one text for an unknown, wrong, expired or revoked key."""
    bearer = authorization[: len(SCHEME)].lower() == SCHEME
    key = wiring.keys_desk().recognise(authorization[len(SCHEME) :].strip() if bearer else "")
    if key is None:
        raise Denied("not_signed_in", "Send a valid API key as Authorization: Bearer ck_…")
    return Caller(key, key.held, rid)


def allow(caller: Caller, scope: str) -> None:
    """Raises Denied, naming the scope."""
    if scope not in caller.scopes:
        raise Denied("not_allowed", f"This needs the scope {scope}; your key ({caller.key.role}) lacks it.")
