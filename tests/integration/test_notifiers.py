"""Mail as it leaves: SES against moto, SMTP against a small server that answers what a test tells it."""

import datetime
import email
import email.policy
import socketserver
import ssl
import threading
import traceback
from dataclasses import dataclass, field

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from cardcourier.adapters.notifiers import Login, NobodyNotifier, SesNotifier, SmtpNotifier, make_notifier
from cardcourier.domain.mail import Message, NotifierRefused, NotifierUnavailable
from cardcourier.errors import Refused

SENDER = "星河数卡 <no-reply@xinghe.example>"
BUYER = "buyer.secret@inbox.example"
MESSAGE = Message("【星河数卡】您的订单已发货", "打开链接：https://card.example/r/abc\n", "<p>打开链接</p>")


# A mail server for tests


@dataclass
class Behaviour:
    """What the server answers, and what it was told."""

    answers: dict = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    said: list = field(default_factory=list)
    mails: list = field(default_factory=list)
    encrypted: list = field(default_factory=list)


class Dialogue(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self):
        self.secure = False
        if not self.answer("CONNECT", "220 ready"):
            return
        while line := self.rfile.readline():
            word = line.split()[0].decode().upper()
            self.server.behaviour.said.append(line.decode().strip())
            if not getattr(self, f"on_{word.lower()}", self.on_other)(word):
                return

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        return True

    def answer(self, word, usual):
        text = self.server.behaviour.answers.get(word, usual)
        return bool(text) and self.say(text)

    def on_ehlo(self, word):
        offers = ["250-test", "250-AUTH PLAIN"]
        if self.server.behaviour.context and not self.secure:
            offers.append("250-STARTTLS")
        return self.answer(word, "\r\n".join([*offers, "250 SIZE 10000000"]))

    def on_starttls(self, word):
        self.say("220 go on")
        try:
            self.connection = self.server.behaviour.context.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.secure = True
        return True

    def on_auth(self, word):
        return self.answer(word, "235 welcome")

    def on_data(self, word):
        if "DATA" in self.server.behaviour.answers:
            return self.answer(word, "")
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        self.server.behaviour.mails.append(
            email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        )
        self.server.behaviour.encrypted.append(self.secure)
        return self.answer("END", "250 taken")

    def on_quit(self, word):
        self.answer(word, "221 bye")
        return False

    def on_other(self, word):
        return self.answer(word, "250 ok")

    def finish(self):
        super().finish()
        if self.secure:
            self.connection.close()


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


@pytest.fixture
def server():
    with MailServer(("127.0.0.1", 0), Dialogue) as server:
        server.behaviour = Behaviour()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def smtp(server, login=None, timeout=3):
    return SmtpNotifier("localhost", server.server_address[1], SENDER, login, timeout)


def serve_tls(server, certificate):
    server.behaviour.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.behaviour.context.load_cert_chain(certificate)


# SMTP


def test_a_mail_arrives_whole(server):
    sent = smtp(server).send(BUYER, MESSAGE, "kefu@xinghe.example", "delivery-7")

    (mail,) = server.behaviour.mails
    assert mail["Subject"] == MESSAGE.subject
    assert mail["From"] == SENDER
    assert mail["To"] == BUYER
    assert mail["Reply-To"] == "kefu@xinghe.example"
    assert mail["Message-ID"] == sent == "<delivery-7@xinghe.example>"
    assert mail["Date"] is not None
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail.get_body(("html",)).get_content().strip() == MESSAGE.html


def test_a_retry_carries_the_same_message_id(server):
    first = smtp(server).send(BUYER, MESSAGE, None, "order/5 & more")
    again = smtp(server).send(BUYER, MESSAGE, None, "order/5 & more")

    assert first == again
    assert first != smtp(server).send(BUYER, MESSAGE, None, "order/6")


@pytest.mark.parametrize(
    ("word", "answer", "error"),
    [
        ("RCPT", "550 5.1.1 <buyer.secret@inbox.example> no such mailbox", NotifierRefused),
        ("RCPT", "450 4.2.0 <buyer.secret@inbox.example> greylisted", NotifierUnavailable),
        ("MAIL", "553 5.7.1 sender not allowed", NotifierRefused),
        ("MAIL", "530 5.7.0 authentication required", NotifierUnavailable),
        ("DATA", "451 4.3.0 try later", NotifierUnavailable),
        ("END", "554 5.7.1 looks like spam: buyer.secret@inbox.example", NotifierRefused),
        ("END", "452 4.3.1 disk full", NotifierUnavailable),
        ("END", "", NotifierUnavailable),
        ("CONNECT", "554 not you", NotifierUnavailable),
        ("CONNECT", "421 too many connections", NotifierUnavailable),
        ("CONNECT", "", NotifierUnavailable),
    ],
)
def test_the_answer_decides_whether_to_try_again(server, word, answer, error):
    server.behaviour.answers[word] = answer

    with pytest.raises(error) as caught:
        smtp(server).send(BUYER, MESSAGE, None, "d-1")

    assert BUYER not in "".join(traceback.format_exception(caught.value))


def test_a_broken_goodbye_does_not_send_twice(server):
    server.behaviour.answers["QUIT"] = "500 what?"

    smtp(server).send(BUYER, MESSAGE, None, "d-1")

    assert len(server.behaviour.mails) == 1


def test_a_server_that_is_not_there_is_unavailable(server):
    port = server.server_address[1]
    server.shutdown()
    server.server_close()

    with pytest.raises(NotifierUnavailable):
        SmtpNotifier("127.0.0.1", port, SENDER, timeout=1).send(BUYER, MESSAGE, None, "d-1")


def test_a_silent_server_times_out(server, monkeypatch):
    monkeypatch.setattr(Dialogue, "answer", lambda self, word, usual: threading.Event().wait(0.6))

    with pytest.raises(NotifierUnavailable):
        smtp(server, timeout=0.2).send(BUYER, MESSAGE, None, "d-1")


def test_offered_tls_is_used_and_the_login_follows(server, certificate, monkeypatch):
    serve_tls(server, certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    smtp(server, Login("me", "pass-word")).send(BUYER, MESSAGE, None, "d-1")

    assert server.behaviour.encrypted == [True]
    assert any(line.startswith("AUTH PLAIN") for line in server.behaviour.said)


def test_a_certificate_nobody_vouches_for_stops_everything(server, certificate):
    serve_tls(server, certificate)

    with pytest.raises(NotifierUnavailable):
        smtp(server).send(BUYER, MESSAGE, None, "d-1")

    assert not server.behaviour.mails


def test_a_password_never_travels_in_clear(server):
    with pytest.raises(NotifierUnavailable) as caught:
        smtp(server, Login("me", "pass-word")).send(BUYER, MESSAGE, None, "d-1")

    assert caught.value.evidence["reason"] == "no_tls"
    assert not any(line.startswith("AUTH") for line in server.behaviour.said)


def test_a_wrong_password_is_ours_to_mend(server, certificate, monkeypatch):
    serve_tls(server, certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.behaviour.answers["AUTH"] = "535 5.7.8 no"

    with pytest.raises(NotifierUnavailable) as caught:
        smtp(server, Login("me", "pass-word")).send(BUYER, MESSAGE, None, "d-1")

    assert "pass-word" not in repr(caught.value)


# Addresses and headers


NASTY_ADDRESSES = [
    "",
    "nobody",
    "a@b.example\r\nBcc: c@d.example",
    "a@b.example\nBcc: c@d.example",
    "a@b.example, c@d.example",
    "a@b.example c@d.example",
    "<a@b.example>",
    "Name <a@b.example>",
    "a@b@c.example",
    "买家@b.example",
    "a@b..example",
    "a\x00@b.example",
]


@pytest.mark.parametrize("address", NASTY_ADDRESSES)
def test_what_is_not_one_address_is_refused_and_nothing_is_sent(server, address):
    with pytest.raises(NotifierRefused):
        smtp(server).send(address, MESSAGE, None, "d-1")
    with pytest.raises(NotifierRefused):
        smtp(server).send(BUYER, MESSAGE, address or "x", "d-1")

    assert not server.behaviour.mails


@pytest.mark.parametrize("subject", ["Hi\r\nBcc: x@y.example", "Hi\nX: y", "Hi\r\n\r\nbody"])
@pytest.mark.parametrize("transport", ["smtp", "ses"])
def test_a_line_break_in_the_subject_is_refused(server, subject, transport):
    notifier = smtp(server) if transport == "smtp" else SesNotifier(None, SENDER)

    with pytest.raises(NotifierRefused):
        notifier.send(BUYER, Message(subject, "text", "<p>html</p>"), None, "d-1")

    assert not server.behaviour.mails


def test_a_line_break_in_our_id_cannot_add_a_header(server):
    smtp(server).send(BUYER, MESSAGE, None, "x>\r\nBcc: y@z.example")

    assert server.behaviour.mails[0]["Bcc"] is None


def test_a_domain_in_chinese_is_sent_in_ascii(server):
    smtp(server).send("kefu@例子.example", MESSAGE, None, "d-1")

    assert server.behaviour.mails[0]["To"] == "kefu@xn--fsqu00a.example"


# SES


@pytest.fixture
def ses(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("sesv2", region_name="us-east-1")


def test_ses_takes_a_mail(ses):
    ses.create_email_identity(EmailIdentity="xinghe.example")
    sent = SesNotifier(ses, SENDER).send(BUYER, MESSAGE, "kefu@xinghe.example", "d-1")

    (mail,) = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
    assert mail.id == sent
    assert mail.destinations["ToAddresses"] == [BUYER]
    assert mail.subject == MESSAGE.subject
    assert "no-reply@xinghe.example" in mail.source
    assert mail.source.isascii()


def test_an_unverified_sender_is_final_at_ses(ses):
    with pytest.raises(NotifierRefused) as caught:
        SesNotifier(ses, "x@nowhere.example").send(BUYER, MESSAGE, None, "d-1")

    assert caught.value.evidence["reason"] == "MessageRejected"


class Broken:
    """A client of SES that always fails in the same way."""

    def __init__(self, error):
        self.error = error

    def send_email(self, **request):
        raise self.error


def refusal(code):
    message = f"Address {BUYER} is not to our liking"
    return ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (refusal("MessageRejected"), NotifierRefused),
        (refusal("BadRequestException"), NotifierRefused),
        (refusal("NotFoundException"), NotifierRefused),
        (refusal("AccountSuspendedException"), NotifierRefused),
        (refusal("MailFromDomainNotVerifiedException"), NotifierRefused),
        (refusal("TooManyRequestsException"), NotifierUnavailable),
        (refusal("LimitExceededException"), NotifierUnavailable),
        (refusal("SendingPausedException"), NotifierUnavailable),
        (refusal("InternalServiceErrorException"), NotifierUnavailable),
        (refusal("AccessDeniedException"), NotifierUnavailable),
        (EndpointConnectionError(endpoint_url="https://email.example"), NotifierUnavailable),
    ],
)
def test_the_error_name_of_ses_decides_whether_to_try_again(problem, error):
    with pytest.raises(error) as caught:
        SesNotifier(Broken(problem), SENDER).send(BUYER, MESSAGE, None, "d-1")

    assert BUYER not in "".join(traceback.format_exception(caught.value))


# Choosing


def test_the_transport_is_chosen_by_name():
    def never():
        raise AssertionError("not needed")

    assert isinstance(make_notifier("none", "", ses_client=never), NobodyNotifier)
    assert isinstance(make_notifier("smtp", SENDER, ses_client=never, smtp_host="mail"), SmtpNotifier)
    assert isinstance(make_notifier("ses", SENDER, ses_client=object), SesNotifier)


@pytest.mark.parametrize(
    ("transport", "sender", "host"), [("ses", "", ""), ("smtp", SENDER, ""), ("pigeon", SENDER, "mail")]
)
def test_settings_that_do_not_fit_are_named(transport, sender, host):
    with pytest.raises(Refused, match=r"set |must be"):
        make_notifier(transport, sender, ses_client=object, smtp_host=host)


def test_without_mail_nothing_looks_sent():
    with pytest.raises(NotifierRefused):
        NobodyNotifier().send(BUYER, MESSAGE, None, "d-1")


def test_a_login_is_read_from_its_secret():
    login = Login.from_secret('{"username": "me", "password": "pass-word"}')

    assert (login.user, login.password) == ("me", "pass-word")
    assert "pass-word" not in repr(login)
    for broken in ("", "[]", '{"username": "me"}', "null"):
        with pytest.raises(Refused):
            Login.from_secret(broken)
