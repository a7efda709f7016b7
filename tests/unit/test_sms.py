"""SMS: signatures, what providers answer, numbers, and what is said in so few characters."""

import hmac
import json
import socket
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.sms import aliyun, make_sender, tencent
from cardcourier.adapters.sms.http import Http
from cardcourier.adapters.sms.phones import e164, known_region
from cardcourier.adapters.sms.sns import SnsSender
from cardcourier.domain.notification import Plan
from cardcourier.domain.sms import (
    LONGEST_VARIABLE,
    SmsMessage,
    SmsRefused,
    SmsSettings,
    SmsUnavailable,
    fits,
    product_variable,
    short_name,
)
from cardcourier.messages.sms import word_sms

VECTORS = Path(__file__).parents[1] / "vectors"
PHONE = "+8613800138000"
MESSAGE = SmsMessage("delivered", "zh-CN", "芒果TV月卡", "ABCD-2345", "您好 ABCD-2345")
TEMPLATES = {"delivered/zh-CN": "SMS_1"}


def vectors(platform, scheme):
    rows = json.loads((VECTORS / f"{platform}.json").read_text("utf-8"))
    return [row for row in rows if row["inputs"]["scheme"] == scheme]


@pytest.mark.parametrize("vector", vectors("aliyun-sms", "aliyun-acs3"), ids=lambda v: v["purpose"])
def test_published_signatures_of_aliyun(vector):
    given_, expected = vector["inputs"], vector["expected"]
    made = aliyun.authorization(
        given_["access_key_id"],
        given_["access_key_secret"],
        given_["method"],
        given_["query"],
        given_["headers"],
    )
    assert f"SignedHeaders={expected['signed_headers']}," in made
    assert made.endswith(f"Signature={expected['signature']}")


@pytest.mark.parametrize("vector", vectors("tencent-sms", "tencent-tc3"), ids=lambda v: v["purpose"])
def test_published_signatures_of_tencent(vector):
    given_, expected = vector["inputs"], vector["expected"]
    made = tencent.authorization(
        given_["secret_id"],
        given_["secret_key"],
        given_["service"],
        given_["timestamp"],
        given_["headers"],
        given_["payload"].encode(),
    )
    assert made.endswith(f"Signature={expected['signature']}")
    assert made == expected.get("authorization", made)


# ---------------------------------------------------------------- a provider of our own


class Provider(HTTPServer):
    """Answers what it is told, keeps what it got, and checks signatures from scratch."""

    def __init__(self, check):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.check, self.got, self.answer, self.status = check, [], {}, 200

    @property
    def http(self):
        return Http(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        wrong = self.server.check(self, body)
        self.server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.server.answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        raw = (
            self.server.answer
            if isinstance(self.server.answer, bytes)
            else json.dumps(wrong or self.server.answer)
        )
        raw = raw if isinstance(raw, bytes) else raw.encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


@contextmanager
def provider(check):
    with Provider(check) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def aliyun_signed(request, body):
    """Written from Aliyun's document alone; the secret is `secret`."""
    auth = request.headers["Authorization"]
    names = auth.split("SignedHeaders=")[1].split(",")[0]
    pairs = sorted(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs)
    lines = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    text = "ACS3-HMAC-SHA256\n" + sha256(canonical.encode()).hexdigest()
    wanted = hmac.new(b"secret", text.encode(), "sha256").hexdigest()
    good = auth.endswith(wanted) and {"host", "x-acs-date", "x-acs-signature-nonce"} <= set(names.split(";"))
    return None if good else {"Code": "SignatureDoesNotMatch"}


def tencent_signed(request, body):
    auth, at = request.headers["Authorization"], request.headers["X-TC-Timestamp"]
    scope = auth.split("Credential=id/")[1].split(",")[0]
    day, service, last = scope.split("/")
    lines = f"content-type:{request.headers['Content-Type']}\nhost:{request.headers['Host']}\n"
    canonical = f"POST\n/\n\n{lines}\ncontent-type;host\n{sha256(body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = b"TC3secret"
    for part in (day, service, last):
        key = hmac.new(key, part.encode(), "sha256").digest()
    good = auth.endswith(hmac.new(key, text.encode(), "sha256").hexdigest()) and service == "sms"
    return None if good else {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}


@pytest.fixture(scope="module")
def at_aliyun():
    with provider(aliyun_signed) as server:
        yield server


@pytest.fixture(scope="module")
def at_tencent():
    with provider(tencent_signed) as server:
        yield server


def by_aliyun(server, secret="secret", **options):
    server.status = 200
    return aliyun.AliyunSender(server.http, "id", secret, "星河数卡", options.get("templates", TEMPLATES))


def by_tencent(server, secret="secret"):
    server.status = 200
    return tencent.TencentSender(
        server.http, "id", secret, app_id="1400", sign_name="星河数卡", templates=TEMPLATES
    )


def test_aliyun_gets_the_two_variables_and_our_id(at_aliyun):
    at_aliyun.answer = {"Code": "OK", "BizId": "900^0", "Message": "OK"}
    assert by_aliyun(at_aliyun).send(PHONE, MESSAGE, "our-id") == "900^0"
    path, headers, _ = at_aliyun.got[-1]
    asked = dict(parse_qsl(urlsplit(path).query))
    assert json.loads(asked.pop("TemplateParam")) == {"product": "芒果TV月卡", "code": "ABCD-2345"}
    assert asked == {
        "PhoneNumbers": "13800138000",
        "SignName": "星河数卡",
        "TemplateCode": "SMS_1",
        "OutId": "our-id",
    }
    assert headers["x-acs-action"] == "SendSms"


def test_tencent_gets_the_two_variables_and_our_id(at_tencent):
    at_tencent.answer = {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "77"}], "RequestId": "r"}}
    assert by_tencent(at_tencent).send(PHONE, MESSAGE, "our-id") == "77"
    _, headers, body = at_tencent.got[-1]
    assert json.loads(body) == {
        "PhoneNumberSet": [PHONE],
        "SmsSdkAppId": "1400",
        "SignName": "星河数卡",
        "TemplateId": "SMS_1",
        "TemplateParamSet": ["芒果TV月卡", "ABCD-2345"],
        "SessionContext": "our-id",
    }
    assert (headers["x-tc-action"], headers["x-tc-region"]) == ("SendSms", "ap-guangzhou")


ALIYUN_ANSWERS = [
    ({"Code": "isv.MOBILE_NUMBER_ILLEGAL"}, SmsRefused, 0),
    ({"Code": "isv.AMOUNT_NOT_ENOUGH"}, SmsRefused, 0),
    ({"Code": "isv.SMS_TEMPLATE_ILLEGAL"}, SmsRefused, 0),
    ({"Code": "isv.SMS_SIGNATURE_ILLEGAL"}, SmsRefused, 0),
    ({"Code": "isv.BUSINESS_LIMIT_CONTROL"}, SmsUnavailable, 900_000),
    ({"Code": "isp.SYSTEM_ERROR"}, SmsUnavailable, 0),
    ({"Code": "Throttling.User"}, SmsUnavailable, 0),
    ({}, SmsUnavailable, 0),
    (b"<html>busy</html>", SmsUnavailable, 0),
    (b"[]", SmsUnavailable, 0),
    (None, SmsUnavailable, 0),
]


@pytest.mark.parametrize(("answer", "kind", "wait"), ALIYUN_ANSWERS, ids=lambda value: str(value)[:40])
def test_what_aliyun_answers_is_final_or_not(at_aliyun, answer, kind, wait):
    sender = by_aliyun(at_aliyun)
    at_aliyun.answer, at_aliyun.status = answer, 503 if isinstance(answer, bytes) else 200
    with pytest.raises(kind) as error:
        sender.send(PHONE, MESSAGE, "our-id")
    assert int(error.value.evidence.get("wait") or 0) == wait
    assert "138" not in f"{error.value!r} {error.value.evidence} {error.value.__cause__!r}"


def per_number(code):
    return {"Response": {"SendStatusSet": [{"Code": code, "PhoneNumber": PHONE, "Message": PHONE}]}}


TENCENT_ANSWERS = [
    (per_number("InvalidParameterValue.IncorrectPhoneNumber"), SmsRefused, 0),
    (per_number("FailedOperation.PhoneNumberInBlacklist"), SmsRefused, 0),
    (per_number("FailedOperation.InsufficientBalanceInSmsPackage"), SmsRefused, 0),
    (per_number("FailedOperation.TemplateIncorrectOrUnapproved"), SmsRefused, 0),
    (per_number("LimitExceeded.PhoneNumberDailyLimit"), SmsUnavailable, 3_600_000),
    (per_number("InternalError.Timeout"), SmsUnavailable, 0),
    ({"Response": {"Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": PHONE}}}, SmsRefused, 0),
    ({"Response": {"Error": {"Code": "RequestLimitExceeded"}}}, SmsUnavailable, 0),
    ({"Response": {"SendStatusSet": []}}, SmsUnavailable, 0),
    ({}, SmsUnavailable, 0),
    (None, SmsUnavailable, 0),
]


@pytest.mark.parametrize(("answer", "kind", "wait"), TENCENT_ANSWERS, ids=lambda value: str(value)[:60])
def test_what_tencent_answers_is_final_or_not(at_tencent, answer, kind, wait):
    at_tencent.answer = answer
    with pytest.raises(kind) as error:
        by_tencent(at_tencent).send(PHONE, MESSAGE, "our-id")
    assert int(error.value.evidence.get("wait") or 0) == wait
    assert "138" not in f"{error.value!r} {error.value.evidence}"


def test_a_wrong_secret_is_noticed_by_the_provider_and_told(at_aliyun, at_tencent):
    at_aliyun.answer = {"Code": "OK"}
    at_tencent.answer = per_number("Ok")
    for sender in (by_aliyun(at_aliyun, "wrong"), by_tencent(at_tencent, "wrong")):
        with pytest.raises(SmsRefused, match="secret"):
            sender.send(PHONE, MESSAGE, "our-id")


def test_without_a_template_nothing_is_asked(at_aliyun):
    before = len(at_aliyun.got)
    with pytest.raises(SmsRefused, match="no template"):
        by_aliyun(at_aliyun, templates={}).send(PHONE, MESSAGE, "our-id")
    assert len(at_aliyun.got) == before


def test_nobody_listening_is_not_final():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SmsUnavailable):
        aliyun.AliyunSender(Http(f"http://127.0.0.1:{port}"), "id", "s", "n", TEMPLATES).send(
            PHONE, MESSAGE, "x"
        )


class Sns:
    def __init__(self, error=None):
        self.error, self.asked = error, []

    def publish(self, **asked):
        self.asked.append(asked)
        if self.error:
            raise self.error
        return {"MessageId": "m-1"}


def test_sns_gets_the_whole_text_as_transactional():
    sns = Sns()
    assert SnsSender(sns, "ACME", "0.05").send(PHONE, MESSAGE, "x") == "m-1"
    [asked] = sns.asked
    assert (asked["PhoneNumber"], asked["Message"]) == (PHONE, MESSAGE.text)
    assert {
        name.rpartition(".")[2]: value["StringValue"] for name, value in asked["MessageAttributes"].items()
    } == {
        "SMSType": "Transactional",
        "SenderID": "ACME",
        "MaxPrice": "0.05",
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidParameter", SmsRefused),
        ("OptedOut", SmsRefused),
        ("AuthorizationError", SmsRefused),
        ("Throttled", SmsUnavailable),
        ("InternalError", SmsUnavailable),
    ],
)
def test_what_sns_answers_is_final_or_not(code, kind):
    error = ClientError({"Error": {"Code": code, "Message": PHONE}}, "Publish")
    with pytest.raises(kind) as raised:
        SnsSender(Sns(error)).send(PHONE, MESSAGE, "x")
    assert "138" not in f"{raised.value!r} {raised.value.evidence}"
    assert raised.value.__suppress_context__


def test_an_answer_of_sns_that_does_not_come_is_not_final():
    with pytest.raises(SmsUnavailable):
        SnsSender(Sns(ReadTimeoutError(endpoint_url="x"))).send(PHONE, MESSAGE, "x")


def test_a_sender_is_made_by_the_name_of_the_provider():
    made = {
        name: type(make_sender(SmsSettings(tenant="t", provider=name), lambda: "s", sns_client=Sns)).__name__
        for name in ("aliyun", "tencent", "sns")
    }
    assert made == {"aliyun": "AliyunSender", "tencent": "TencentSender", "sns": "SnsSender"}
    with pytest.raises(SmsRefused):
        make_sender(SmsSettings(tenant="t"), lambda: "s", sns_client=Sns)


def test_a_secret_stands_in_no_text_of_a_sender():
    for name in ("aliyun", "tencent"):
        sender = make_sender(SmsSettings(tenant="t", provider=name), lambda: "s3cret", sns_client=Sns)
        assert "s3cret" not in repr(sender)


# ---------------------------------------------------------------- numbers and channels


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("13800138000", "CN", PHONE),
        ("+86 138-0013-8000", "US", PHONE),
        ("138 0013 8000", "CN", PHONE),
        ("(415) 555-0132", "US", "+14155550132"),
        ("+44 7400 123456", "CN", "+447400123456"),
        ("010-12345678", "CN", None),
        ("12345", "CN", None),
        ("400-810-8888", "CN", None),
        ("13800138000", "ZZ", None),
        ("", "CN", None),
        ("buyer@x.example", "CN", None),
    ],
)
def test_numbers_that_can_get_an_sms(text, region, number):
    assert e164(text, region) == number


def test_regions():
    assert known_region("CN") and known_region("US") and not known_region("XX")


@pytest.mark.parametrize(
    ("rule", "mail", "phone", "plan"),
    [
        ("mail", True, True, Plan(("mail",))),
        ("mail", False, True, Plan()),
        ("sms", True, True, Plan(("sms",))),
        ("sms", True, False, Plan()),
        ("both", True, True, Plan(("mail", "sms"))),
        ("both", False, True, Plan(("sms",))),
        ("mail_then_sms", True, True, Plan(("mail",), "sms")),
        ("mail_then_sms", False, True, Plan(("sms",))),
        ("mail_then_sms", True, False, Plan(("mail",))),
        ("mail_then_sms", False, False, Plan()),
    ],
)
def test_the_channels_follow_the_rule(rule, mail, phone, plan):
    assert SmsSettings(tenant="t", provider="sns", rule=rule).plan(mail=mail, phone=phone) == plan


def test_without_a_provider_there_is_no_sms():
    assert SmsSettings(tenant="t", rule="mail_then_sms").plan(mail=True, phone=True) == Plan(("mail",))
    assert SmsSettings(tenant="t", rule="both").plan(mail=False, phone=True) == Plan()


# ---------------------------------------------------------------- few characters


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("芒果TV会员月卡", "芒果TV会员月卡"),
        ("芒果TV会员月卡（自动充值，官方直充）", "芒果TV会员月卡"),
        ("见 http://evil.example/x", "见 http evil"),
        ("Netflix Premium, 12 months", "Netflix Prem"),
        ("", ""),
    ],
)
def test_a_name_is_shortened_as_operators_want_it(name, short):
    assert short_name(name) == short


@given(st.lists(st.tuples(st.text(), st.integers(1, 9999)), max_size=4), st.sampled_from(["zh-CN", "en"]))
def test_a_variable_never_holds_a_link_or_too_much(names, language):
    variable = product_variable(names, language)
    assert 1 <= len(variable) <= LONGEST_VARIABLE
    assert not set(variable) & set("./:@{}<>\n\\?&=#")


def test_several_cards_are_counted():
    assert product_variable([("芒果TV会员月卡", 2), ("季卡", 1)], "zh-CN") == "芒果TV会员月卡等3件"[:12]
    assert product_variable([("Mango", 2)], "en") == "Mango x2"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("kind", ["delivered", "replaced", "again"])
@pytest.mark.parametrize("names", [[("芒果TV会员月卡（官方）", 1)], [("Mango TV, one month", 3)]])
def test_our_text_is_one_message_and_holds_code_and_address(kind, language, names):
    shop, site = "星河数卡旗舰店", "https://cards.example.com/q"
    message = word_sms(kind, language, names, shop=shop, code="ABCD-2345", site=site)
    assert "ABCD-2345" in message.text
    assert "cards.example.com/q" in message.text
    if language == "zh-CN":
        assert fits(message.text)


def test_an_english_text_of_plain_letters_has_more_room():
    assert fits("a" * 160) and not fits("a" * 161)
    assert fits("é" * 160) and not fits("卡" * 71)


def test_a_tenants_own_text_is_filled_once():
    own = "{shop} {product}: {code} {site}"
    message = word_sms(
        "again", "en", [("Card", 1)], shop="{code}", code="ABCD-2345", site="https://x/q", own=own
    )
    assert message.text == "code Card: ABCD-2345 x/q"
