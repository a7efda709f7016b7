"""Data keys by tenant, purpose and id: opened through the key service, kept in memory for a while.

    purpose   id                     seals
    card      batch                  the cards of one import
    contact   day and worker         the contacts of one day's orders
    pepper    version                nothing: keys the fingerprints of cards and contacts
    link      version (tenant `-`)   nothing: keys links and pick-up codes

Only the reveal path keeps card keys, and those within the limits of age and use.
"""

import base64
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from secrets import token_hex
from threading import Lock

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cardcourier.adapters.kms import Context, KeyService
from cardcourier.adapters.sealing import keyed_hash, open_sealed, seal
from cardcourier.adapters.tables.data_keys import DataKeysTable
from cardcourier.domain.contact_keys import ContactKey, Named, keys_like, keys_of_buyer
from cardcourier.domain.key_versions import FIRST, REMEMBERED, Versions, living, names_of, naming
from cardcourier.domain.tokens import pick_up_code
from cardcourier.errors import NotFound

MOST_KEYS = 100
MOST_AGE = 300_000
MOST_USES = 1_000
EVERYWHERE = "-"


@dataclass(slots=True)
class _Kept:
    key: bytes
    since: int
    uses: int = 0


@dataclass(slots=True)
class KeyRing:
    """Opens data keys; forgets each after 5 minutes, a card key after 1,000 uses, the oldest beyond 100."""

    service: KeyService
    table: DataKeysTable
    clock: Callable[[], int]
    _kept: OrderedDict[Context, _Kept] = field(default_factory=OrderedDict)
    _versions: dict[tuple[str, str], tuple[int, Versions]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def key(self, tenant: str, purpose: str, key_id: str) -> bytes:
        """The plain key. Raises NotFound when there is none, Unavailable when it cannot be opened."""
        context, now = Context(tenant, purpose, key_id), self.clock()
        with self._lock:
            kept = self._kept.get(context)
            if kept and 0 <= now - kept.since < MOST_AGE and kept.uses < _most_uses(purpose):
                kept.uses += 1
                return kept.key
        wrapped = self.table.get(tenant, purpose, key_id)
        if wrapped is None:
            raise NotFound("no_data_key", f"There is no {purpose} key {key_id}; was the tenant set up?")
        return self._keep(context, self.service.unwrap(wrapped, context), now)

    def create(self, tenant: str, purpose: str, key_id: str) -> bytes:
        """Make a key and return it opened, for one who seals with it at once."""
        context, now = Context(tenant, purpose, key_id), self.clock()
        plain, wrapped = self.service.new_key(context)
        kept = self.table.put_new(tenant, purpose, key_id, wrapped, now, self.service.key)
        return self._keep(context, plain if kept == wrapped else self.service.unwrap(kept, context), now)

    def provide(self, tenant: str, purpose: str, key_id: str = FIRST) -> None:
        """Make sure that the key exists, without seeing it."""
        context = Context(tenant, purpose, key_id)
        if self.table.get(tenant, purpose, key_id) is None:
            wrapped = self.service.new_wrapped(context)
            self.table.put_new(tenant, purpose, key_id, wrapped, self.clock(), self.service.key)

    def versions(self, tenant: str, purpose: str) -> Versions:
        """The versions of a key that makes names, at most five minutes old."""
        now, place = self.clock(), (tenant, purpose)
        kept = self._versions.get(place)
        if kept is None or not 0 <= now - kept[0] < REMEMBERED:
            kept = now, self.table.versions(tenant, purpose)
            self._versions[place] = kept
        return kept[1]

    def _keep(self, context: Context, key: bytes, now: int) -> bytes:
        with self._lock:
            self._kept[context] = _Kept(key, now, uses=1)
            self._kept.move_to_end(context)
            while len(self._kept) > MOST_KEYS:
                self._kept.popitem(last=False)
        return key


def _most_uses(purpose: str) -> float:
    return MOST_USES if purpose == "card" else inf


@dataclass(slots=True)
class Fingerprints:
    """Keyed hashes of what must be found again but not read: cards, contacts, numbers.

    What is new is named under the version of the pepper in use; what is there may bear the name of another
    one that lives.
    """

    ring: KeyRing

    def card_id(self, tenant: str, issuer: str, identity: str) -> str:
        """`c1` and 130 bits in base 32: equal cards of a tenant get equal ids, whatever the batch."""
        return self.card_ids(tenant, issuer, identity)[0]

    def card_ids(self, tenant: str, issuer: str, identity: str) -> tuple[str, ...]:
        """The id that a card gets now, then those that it may have been given before, or be given soon."""
        peppers = [self._pepper(tenant, version) for version in self._living(tenant)]
        digests = [keyed_hash(pepper, "card", tenant, issuer, identity) for pepper in peppers]
        return tuple("c1" + base64.b32encode(digest[:17]).decode().lower()[:26] for digest in digests)

    def named(self, tenant: str, wanted: Iterable[ContactKey]) -> Named:
        """The names of an order's keys under the version in use, then those under the others that live."""
        new, *others = self._living(tenant)
        keys = list(dict.fromkeys(wanted))
        names = {self._row(tenant, new, key): key.kind.value for key in keys}
        for version in others:
            again = {self._row(tenant, version, key): key.kind.value.upper() for key in keys if key.counts}
            names = {**again, **names}
        first = sorted(names.items(), key=lambda item: item[1].isupper())
        return Named(tuple(name for name, _ in first), "".join(letter for _, letter in first))

    def searches(self, tenant: str, text: str) -> list[str]:
        """The rows under which a number, or a mark of a buyer, may be found."""
        return self._rows(tenant, self._living(tenant), keys_like(text))

    def every_search(self, tenant: str, text: str) -> list[str]:
        """Those of versions that ended as well: a buyer may ask for what was kept before."""
        versions = reversed(self.ring.versions(tenant, "pepper"))
        return self._rows(tenant, [version.id for version in versions], keys_of_buyer(text))

    def _rows(self, tenant: str, versions: Iterable[str], wanted: Sequence[ContactKey]) -> list[str]:
        rows = (self._row(tenant, version, key) for version in versions for key in wanted)
        return list(dict.fromkeys(rows))

    def _row(self, tenant: str, version: str, key: ContactKey) -> str:
        pepper = self._pepper(tenant, version)
        return keyed_hash(pepper, key.kind.label, tenant, key.value)[:16].hex()

    def _living(self, tenant: str) -> list[str]:
        versions = names_of(self.ring.versions(tenant, "pepper"), self.ring.clock())
        return [version.id for version in versions]

    def _pepper(self, tenant: str, version: str) -> bytes:
        return self.ring.key(tenant, "pepper", version)


@dataclass(slots=True)
class Contacts:
    """Seals how a buyer is reached. Each worker seals under its own key of the day."""

    ring: KeyRing
    _today: dict[str, tuple[str, str, AESGCM]] = field(default_factory=dict)

    def seal(self, tenant: str, contact: dict[str, str], order: str) -> bytes:
        """`key id | sealed`, bound to the order."""
        key_id, cipher = self._sealer(tenant)
        plain = json.dumps(contact, ensure_ascii=False, separators=(",", ":")).encode()
        return key_id.encode() + b"|" + seal(cipher, plain, ("contact", tenant, order, key_id))

    def open(self, tenant: str, sealed: bytes, order: str) -> dict[str, str]:
        raw_id, _, body = sealed.partition(b"|")
        key_id = raw_id.decode()
        cipher = AESGCM(self.ring.key(tenant, "contact", key_id))
        opened: dict[str, str] = json.loads(open_sealed(cipher, body, ("contact", tenant, order, key_id)))
        return opened

    def _sealer(self, tenant: str) -> tuple[str, AESGCM]:
        day = datetime.fromtimestamp(self.ring.clock() / 1000, UTC).strftime("%Y%m%d")
        kept = self._today.get(tenant)
        if kept is None or kept[0] != day:
            key_id = f"{day}-{token_hex(4)}"
            kept = (day, key_id, AESGCM(self.ring.create(tenant, "contact", key_id)))
            self._today[tenant] = kept
        return kept[1], kept[2]


@dataclass(slots=True)
class Links:
    """Derives an order's link and pick-up code: asked again, they are the same; a new `seq` ends them.

    The key's version follows from when the order was first heard of, so old orders keep their links.
    """

    ring: KeyRing

    def version(self, heard_at: int) -> str:
        """The version for an order first heard of at `heard_at` (epoch ms)."""
        return naming(self._versions(), heard_at, self.ring.clock()).id

    def living(self) -> list[str]:
        """The versions whose links and codes count, the newest first."""
        return [version.id for version in living(self._versions(), self.ring.clock())]

    def every(self) -> list[str]:
        """Those that ended as well: a number with its address still leads to an order, to mail it anew."""
        return [version.id for version in reversed(self._versions())]

    def token(self, version: str, tenant: str, shop: str, order: str, seq: int) -> str:
        """192 bits, URL-safe."""
        digest = keyed_hash(self._key(version), "token", tenant, shop, order, str(seq))
        return base64.urlsafe_b64encode(digest[:24]).decode()

    def code(self, version: str, tenant: str, shop: str, order: str, seq: int) -> str:
        """The pick-up code, as `XXXX-XXXX`."""
        return pick_up_code(keyed_hash(self._key(version), "code", tenant, shop, order, str(seq)))

    def code_hash(self, version: str, code: str) -> str:
        """Under which a pick-up code is found; the code itself is kept nowhere."""
        return keyed_hash(self._key(version), "code-row", code).hex()

    def mail_hash(self, version: str, number: str, email: str) -> str:
        """Under which an order is found by its number and the buyer's address, in any case and spacing."""
        folded = ["".join(text.split()).casefold().lstrip("#") for text in (number, email)]
        return keyed_hash(self._key(version), "mail-row", *folded).hex()

    def network_mark(self, version: str, tenant: str, network: str) -> str:
        """The same for one tenant's buyers of one network, and of no use for finding which it is."""
        return keyed_hash(self._key(version), "network", tenant, network).hex()[:12] if network else ""

    def _versions(self) -> Versions:
        return self.ring.versions(EVERYWHERE, "link")

    def _key(self, version: str) -> bytes:
        return self.ring.key(EVERYWHERE, "link", version)
