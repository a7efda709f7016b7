"""Tokens of an issuer: a good one names its subject, and whatever is wrong with one makes it nobody's."""

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from cardcourier.adapters.oidc.id_tokens import MOST_CHARACTERS, IdTokens
from cardcourier.adapters.oidc.issuer_keys import KEEP, PAUSE, IssuerKeys, Unusable, fetch_https
from cardcourier.errors import Unavailable
from tests.issuer import issuer, new_key, public_jwk

NOON = 1_790_000_000_000


@pytest.fixture(scope="module")
def home():
    """An issuer with a key of each kind."""
    with issuer() as running:
        running.add("one", "RS256")
        running.add("two", "ES256")
        running.add("three", "EdDSA")
        yield running


@pytest.fixture
def now():
    return [NOON]


def reader(home, now=(NOON,), audience="cardcourier"):
    keys = IssuerKeys(fetch_https(loopback=True), lambda: now[0])
    return IdTokens({home.url: frozenset({audience, "console"})}, keys)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("kid", ["one", "two", "three"])
def test_a_good_token_names_its_subject(home, kid):
    subject = reader(home).read(home.token("li|42", kid))

    assert (subject.issuer, subject.subject) == (home.url, "li|42")
    assert abs(subject.expires_at / 1000 - time.time() - 300) < 5


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["other", "console"]},
        {"exp": -30},
        {"nbf": 30},
        {"iat": 30},
    ],
    ids=["one of several audiences", "clock behind", "clock ahead", "made just now"],
)
def test_a_minute_of_difference_between_clocks_is_borne(home, claims):
    """Numbers are seconds from now, and now is when the test runs."""
    now = int(time.time())
    meant = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}

    assert reader(home).read(home.token(**meant))


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+JWT", "jwt"])
def test_it_may_be_an_id_token_or_an_access_token(home, kind):
    assert reader(home).read(home.token(header={"typ": kind}))


BAD_CLAIMS = {
    "expired": {"exp": int(time.time()) - 90},
    "not yet": {"nbf": int(time.time()) + 86_400},
    "from the future": {"iat": int(time.time()) + 86_400},
    "for somebody else": {"aud": "other"},
    "for nobody": {"aud": None},
    "for ever": {"exp": None},
    "made at no time": {"iat": None},
    "of nobody": {"sub": None},
    "of an empty name": {"sub": ""},
    "of a long name": {"sub": "x" * 256},
    "of another issuer": {"iss": "https://login.example.com"},
    "of a longer issuer": {"iss": "http://127.0.0.1/"},
    "of several issuers": {"iss": None},
    "with a time of another kind": {"exp": "soon"},
    "with an audience of another kind": {"aud": {"cardcourier": 1}},
}


@pytest.mark.parametrize("claims", BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_a_token_with_wrong_claims_is_nobodys(home, claims):
    key, algorithm = home.keys["one"]
    now = int(time.time())
    told = {"iss": home.url, "aud": "cardcourier", "sub": "li", "iat": now, "exp": now + 300} | claims
    told = {name: value for name, value in told.items() if value is not None}
    header = part({"alg": algorithm, "kid": "one", "typ": "JWT"})
    signed = f"{header}.{part(told)}"
    signature = base64.urlsafe_b64encode(
        jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(signed.encode(), key)
    )

    assert reader(home).read(f"{signed}.{signature.rstrip(b'=').decode()}") is None


def public_pem(home):
    key, _ = home.keys["one"]
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def by_secret(home, secret, kid="one", algorithm="HS256"):
    """Signed with a secret that everybody knows."""
    body = home.token(kid=kid).split(".")[1]
    signed = f"{part({'alg': algorithm, 'kid': kid, 'typ': 'JWT'})}.{body}"
    made = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def unsigned(home, algorithm):
    return f"{part({'alg': algorithm, 'kid': 'one', 'typ': 'JWT'})}.{home.token().split('.')[1]}."


def by_stranger(home, kid, algorithm="RS256", **header):
    claims = jwt.decode(home.token(), options={"verify_signature": False})
    return jwt.encode(claims, new_key(algorithm), algorithm, headers={"kid": kid, **header})


def renamed(home, kid):
    """A good signature under another key's name."""
    _, body, signature = home.token(kid="two").split(".")
    return f"{part({'alg': 'ES256', 'kid': kid, 'typ': 'JWT'})}.{body}.{signature}"


FORGERIES = {
    "HS256 with the public key": lambda home: by_secret(home, public_pem(home)),
    "HS256 with the published key": lambda home: by_secret(home, json.dumps(home.jwks[0]).encode()),
    "RS256 in name only": lambda home: by_secret(home, public_pem(home), algorithm="RS256"),
    "HS256 with nothing": lambda home: by_secret(home, b""),
    "none": lambda home: unsigned(home, "none"),
    "None": lambda home: unsigned(home, "None"),
    "no algorithm": lambda home: unsigned(home, None),
    "no signature": lambda home: unsigned(home, "RS256"),
    "a stranger's key": lambda home: by_stranger(home, "one"),
    "a stranger's key, which it brings": lambda home: by_stranger(
        home, "one", jwk=public_jwk("one", new_key("RS256"), "RS256")
    ),
    "a stranger's key, from elsewhere": lambda home: by_stranger(home, "one", jku=f"{home.url}/evil"),
    "a path for a kid": lambda home: by_stranger(home, "../../../../dev/null"),
    "a query for a kid": lambda home: by_stranger(home, "x' UNION SELECT 'AA"),
    "a kid that is no text": lambda home: unsigned(home, "RS256").replace("Im9uZSI", "WzFd"),
    "another kind of key": lambda home: renamed(home, "one"),
    "RS512": lambda home: jwt.encode(
        jwt.decode(home.token(), options={"verify_signature": False}),
        home.keys["one"][0],
        "RS512",
        headers={"kid": "one"},
    ),
    "another type": lambda home: home.token(header={"typ": "logout+jwt"}),
    "something critical": lambda home: home.token(header={"crit": ["exp"], "exp": 1}),
    "changed claims": lambda home: ".".join(
        [home.token().split(".")[0], part({"sub": "wang"}), home.token().split(".")[2]]
    ),
    "too long": lambda home: home.token(pad="x" * MOST_CHARACTERS),
    "too deep": lambda home: "." + "eyJ" * 10 + "." + base64.b64encode(b"[" * 5_000).decode(),
    "two parts": lambda home: home.token().rpartition(".")[0],
    "five parts": lambda home: home.token() + ".a.b",
    "nothing": lambda home: "",
    "dots": lambda home: "..",
    "other letters": lambda home: "卡.密.卡",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forgery_is_nobodys(home, forge):
    assert reader(home).read(home.token())
    assert reader(home).read(forge(home)) is None


# ---------------------------------------------------------------- keys: kept, renewed, and those we take


@pytest.fixture
def office():
    with issuer() as running:
        running.add("one", "ES256")
        yield running


def test_keys_are_asked_for_once_an_hour(office, now):
    tokens = reader(office, now)
    for _ in range(20):
        assert tokens.read(office.token())
    assert len(office.asked) == 2

    now[0] += KEEP
    assert tokens.read(office.token()) and len(office.asked) == 4


def test_a_new_key_is_found_and_an_old_one_ends_with_it(office, now):
    tokens = reader(office, now)
    old = office.token()
    assert tokens.read(old)

    office.add("new", "ES256")
    now[0] += PAUSE
    assert tokens.read(office.token(kid="new"))
    office.drop("one")
    assert tokens.read(old)
    now[0] += KEEP
    assert tokens.read(old) is None and tokens.read(office.token(kid="new"))


def test_unknown_keys_have_the_issuer_asked_once_a_minute_at_most(office, now):
    tokens = reader(office, now)
    for n in range(50):
        assert tokens.read(by_stranger(office, f"kid-{n}", "ES256")) is None
    assert len(office.asked) == 2

    now[0] += PAUSE
    assert tokens.read(by_stranger(office, "kid", "ES256")) is None
    assert len(office.asked) == 4


def test_while_the_issuer_is_down_its_keys_hold(office, now):
    tokens = reader(office, now)
    assert tokens.read(office.token())

    office.down = True
    now[0] += 5 * KEEP
    assert tokens.read(office.token()) and tokens.read(office.token())
    assert len(office.asked) == 3


def test_an_issuer_that_never_answered_is_no_reason_to_call_a_token_wrong(office, now):
    office.down = True
    tokens = reader(office, now)
    for _ in range(3):
        with pytest.raises(Unavailable):
            tokens.read(office.token())
    assert len(office.asked) == 1

    office.down = False
    now[0] += PAUSE
    assert tokens.read(office.token())


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://login.example.com"},
        {"jwks_uri": "http://login.example.com/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": "https:///keys"},
        {"jwks_uri": "http://127.0.0.1:99999/keys"},
    ],
)
def test_a_discovery_that_leads_elsewhere_is_not_followed(office, now, says):
    office.says = says
    with pytest.raises(Unavailable):
        reader(office, now).read(office.token())


def test_an_answer_that_is_too_long_is_none(office, now):
    office.pad = "x" * 300_000
    with pytest.raises(Unavailable):
        reader(office, now).read(office.token())


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        public_jwk("one", new_key("RS256", 1024), "RS256"),
        public_jwk("one", new_key("RS256"), "RS256", use="enc"),
        public_jwk("one", new_key("RS256"), "RS256", alg="RS512"),
        "text",
    ],
    ids=["secret", "empty", "curve", "short", "for sealing", "algorithm", "no object"],
)
def test_a_key_that_signs_nothing_of_ours_is_left_out(office, now, key):
    office.jwks = [key | {"kid": "one"} if isinstance(key, dict) else key]
    keys = IssuerKeys(fetch_https(loopback=True), lambda: now[0])

    assert keys.find(office.url, "one") is None


def test_plain_http_is_for_this_machine_only():
    fetch = fetch_https(loopback=False)
    for url in ("http://127.0.0.1/", "http://login.example.com/", "ftp://127.0.0.1/", "data:,x", ""):
        with pytest.raises(Unusable):
            fetch(url)
    with pytest.raises(Unusable):
        fetch_https(loopback=True)("http://10.0.0.1/")
