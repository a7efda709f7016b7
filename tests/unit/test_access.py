"""Roles and keys: what each may do, and that a key proves itself and nothing more."""

import hashlib
from dataclasses import replace

import pytest

from cardcourier.domain.access import ROLES, SCOPES, scopes_of
from cardcourier.domain.kept import Kept
from cardcourier.errors import Conflict, Denied, Refused
from cardcourier.services.managing.api_keys import DAY, KeysDesk, make_key

NOON = 1_790_000_000_000

# The table of rights, as people read it: role → scopes.
RIGHTS = {
    "owner": "orders:read orders:act stock:read stock:import cards:replace products:write shops:write "
    "shops:secrets sales:pause notifications:write reports:read reports:run webhooks:read webhooks:write "
    "keys:write team:write settings:write audit:read audit:own buyers:export buyers:erase "
    "cards:read cards:override cards:redeemed claims:read claims:act claims:supplier",
    "manager": "orders:read orders:act stock:read stock:import cards:replace products:write shops:write "
    "shops:secrets sales:pause notifications:write reports:read reports:run webhooks:read webhooks:write "
    "audit:own buyers:export "
    "cards:read cards:override cards:redeemed claims:read claims:act claims:supplier",
    "stock": "orders:read stock:read stock:import products:write cards:read cards:redeemed claims:read",
    "support": "orders:read orders:act stock:read cards:replace cards:read claims:read claims:act",
    "finance": "orders:read stock:read reports:read reports:run webhooks:read "
    "cards:read claims:read claims:supplier",
    "auditor": "orders:read stock:read reports:read webhooks:read audit:read audit:own "
    "cards:read claims:read",
}


class FakeKeys:
    def __init__(self):
        self.kept = {}

    def find_key(self, key_id):
        return self.kept.get(key_id)

    def add_key(self, key, now, by):
        self.kept[key.id] = key

    def change_key(self, key, seen_ver, now, by):
        self.kept[key.id] = key


def random(count, _state=[0]):  # noqa: B006
    _state[0] += 1
    return hashlib.shake_256(str(_state[0]).encode()).digest(count)


@pytest.fixture
def keys():
    return FakeKeys()


def desk(keys, now=NOON, stage="dev"):
    return KeysDesk(keys, random, lambda: now, stage)


@pytest.fixture
def owner(keys):
    new = make_key("acme", "o", "owner", (), 30, "dev", NOON, random)
    keys.add_key(new.key, NOON, "test")
    return new


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_holds_the_rights_of_its_column(role):
    assert ROLES[role] == frozenset(RIGHTS[role].split())


def test_there_is_no_role_and_no_scope_beside_the_table():
    assert ROLES.keys() == RIGHTS.keys()
    assert frozenset().union(*ROLES.values()) == SCOPES
    assert scopes_of("nobody") == frozenset()


def test_scopes_narrow_and_never_widen():
    assert scopes_of("stock", ["stock:import", "keys:write"]) == {"stock:import"}


def test_what_was_one_right_before_stays_in_the_hands_that_had_it():
    assert scopes_of("owner", ["keys:write"]) == {"keys:write", "settings:write"}
    assert scopes_of("manager", ["shops:write"]) == {"shops:write", "shops:secrets"}
    assert scopes_of("manager", ["shops:secrets"]) == {"shops:secrets"}
    assert scopes_of("manager", ["audit:read"]) == {"audit:own"}


def test_a_key_of_the_first_release_that_lists_its_whole_role_grows_with_it(owner):
    listed = [
        "cards:replace",
        "keys:write",
        "orders:act",
        "orders:read",
        "products:write",
        "reports:read",
        "reports:run",
        "shops:write",
        "stock:import",
        "stock:read",
    ]
    old = replace(owner.key, scopes=tuple(listed))

    assert old.held == owner.key.held == ROLES["owner"]
    assert replace(old, named=True).held == {*listed, "settings:write", "shops:secrets"}
    assert replace(old, scopes=tuple(listed[1:])).held == {*listed[1:], "settings:write", "shops:secrets"}


def test_a_key_with_named_scopes_never_grows(keys, owner):
    made = desk(keys).create(owner.key, "k", "stock", RIGHTS["stock"].split(), 30, "test")

    assert made.key.named and made.key.held == set(RIGHTS["stock"].split())


def test_a_key_is_known_again_by_its_whole_text(keys, owner):
    assert desk(keys).recognise(owner.text) == owner.key
    assert owner.key.secret_hash == hashlib.sha256(owner.text.rsplit("_", 1)[1].encode()).hexdigest()
    assert owner.text.startswith(f"ck_dev_{owner.key.id}_") and len(owner.text.rsplit("_", 1)[1]) == 32
    assert owner.text not in repr(owner)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.replace("ck_dev", "ck_prod"),
        lambda text: text.replace("ck_", "CK_"),
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: " " + text,
        lambda text: text.replace("_", "-"),
        lambda text: "",
        lambda text: "ck_dev_00000000_" + "A" * 32,
    ],
)
def test_a_text_that_is_not_the_key_is_nobodys(keys, owner, spoil):
    assert desk(keys).recognise(spoil(owner.text)) is None


def test_a_key_ends_at_its_time_and_when_it_is_revoked(keys, owner):
    end = owner.key.expires_at
    assert end == NOON + 30 * DAY
    assert desk(keys, end - 1).recognise(owner.text)
    assert desk(keys, end).recognise(owner.text) is None

    keys.kept[owner.key.id] = replace(owner.key, revoked=True)
    assert desk(keys).recognise(owner.text) is None


def test_a_key_makes_no_key_that_can_do_more(keys, owner):
    narrow = replace(owner.key, scopes=("keys:write", "orders:read"))

    with pytest.raises(Denied):
        desk(keys).create(narrow, "k", "support", (), 30, "test")
    made = desk(keys).create(narrow, "k", "support", ["orders:read"], 30, "test")

    assert made.key.scopes == ("orders:read",) and made.key.tenant == "acme"


@pytest.mark.parametrize(
    ("role", "scopes", "days"),
    [
        ("king", (), 30),
        ("stock", ("keys:write",), 30),
        ("stock", ("no:such",), 30),
        ("stock", (), 366),
        ("stock", (), 0),
    ],
)
def test_a_key_that_cannot_be_is_refused(keys, owner, role, scopes, days):
    with pytest.raises(Refused):
        desk(keys).create(owner.key, "k", role, scopes, days, "test")


def test_a_key_revokes_others_and_never_itself(keys, owner):
    other = desk(keys).create(owner.key, "k", "stock", (), 30, "test")

    assert desk(keys).revoke(owner.key, Kept(other.key, 1), "test") == Kept(keys.kept[other.key.id], 2)
    assert keys.kept[other.key.id].revoked
    with pytest.raises(Conflict):
        desk(keys).revoke(owner.key, Kept(owner.key, 1), "test")


def test_letters_of_a_secret_are_evenly_drawn():
    secrets = "".join(
        make_key("t", "n", "stock", (), 1, "dev", NOON, random).text.rsplit("_", 1)[1] for _ in range(400)
    )

    counts = sorted(secrets.count(letter) for letter in set(secrets))

    assert len(counts) == 62 and counts[-1] < 2 * counts[0]
