"""Whether somebody may call the API of a tenant."""

from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.access import ApiKey, User


class Holders(Protocol):
    def find_user(self, user: str) -> User | None: ...
    def find_key(self, key_id: str) -> ApiKey | None: ...


@dataclass(frozen=True, slots=True)
class People:
    """Those who hold a key or sign in, by the names under which they act."""

    holders: Holders

    def knows(self, tenant: str, name: str) -> bool:
        """Whether `user:<id>` or `key:<id>` may act for the tenant now."""
        kind, _, name_id = name.partition(":")
        if kind == "user":
            user = self.holders.find_user(name_id)
            return user is not None and user.tenant == tenant and not user.disabled
        key = self.holders.find_key(name_id) if kind == "key" and name_id else None
        return key is not None and key.tenant == tenant and not key.revoked
