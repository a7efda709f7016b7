"""Who calls, and whether the scope of the route allows it. The tenant is that of the key or user alone."""

from dataclasses import dataclass

from cardcourier import wiring
from cardcourier.domain.access import Holder
from cardcourier.errors import Denied

SCHEME = "bearer "
KEY = "ck_"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds an API key or a token of an issuer, until `expires_at`; `rid` names this request."""

    holder: Holder
    scopes: frozenset[str]
    expires_at: int
    rid: str

    @property
    def tenant(self) -> str:
        return self.holder.tenant

    @property
    def by(self) -> str:
        """How the caller is named in everything that is written."""
        return self.holder.by


def recognise(authorization: str, rid: str) -> Caller:
    """Raises Denied, with one text for whatever is wrong: unknown, altered, expired, revoked or disabled."""
    bearer = authorization[: len(SCHEME)].lower() == SCHEME
    text = authorization[len(SCHEME) :].strip() if bearer else ""
    caller = _by_key(text, rid) if text.startswith(KEY) else _by_token(text, rid)
    if caller is None:
        raise Denied("not_signed_in", "Send a valid API key or token as Authorization: Bearer …")
    return caller


def allow(caller: Caller, scope: str) -> None:
    """Raises Denied, naming the scope."""
    if scope not in caller.scopes:
        raise Denied(
            "not_allowed", f"This needs the scope {scope}; you ({caller.holder.role}) do not hold it."
        )


def _by_key(text: str, rid: str) -> Caller | None:
    key = wiring.keys_desk().recognise(text)
    return Caller(key, key.held, key.expires_at, rid) if key else None


def _by_token(text: str, rid: str) -> Caller | None:
    tokens = wiring.id_tokens()
    subject = tokens.read(text) if tokens else None
    user = wiring.users_desk().recognise(subject) if subject else None
    return Caller(user, user.held, subject.expires_at, rid) if user and subject else None
