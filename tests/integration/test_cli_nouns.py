"""The rest of the command line against the whole local cloud: every noun, and how each command ends."""

import io
import json
import os
import sys

import httpx
import pytest

from cardcourier_cli.main import ending_of
from tests.integration.api_client import new_key, open_merchant
from tests.integration.shop import acting


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture(scope="module")
def merchant(open_cloud):
    merchant = open_merchant(open_cloud)
    merchant.sell("MONTH", cards=9)
    for order in ("A-1", "A-2", "A-3"):
        merchant.pay(order, ("MONTH", 1))
    open_cloud.wait_idle()
    return merchant


@pytest.fixture
def cli(merchant, monkeypatch, capsys, tmp_path):
    """Run a command line; returns exit code, stdout, stderr."""
    for name in [name for name in os.environ if name.startswith("CARDCOURIER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CARDCOURIER_URL", merchant.cloud.url)
    monkeypatch.setenv("CARDCOURIER_KEY", new_key(merchant.id))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments):
        capsys.readouterr()
        code = ending_of([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self):
        return True


def data(answer, code=0):
    assert answer[0] == code, answer
    return json.loads(answer[1])


# ---------------------------------------------------------------- nouns


def test_keys_are_made_shown_once_and_revoked_by_name(cli, monkeypatch):
    made = data(cli("keys", "create", "robot", "--role", "auditor", "--days", "3"))
    assert made["key"].startswith("ck_")
    assert made["id"] in {row["id"] for row in data(cli("keys", "list"))}
    shown = cli("keys", "show", made["id"])
    assert data(shown)["role"] == "auditor" and made["key"] not in shown[1]
    monkeypatch.setenv("CARDCOURIER_KEY", made["key"])
    assert data(cli("keys", "whoami"))["name"] == "robot"
    monkeypatch.delenv("CARDCOURIER_KEY")


def test_what_cannot_be_taken_back_asks_for_the_name_again(cli, monkeypatch):
    key = data(cli("keys", "create", "short", "--role", "support"))["id"]
    assert cli("keys", "revoke", key)[0] == 2
    code, out, err = cli("keys", "revoke", key, "--confirm", "other")
    assert (code, out) == (2, "") and f"--confirm {key}" in err
    monkeypatch.setattr(sys, "stdin", Terminal("wrong\n"))
    assert cli("keys", "revoke", key)[0] == 2
    assert data(cli("keys", "show", key))["revoked"] is False
    monkeypatch.setattr(sys, "stdin", Terminal(f"{key}\n"))
    assert cli("keys", "revoke", key)[0] == 0
    assert data(cli("keys", "show", key))["revoked"] is True


def test_fields_are_changed_by_their_names(cli, merchant):
    fields = ["--set", "name=月卡 new", "--set", "max_views=5", "--set", 'steps=["a","b"]']
    changed = data(cli("products", "change", "MONTH", *fields))
    assert (changed["name"], changed["max_views"], changed["steps"]) == ("月卡 new", 5, ["a", "b"])
    assert data(cli("products", "show", "MONTH"))["max_views"] == 5
    assert data(cli("shops", "change", merchant.own, "--set", "max_quantity=7"))["max_quantity"] == 7
    assert data(cli("shops", "show", merchant.own))["secrets"] == 1
    assert cli("tenant", "change", "--set", "support=400")[0] == 2
    assert data(cli("tenant", "change", "--set", 'support="400"'))["support"] == "400"
    assert data(cli("tenant", "show"))["id"] == merchant.id
    assert cli("products", "change", "MONTH", "--set", "nonsense=1")[0] == 2
    assert cli("products", "change", "MONTH", "--set", "nonsense")[0] == 2


def test_somebody_elses_change_in_between_is_a_conflict(cli, monkeypatch):
    whole = httpx.Client.request

    def late(client, method, url, **options):
        if method == "PATCH":
            whole(client, "PATCH", url, json={"name": "theirs"})
        return whole(client, method, url, **options)

    monkeypatch.setattr(httpx.Client, "request", late)
    assert cli("products", "change", "MONTH", "--set", "name=ours")[0] == 4
    assert data(cli("products", "show", "MONTH"))["name"] == "theirs"


def test_listings_are_shown_and_forgotten(cli, merchant):
    data(cli("listings", "map", merchant.own, "item/7", "MONTH:2"))
    assert data(cli("listings", "show", merchant.own, "item/7"))["parts"][0]["quantity"] == 2
    assert cli("listings", "forget", merchant.own, "item/7", "--confirm", "item")[0] == 2
    assert data(cli("listings", "forget", merchant.own, "item/7", "--confirm", "item/7"))["forgotten"]
    assert cli("listings", "show", merchant.own, "item/7")[0] == 3


def test_an_order_is_commented_linked_and_ended(cli, merchant):
    assert data(cli("orders", "note", "A-1", "rang twice", "--unit", "1#0001"))["changed"]
    assert data(cli("orders", "show", "A-1"))["notes"][0]["text"] == "rang twice"
    assert data(cli("orders", "link", "A-1"))["url"].endswith(merchant.token("A-1"))
    assert cli("orders", "withdraw-links", "A-1", "--reason", "leaked")[0] == 2
    assert data(cli("orders", "withdraw-links", "A-1", "--reason", "leaked", "--confirm", "A-1"))["changed"]
    ended = cli("orders", "cancel", "A-2", "--reason", "asked", "--piece", "1#1", "--confirm", "A-2")
    assert data(ended)["changed"]
    merchant.cloud.wait_idle()
    assert merchant.counts("A-2") == {"RETURNED": 1}
    assert {row["state"] for row in data(cli("notifications", "list", "--order", "A-1"))} == {"sent"}
    assert data(cli("notifications", "list")) == [] and data(cli("unread", "list")) == []


def test_sales_are_paused_drained_and_resumed(cli, merchant):
    why = ["--reason", "bad batch"]
    assert cli("products", "pause", "MONTH", *why)[0] == 2
    assert data(cli("products", "pause", "MONTH", *why, "--confirm", "MONTH"))["paused"]
    assert data(cli("products", "drain", "MONTH"))["orders"] == 0
    assert not data(cli("products", "resume", "MONTH"))["paused"]
    assert data(cli("shops", "pause", merchant.own, *why, "--confirm", merchant.own))["paused"]
    assert data(cli("shops", "drain", merchant.own))["more"] is False
    assert not data(cli("shops", "resume", merchant.own))["paused"]
    assert data(cli("tenant", "pause", *why, "--confirm", merchant.id))["paused"]
    assert data(cli("tenant", "drain"))["orders"] == 0 and not data(cli("tenant", "resume"))["paused"]


def test_imports_are_listed_pasted_and_undone(cli, monkeypatch):
    cards = "\n".join(f"PASTED{n:06d}" for n in range(4))
    monkeypatch.setattr(sys, "stdin", io.StringIO(cards))
    job = data(cli("stock", "import", "-", "--product", "MONTH", "--yes"))
    assert job["counts"]["accepted"] == 4
    assert data(cli("imports", "show", job["id"]))["batch"] == job["batch"]
    assert job["id"] in {row["id"] for row in data(cli("imports", "list"))}
    assert data(cli("batches", "show", job["batch"]))["imported"] == 4
    assert data(cli("batches", "change", job["batch"], "--set", "note=x"))["note"] == "x"
    assert [row["id"] for row in data(cli("batches", "list"))] == [job["batch"]]
    assert cli("imports", "undo", job["id"], "--reason", "wrong file")[0] == 2
    undone = data(cli("imports", "undo", job["id"], "--reason", "wrong file", "--confirm", job["id"]))
    assert (undone["state"], undone["voided"]) == ("undone", 4)


def test_suppliers_and_people_are_kept(cli, tmp_path):
    made = data(cli("suppliers", "add", "mango", "--name", "芒果", "--cost", "14.50", "--set", "contact=王"))
    assert made["cost"] == {"amount": 1450, "currency": "CNY"} and made["contact"] == "王"
    assert data(cli("suppliers", "change", "mango", "--set", "note=ok"))["id"] == "mango"
    paper = tmp_path / "authorisation.pdf"
    paper.write_bytes(b"%PDF-1.4 authorised")
    assert data(cli("suppliers", "upload", "mango", paper))["document_name"] == "authorisation.pdf"
    assert data(cli("suppliers", "show", "mango"))["document_url"].startswith("http")
    assert [row["id"] for row in data(cli("suppliers", "list"))] == ["mango"]

    who = ["--issuer", "https://login.example", "--subject", "s-1", "--role", "support"]
    code, _, err = cli("users", "invite", "小李", *who)
    assert code == 2 and "bad_issuer" in err  # a deployment without an identity provider
    assert data(cli("users", "list")) == [] and cli("users", "show", "none")[0] == 3
    assert cli("users", "disable", "none", "--confirm", "none")[0] == 3


def test_endpoints_are_kept_and_replayed(cli):
    made = data(cli("endpoints", "add", "https://hooks.example.com/cards", "--description", "crm"))
    place = made["id"]
    assert made["secret"].startswith("whsec_")
    assert "whsec_" not in cli("endpoints", "show", place)[1]
    assert data(cli("endpoints", "rotate", place))["secrets"] == 2
    assert cli("endpoints", "rotate", place, "--drop-old")[0] == 2
    assert data(cli("endpoints", "rotate", place, "--drop-old", "--confirm", place))["secrets"] == 1
    assert data(cli("endpoints", "change", place, "--set", "state=disabled"))["state"] == "disabled"
    assert data(cli("endpoints", "messages", place)) == []
    assert cli("endpoints", "message", place, "none")[0] == 3
    assert cli("endpoints", "replay", place)[0] == 2
    assert data(cli("endpoints", "delete", place, "--confirm", place))["id"] == place
    assert data(cli("endpoints", "list")) == []


def test_texts_are_worded_previewed_and_brought_back(cli):
    first = data(cli("templates", "list"))[0]
    place = [first["channel"], first["kind"], first["language"]]
    ours = data(cli("templates", "show", *place))["ours"]
    assert ours and data(cli("templates", "preview", *place))["text"]
    part = sorted(ours)[-1]
    worded = data(cli("templates", "change", *place, "--set", f"{part}={ours[part]} "))
    assert worded["parts"][part].strip() == ours[part].strip()
    assert cli("templates", "reset", *place)[0] == 2
    assert data(cli("templates", "reset", *place, "--confirm", place[1]))["ours"] == ours


def test_the_secret_of_an_sms_provider_is_read_and_never_shown(cli, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_SMS_SECRET", "sms-secret-0123456789")
    code, out, err = cli("sms", "set", "sns", "--rule", "mail", "--secret", "--dry-run")
    assert code == 0 and "would send PUT" in err and "sms-secret" not in out + err
    assert data(cli("sms", "set", "none"))["provider"] == "none"
    assert data(cli("sms", "show"))["secret_set"] is False


def test_the_canary_is_switched_on_and_off(cli):
    assert data(cli("canary", "show"))["enabled"] is False
    assert data(cli("canary", "on"))["enabled"] is True
    assert data(cli("canary", "off"))["enabled"] is False


def test_one_action_is_done_to_many_orders(cli, merchant, tmp_path, monkeypatch):
    names = [f"{merchant.own}/A-1", f"{merchant.own}/A-3"]
    looked = data(cli("bulk", "run", "note", *names, "--reason", "checked", "--dry-run"))
    assert looked["orders"] == 2
    assert cli("bulk", "run", "note", *names, "--reason", "checked")[0] == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(names)))
    job = data(cli("bulk", "run", "note", "-", "--reason", "checked", "--yes"))
    assert (job["state"], job["done"], job["refused"]) == ("done", 2, 0)
    assert data(cli("bulk", "show", job["id"]))["action"] == "note"
    assert data(cli("bulk", "run", "--resume", job["id"]))["id"] == job["id"]
    assert {row["order"] for row in data(cli("bulk", "items", job["id"]))} == {"A-1", "A-3"}
    assert cli("bulk", "items", job["id"], "--out", tmp_path / "what.csv")[0] == 0
    assert "A-3" in (tmp_path / "what.csv").read_text("utf-8-sig")
    assert job["id"] in {row["id"] for row in data(cli("bulk", "list"))}
    assert cli("bulk", "run", "note")[0] == 2 and cli("bulk", "run", "note", "A-1")[0] == 2


def test_an_order_is_looked_at_again_and_the_trail_tells(cli):
    assert "changed" in data(cli("orders", "retry", "A-3"))
    rows = data(cli("audit", "list", "--target", "/v1/orders"))
    assert any(row["target"].endswith("/A-3/retry") for row in rows)


def test_a_buyer_gets_a_copy_and_is_forgotten(cli, merchant, monkeypatch, tmp_path):
    address = merchant.address("A-1")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{address}\n"))
    copy = data(cli("buyers", "export", "-", "--out", tmp_path / "copy.json"))
    assert (copy["state"], copy["orders"]) == ("done", 1) and (tmp_path / "copy.json").stat().st_size
    assert data(cli("buyers", "show", copy["id"]))["download_url"].startswith("http")
    assert cli("buyers", "erase", "A-1")[0] == 2
    assert data(cli("buyers", "erase", "A-1", "--confirm", "A-1"))["state"] == "done"


def test_fixed_content_is_set_from_a_file_and_never_shown(cli, tmp_path):
    data(cli("products", "add", "GUIDE", "--name", "指南", "--kind", "fixed"))
    text = tmp_path / "guide.txt"
    text.write_text("https://example.com/the-hidden-guide")
    assert cli("products", "content", "GUIDE", "--set-from", text)[0] == 2
    code, out, err = cli("products", "content", "GUIDE", "--set-from", text, "--dry-run")
    assert code == 0 and "hidden-guide" not in out + err
    assert data(cli("products", "content", "GUIDE", "--set-from", text, "--confirm", "GUIDE"))["job"]


# ---------------------------------------------------------------- options and endings


def test_options_may_stand_anywhere_and_have_twins_in_the_environment(cli, monkeypatch):
    assert cli("stock", "list", "--output", "csv")[1].startswith("sku,name,kind,available")
    monkeypatch.setenv("CARDCOURIER_OUTPUT", "jsonl")
    lines = cli("stock", "list")[1].splitlines()
    assert "MONTH" in {json.loads(line)["sku"] for line in lines}
    monkeypatch.setenv("CARDCOURIER_LANG", "zh-CN")
    assert "没有找到" in cli("orders", "show", "none")[2]
    monkeypatch.setenv("CARDCOURIER_VERBOSE", "1")
    assert "GET /v1/stock 200" in cli("stock", "list")[2]
    monkeypatch.setenv("CARDCOURIER_QUIET", "1")
    assert cli("stock", "list")[2] == ""


def test_a_given_address_wins(cli, merchant, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_URL", "http://127.0.0.1:9")
    assert cli("stock", "list", "--endpoint-url", merchant.cloud.url)[0] == 0
    monkeypatch.delenv("CARDCOURIER_KEY")
    assert data(cli("tenant", "health", "--endpoint-url", merchant.cloud.url)) == {"status": "ok"}


WRITERS = [
    ["products", "add", "DRY", "--name", "N"],
    ["products", "change", "MONTH", "--set", "name=dry"],
    ["products", "release", "MONTH"],
    ["products", "pause", "MONTH", "--reason", "dry"],
    ["shops", "add", "dry", "--channel", "standard", "--name", "N"],
    ["keys", "create", "dry", "--role", "owner"],
    ["orders", "approve", "A-3"],
    ["orders", "cancel", "A-3", "--reason", "dry"],
    ["orders", "resend", "A-3"],
    ["suppliers", "add", "dry", "--name", "N"],
    ["users", "invite", "dry", "--issuer", "https://x", "--subject", "s", "--role", "owner"],
    ["endpoints", "add", "https://x.example"],
    ["reports", "run", "R1", "--from", "2026-11-01", "--to", "2026-11-02"],
    ["tenant", "pause", "--reason", "dry"],
]


@pytest.mark.parametrize("line", WRITERS, ids=lambda line: " ".join(line[:2]))
def test_a_dry_run_of_any_writer_sends_nothing(cli, monkeypatch, line):
    sent = []
    whole = httpx.Client.request
    monkeypatch.setattr(
        httpx.Client,
        "request",
        lambda client, method, url, **more: (sent.append(method), whole(client, method, url, **more))[1],
    )
    code, out, err = cli(*line, "--dry-run")
    assert (code, out) == (0, "") and "would send P" in err
    assert set(sent) <= {"GET"}


def test_a_dry_run_shows_no_secret(cli, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_SHOP_SECRET", "shpss_0123456789abcdef")
    place = ["--channel", "shopify", "--name", "S", "--domain", "dry.myshopify.com"]
    code, out, err = cli("shops", "add", "dry", *place, "--dry-run")
    assert code == 0 and "would send" in err and "shpss_" not in out + err


def test_being_interrupted_says_how_to_go_on(cli, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cardcourier_cli.nouns.reports.time.sleep", interrupt)
    code, _, err = cli("reports", "run", "R1", "--from", "2026-11-01", "--to", "2026-11-02")
    assert code == 130 and "reports run --resume" in err
    monkeypatch.undo()


def test_an_answer_that_says_later_is_told_from_an_error(cli, monkeypatch):
    monkeypatch.setattr("cardcourier_cli.client.time.sleep", lambda _: None)
    for status, wanted in ((429, 7), (503, 7), (500, 1)):
        answer = httpx.Response(status, json={"code": "x", "detail": "later"})
        monkeypatch.setattr(httpx.Client, "request", lambda *_, answer=answer, **__: answer)
        assert cli("stock", "list")[0] == wanted


def test_no_bar_and_no_colour_where_nobody_looks(cli, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    code, out, err = cli("--output", "table", "products", "list")
    assert code == 0 and "\x1b" not in out + err


def test_completion_is_offered(capsys):
    assert ending_of(["--help"]) == 0
    assert "--install-completion" in capsys.readouterr().out
