"""People who sign in at an issuer: what a token opens, and who may say so."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cardcourier import wiring
from cardcourier.adapters.oidc.id_tokens import IdTokens
from cardcourier.adapters.oidc.issuer_keys import IssuerKeys, fetch_https
from cardcourier.clock import now_ms
from cardcourier.domain.access import User, user_id
from cardcourier.errors import Conflict
from cardcourier.services.managing.users import UsersDesk
from tests.integration.api_client import Inside, new_key, open_merchant, problem
from tests.integration.shop import acting
from tests.issuer import issuer


@pytest.fixture(scope="module")
def home():
    with issuer() as running:
        running.add("one", "ES256")
        yield running


@pytest.fixture
def world(cloud, home, monkeypatch):
    """This process serves `/v1`, and reads the tokens of `home`."""
    with acting(cloud):
        tokens = IdTokens(
            {home.url: frozenset({"cardcourier"})}, IssuerKeys(fetch_https(loopback=True), now_ms)
        )
        desk = UsersDesk(wiring.merchants(), (home.url,), now_ms)
        monkeypatch.setattr(wiring, "id_tokens", lambda: tokens)
        monkeypatch.setattr(wiring, "users_desk", lambda: desk)
        yield cloud


@pytest.fixture
def merchant(world):
    return open_merchant(world)


@pytest.fixture
def owner(merchant):
    """An owner's program, with which the first people are let in."""
    return Inside(new_key(merchant.id))


@pytest.fixture
def people(home, owner):
    """Let somebody in and be them: `people("support")` calls with a token of their own."""

    def let_in(role, by=owner, **body):
        subject = f"{role}-{secrets.token_hex(4)}"
        made = by.post(
            "/v1/users", {"issuer": home.url, "subject": subject, "name": role, "role": role} | body
        )
        assert made.status == 201, made.text
        person = Inside(home.token(subject))
        person.id, person.subject = made.json["id"], subject
        return person

    return let_in


def patch(by, person, **body):
    return by("PATCH", f"/v1/users/{person.id}", body)


def test_a_person_is_who_the_token_says_and_may_what_their_role_may(merchant, people):
    support = people("support")

    me = support.get("/v1/me").json

    assert (me["tenant"], me["role"], me["user_id"], me["key_id"]) == (merchant.id, "support", support.id, "")
    assert support.get("/v1/orders").status == 200
    assert problem(support.get("/v1/keys")) == (403, "not_allowed")


def test_what_a_person_does_carries_their_name(merchant, people):
    stock = people("stock")

    stock.post("/v1/products", {"sku": "S", "name": "N"})

    item = wiring.main_table().get((f"C#{merchant.id}", "PRODUCT#S"))
    assert item["by"]["S"] == f"user:{stock.id}"


def test_scopes_narrow_a_person(people):
    narrow = people("manager", scopes=["orders:read"])

    assert narrow.get("/v1/me").json["scopes"] == ["orders:read"]
    assert problem(narrow.get("/v1/products")) == (403, "not_allowed")


def test_a_changed_role_holds_with_the_next_request(owner, people):
    person = people("support")
    read = owner.get(f"/v1/users/{person.id}")

    changed = owner("PATCH", f"/v1/users/{person.id}", {"role": "finance"}, if_match=read.headers["etag"])
    late = owner("PATCH", f"/v1/users/{person.id}", {"role": "stock"}, if_match=read.headers["etag"])

    assert (changed.status, changed.json["role"]) == (200, "finance")
    assert problem(late) == (412, "version_mismatch")
    assert person.get("/v1/reports").status == 200
    assert owner.get("/v1/users").json["items"] == [changed.json]


def test_whoever_is_unknown_disabled_forged_or_expired_is_told_the_same(home, owner, people, merchant):
    person, disabled = people("support"), people("support")
    patch(owner, disabled, disabled=True)
    _, body, signature = person.key.split(".")
    bad = {
        "unknown": home.token("nobody"),
        "disabled": disabled.key,
        "expired": home.token(person.subject, exp=1_700_000_000),
        "elsewhere": home.token(person.subject, aud="other"),
        "altered": f"{person.key.split('.')[0]}.{body}.{signature[::-1]}",
        "no token": "nonsense",
        "nothing": "",
        "key": "ck_local_00000000_" + "A" * 32,
    }

    answers = {name: Inside(text).get("/v1/me") for name, text in bad.items()}

    assert person.get("/v1/me").status == 200
    assert {problem(answer) for answer in answers.values()} == {(401, "not_signed_in")}
    assert len({json.dumps({**answer.json, "request_id": ""}) for answer in answers.values()}) == 1
    patch(owner, disabled, disabled=False)
    assert disabled.get("/v1/me").status == 200


def test_the_tenant_is_that_of_the_user_and_of_no_token(home, world, people):
    person, other = people("owner"), open_merchant(world)

    liar = Inside(home.token(person.subject, tenant=other.id, role="owner", scope="keys:write"))

    assert liar.get("/v1/me").json == person.get("/v1/me").json | {
        "expires_at": liar.get("/v1/me").json["expires_at"]
    }
    assert liar.get("/v1/me").json["tenant"] != other.id
    assert other.own not in liar.get("/v1/shops").text


def test_a_person_is_let_in_once_and_by_one_tenant(home, world, owner, people):
    person = people("support")
    body = {"issuer": home.url, "subject": person.subject, "name": "x", "role": "owner"}
    stranger = Inside(new_key(open_merchant(world).id))

    assert problem(owner.post("/v1/users", body)) == (409, "already_exists")
    assert problem(stranger.post("/v1/users", body)) == (409, "already_exists")
    assert person.get("/v1/me").json["role"] == "support"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"issuer": "https://login.example.com"}, "bad_issuer"),
        ({"role": "king"}, "bad_role"),
        ({"scopes": ["no:such"]}, "bad_scope"),
        ({"role": "stock", "scopes": ["keys:write"]}, "bad_scope"),
    ],
)
def test_whoever_cannot_be_is_refused(home, owner, body, code):
    good = {"issuer": home.url, "subject": "s", "name": "N", "role": "support"}

    assert problem(owner.post("/v1/users", good | body)) == (422, code)


def test_nobody_raises_oneself_or_others_above_oneself(home, owner, people):
    boss = people("owner")
    of_support = ["orders:read", "orders:act", "stock:read", "claims:read", "claims:act"]
    clerk = people("owner", scopes=["team:write", "cards:read", "cards:replace", *of_support])
    helper = people("support", by=clerk)

    assert problem(patch(clerk, clerk, scopes=[])) == (409, "own_user")
    assert problem(patch(boss, boss, role="manager")) == (409, "own_user")
    assert problem(patch(clerk, helper, role="manager")) == (403, "not_allowed")
    assert problem(patch(clerk, boss, disabled=True)) == (403, "not_allowed")
    new = {"issuer": home.url, "subject": secrets.token_hex(4), "name": "N", "role": "owner"}
    assert problem(clerk.post("/v1/users", new)) == (403, "not_allowed")
    assert problem(clerk.post("/v1/users", new | {"scopes": ["keys:write"]})) == (403, "not_allowed")
    assert patch(clerk, helper, disabled=True).status == 200


def test_a_person_makes_no_key_that_can_do_more(people):
    keeper = people("owner", scopes=["keys:write", "orders:read"])

    assert problem(keeper.post("/v1/keys", {"name": "k", "role": "support"})) == (403, "not_allowed")
    assert keeper.post("/v1/keys", {"name": "k", "role": "support", "scopes": ["orders:read"]}).status == 201


def test_the_last_owner_stays(owner, people):
    first, second = people("owner"), people("owner")
    people("owner", scopes=["orders:read"])

    assert patch(first, second, role="manager").status == 200
    assert problem(patch(owner, first, disabled=True)) == (409, "last_owner")
    assert problem(patch(owner, first, scopes=["orders:read"])) == (409, "last_owner")
    assert patch(owner, second, role="owner").status == 200
    assert patch(second, first, disabled=True).status == 200


def test_two_owners_who_remove_each_other_at_once_leave_one(merchant, world, home):
    desk, table = wiring.users_desk(), wiring.merchants()
    for _ in range(8):
        users = [
            User(
                id=user_id(home.url, subject := secrets.token_hex(6)),
                tenant=merchant.id,
                issuer=home.url,
                subject=subject,
                name="o",
                role="owner",
            )
            for _ in range(2)
        ]
        for user in users:
            table.add_user(user, now_ms(), "test")

        def remove(pair):
            me, other = pair
            try:
                desk.change(me, other, replace(other, disabled=True), 1)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            done = list(threads.map(remove, [tuple(users), tuple(reversed(users))]))
        left = [user for user in table.users(merchant.id, None, 100).items if user.leads]
        assert done.count(True) <= 1 and len(left) == 2 - done.count(True) >= 1
        for user in left:
            kept = table.user(merchant.id, user.id)
            table.change_user(replace(kept.thing, disabled=True), kept.ver, now_ms(), "test")


def test_limits_count_a_person_by_themselves(people):
    answer = people("support").get("/v1/orders")

    assert answer.headers["ratelimit"].startswith('"read";r=')


def test_without_an_issuer_no_token_is_read(cloud, home):
    with acting(cloud):
        assert wiring.id_tokens() is None
        assert problem(Inside(home.token()).get("/v1/me")) == (401, "not_signed_in")


def test_issuers_are_read_from_pairs(cloud, monkeypatch):
    with acting(cloud):
        monkeypatch.setenv("OIDC_ISSUERS", "https://a.example one,https://a.example two,https://b.example x")
        wiring.settings.cache_clear()
        assert wiring.issuers() == {
            "https://a.example": frozenset({"one", "two"}),
            "https://b.example": frozenset({"x"}),
        }
