"""Users: people who sign in at an OpenID Connect issuer, and what they may do here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.access import ROLES, SCOPES, Holder, Subject, User, scopes_of, user_id
from cardcourier.domain.kept import Kept, Page
from cardcourier.errors import Conflict, Denied, Refused

MOST_OWNERS_LOOKED_AT = 1_000


class Users(Protocol):
    def find_user(self, user: str) -> User | None: ...
    def users(self, tenant: str, after: str | None, limit: int) -> Page[User]: ...
    def user(self, tenant: str, user: str) -> Kept[User]: ...
    def add_user(self, user: User, now: int, by: str) -> None: ...
    def change_user(
        self, user: User, seen_ver: int, now: int, by: str, witness: Kept[User] | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class UsersDesk:
    """Invites people and says what they may do. `issuers` are those whose tokens are read."""

    users: Users
    issuers: Sequence[str]
    clock: Callable[[], int]

    def recognise(self, subject: Subject) -> User | None:
        """Who this is here; None for whom nobody invited, and for who was disabled."""
        user = self.users.find_user(user_id(subject.issuer, subject.subject))
        return None if user is None or user.disabled else user

    def invite(
        self, maker: Holder, issuer: str, subject: str, name: str, role: str, scopes: Iterable[str]
    ) -> User:
        """Let somebody in who may do no more than who invites. Raises Refused, Denied, Conflict."""
        if issuer not in self.issuers:
            known = ", ".join(self.issuers) or "none; the operator names them (OidcIssuers)"
            raise Refused("bad_issuer", f"issuer must be one of those configured: {known}.")
        user = User(
            id=user_id(issuer, subject),
            tenant=maker.tenant,
            issuer=issuer,
            subject=subject,
            name=name,
            role=role,
            scopes=tuple(sorted(set(scopes))),
            created_at=self.clock(),
        )
        self._check(maker, user)
        self.users.add_user(user, self.clock(), maker.by)
        return user

    def change(self, maker: Holder, before: User, after: User, seen_ver: int) -> None:
        """Give another role or scopes, disable or enable. Raises Refused, Denied, Conflict.

        Nobody changes oneself, nor anybody who may do more; the last owner stays.
        """
        if maker.id == before.id:
            raise Conflict("own_user", "Nobody changes oneself; ask another owner.")
        if beyond := before.held - maker.held:
            raise Denied("not_allowed", f"This user holds what you do not: {', '.join(sorted(beyond))}.")
        self._check(maker, after)
        witness = self._other_owner(before) if before.leads and not after.leads else None
        self.users.change_user(after, seen_ver, self.clock(), maker.by, witness)

    def _check(self, maker: Holder, user: User) -> None:
        wanted = frozenset(user.scopes)
        if user.role not in ROLES:
            raise Refused("bad_role", f"role must be one of {', '.join(ROLES)}.")
        if not wanted <= SCOPES or wanted - ROLES[user.role]:
            raise Refused("bad_scope", f"scopes must be among those of {user.role}.")
        if beyond := scopes_of(user.role, wanted) - maker.held:
            raise Denied("not_allowed", f"You do not hold {', '.join(sorted(beyond))} yourself.")

    def _other_owner(self, leaving: User) -> Kept[User]:
        """An owner who stays; the change is made only if that one is still as seen."""
        page = self.users.users(leaving.tenant, None, MOST_OWNERS_LOOKED_AT)
        other = next((user for user in page.items if user.leads and user.id != leaving.id), None)
        if other is None:
            raise Conflict("last_owner", "This is the last owner; make somebody else one first.")
        kept = self.users.user(leaving.tenant, other.id)
        if not kept.thing.leads:
            raise Conflict("changed_meanwhile", "Somebody changes the owners now; try again.")
        return kept
