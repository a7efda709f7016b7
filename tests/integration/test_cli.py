"""The command line against the whole local cloud: what it prints, and how it ends."""

import csv
import io
import json
import os
import secrets
import stat
import subprocess
import sys

import pytest

from cardcourier.adapters.tables.catalogue import tenant_key
from cardcourier.clock import now_ms
from cardcourier.domain.catalogue import Tenant
from cardcourier_cli import config
from cardcourier_cli.main import ending_of
from tests.integration.api_client import new_key, open_merchant
from tests.integration.shop import Browser, acting, change_item, raw_items, rfc3339


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    return open_merchant(open_cloud)


@pytest.fixture
def cli(merchant, monkeypatch, capsys, tmp_path):
    """Run a command line; returns exit code, stdout, stderr."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CARDCOURIER_URL", merchant.cloud.url)
    monkeypatch.setenv("CARDCOURIER_KEY", new_key(merchant.id))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments):
        capsys.readouterr()
        code = ending_of([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def data(answer):
    code, out, err = answer
    assert code in (0, 5), err
    return json.loads(out)


def codes(count):
    return [f"MG-{secrets.token_hex(6).upper()}" for _ in range(count)]


def shown(merchant, order):
    answer = Browser(merchant.cloud).program(f"/r/{merchant.token(order)}/reveal")
    return [card["code"] for card in answer.json["cards"] if "code" in card]


# ---------------------------------------------------------------- setting up


def test_a_merchant_sets_up_from_the_terminal(cli, merchant):
    shop = data(cli("shops", "add", "web", "--channel", "standard", "--name", "网店"))
    assert shop["secret"].startswith("whsec_")
    code, _, err = cli("shops", "rotate", shop["id"])
    assert code == 0 and "only now" in err
    assert data(cli("shops", "rotate", shop["id"], "--drop-old", "--confirm", shop["id"]))["secrets"] == 1
    assert shop["id"] in {row["id"] for row in data(cli("shops", "list"))}

    data(cli("products", "add", "MONTH", "--name", "月卡", "--step", "打开 App", "--step", "输入卡密"))
    data(cli("products", "add", "YEAR", "--name", "年卡", "--release-at", rfc3339(now_ms() + 9_000_000)))
    assert [row["sku"] for row in data(cli("products", "list"))] == ["MONTH", "YEAR"]

    listing = data(cli("listings", "map", shop["id"], "98-7", "MONTH:2", "YEAR", "--floor", "19.90"))
    assert listing["parts"] == [
        {"sku": "MONTH", "quantity": 2, "floor": 1990},
        {"sku": "YEAR", "quantity": 1, "floor": 1990},
    ]
    assert data(cli("listings", "map", shop["id"], "99", "--not-ours"))["not_ours"]
    assert len(data(cli("listings", "list", shop["id"]))) == 2
    assert data(cli("keys", "whoami"))["role"] == "owner"


def test_a_shops_given_secret_never_stands_on_the_command_line(cli, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_SHOP_SECRET", "shpss_0123456789abcdef")
    monkeypatch.delenv("CARDCOURIER_PROFILE", raising=False)
    made = cli(
        "shops", "add", "s", "--channel", "shopify", "--name", "S", "--domain", "my-shop.myshopify.com"
    )

    assert data(made)["secret"] is None and "shpss_" not in "".join(map(str, made))


def test_a_presale_is_opened(cli, merchant):
    data(cli("products", "add", "SOON", "--name", "预售", "--release-at", rfc3339(now_ms() + 9_000_000)))
    merchant.stock("SOON", 1)
    merchant.pay("P-1", ("SOON", 1))
    merchant.cloud.wait_idle()

    assert cli("products", "release", "SOON", "--yes")[0] == 0
    merchant.cloud.wait_idle()

    assert merchant.counts("P-1") == {"DELIVERED": 1}


# ---------------------------------------------------------------- cards from files


@pytest.fixture
def file(tmp_path, cli):
    data(cli("products", "add", "S", "--name", "月卡", "--issuer", "mango"))
    path = tmp_path / "芒果月卡.txt"

    def write(rows, encoding="gb18030"):
        path.write_bytes("\r\n".join(rows).encode(encoding))
        return path

    return write


def test_a_file_is_uploaded_looked_at_and_written(cli, file):
    cards = codes(30)

    code, out, err = cli("stock", "import", file(cards), "--product", "S", "--cost", "15.00", "--yes")

    job = json.loads(out)
    assert (code, job["state"], job["counts"]["accepted"]) == (0, "committed", 30)
    assert job["total_cost"] == {"amount": 45000, "currency": "CNY"} and "450.00 CNY" in err
    assert f"****{cards[0][-4:]}" in err and not [card for card in cards if card in err + out]
    assert data(cli("stock", "list"))[0]["available"] == 30


def test_rows_left_out_end_in_part(cli, file):
    cards = codes(20)

    code, out, err = cli("stock", "import", file([*cards, cards[0]]), "--product", "S", "--yes")

    assert code == 5 and json.loads(out)["counts"]["accepted"] == 20
    assert "E_DUP_FILE" in err and "for 5 minutes" in err


def test_without_a_yes_nothing_is_written(cli, file):
    code, out, err = cli("stock", "import", file(codes(3)), "--product", "S")

    assert (code, out) == (2, "") and "--yes" in err
    assert data(cli("stock", "list"))[0]["available"] == 0
    job = err.split("Import ")[1].split()[0]
    assert data(cli("stock", "import", "--resume", job, "--yes"))["counts"]["accepted"] == 3
    assert data(cli("stock", "list"))[0]["available"] == 3


def test_a_dry_run_looks_and_writes_nothing(cli, file):
    code, out, err = cli("--dry-run", "stock", "import", file(codes(3)), "--product", "S")

    assert code == 0 and json.loads(out)["state"] == "previewed" and "Only looked through" in err
    assert data(cli("stock", "list"))[0]["available"] == 0
    assert cli("--dry-run", "products", "add", "X", "--name", "X")[0] == 0
    assert [row["sku"] for row in data(cli("products", "list"))] == ["S"]


def test_a_blocked_file_is_a_conflict(cli, file):
    path = file(codes(4))
    data(cli("stock", "import", path, "--product", "S", "--yes"))

    code, _, err = cli("stock", "import", path, "--product", "S", "--yes")

    assert code == 4 and "file_already_imported" in err


def test_columns_may_be_named(cli, file):
    rows = [f"N{n:04d};{code};x" for n, code in enumerate(codes(5))]
    layout = ["--separator", ";", "--columns", "number,code,ignore"]

    job = data(cli("stock", "import", file(rows), "--product", "S", "--yes", *layout))

    assert job["understood"]["columns"] == ["number", "code", "ignore"] and job["counts"]["accepted"] == 5


# ---------------------------------------------------------------- orders


@pytest.fixture
def sold(merchant):
    merchant.sell("MONTH", cards=5)
    merchant.pay("A-1", ("MONTH", 1), number="#1001", payments=[{"id": "payment-0001", "amount": "25.00"}])
    merchant.cloud.wait_idle()
    return merchant


def test_an_order_is_listed_shown_found_replaced_and_mailed_again(cli, sold, monkeypatch):
    assert [row["order"] for row in data(cli("orders", "list", "--status", "delivered"))] == ["A-1"]
    assert data(cli("orders", "show", "#1001"))["order"] == "A-1"
    assert data(cli("orders", "show", "A-1", "--shop", sold.own))["status"] == "delivered"
    bad = shown(sold, "A-1")[0]
    monkeypatch.setattr(sys, "stdin", io.StringIO(bad + "\n"))
    assert [hit["found_by"] for hit in data(cli("orders", "find", "-"))] == ["card"]

    unit = data(cli("orders", "replace", "A-1", "--reason", "已被使用"))
    assert unit["replaced"] == 1 and bad[-4:] not in unit["card"]
    sold.cloud.wait_idle()
    before = len(sold.mails("A-1"))
    assert data(cli("orders", "resend", "A-1")) == {"changed": True}
    sold.cloud.wait_idle()
    assert len(sold.mails("A-1")) == before + 1


def test_a_held_order_is_approved(cli, sold):
    sold.pay("H-1", ("MONTH", 1), payments=[{"id": "p", "amount": "1.00"}])
    sold.cloud.wait_idle()

    assert data(cli("orders", "approve", "H-1", "--reason", "老客户")) == {"changed": True}
    sold.cloud.wait_idle()

    assert sold.counts("H-1") == {"DELIVERED": 1}


def test_a_table_is_for_people_and_cannot_steer_the_terminal(cli, sold):
    sold.pay("E-1", ("MONTH", 1), number="\x1b[31mred\x07")
    sold.cloud.wait_idle()

    code, out, _ = cli("--output", "table", "orders", "list")

    assert code == 0 and "25.00 CNY" in out and "#1001" in out
    assert "\x1b" not in out and "\x07" not in out
    assert "paid" in cli("--output", "table", "orders", "show", "A-1")[1]


def test_data_is_written_in_every_form(cli, sold):
    whole = data(cli("--output", "json", "orders", "list"))
    lines = [json.loads(line) for line in cli("--output", "jsonl", "orders", "list")[1].splitlines()]
    rows = list(csv.DictReader(io.StringIO(cli("--output", "csv", "orders", "list")[1])))

    assert whole == lines
    assert [(row["order"], row["amount"]) for row in rows] == [("A-1", "25.00 CNY")]


def test_two_orders_of_one_number_must_be_told_apart(cli, sold):
    sold.pay("B-1", ("MONTH", 1), number="#1001")
    sold.cloud.wait_idle()

    code, _, err = cli("orders", "show", "1001")

    assert code == 4 and "A-1" in err and "B-1" in err


# ---------------------------------------------------------------- reports


def test_a_report_is_made_and_fetched(cli, sold, tmp_path):
    period = ["--from", rfc3339(now_ms() - 86_400_000), "--to", rfc3339(now_ms() + 1000)]

    job = data(cli("reports", "run", "R4", *period, "--format", "csv-raw", "--out", tmp_path / "files"))

    files = list((tmp_path / "files").iterdir())
    assert job["state"] == "done" and len(files) == 1 and "A-1" in files[0].read_text()
    assert [row["id"] for row in data(cli("reports", "list"))] == [job["id"]]
    assert data(cli("reports", "get", job["id"]))["download_url"].startswith("http")


# ---------------------------------------------------------------- endings


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["stock", "list"], 0),
        (["nonsense"], 2),
        (["stock", "import"], 2),
        (["stock", "import", "/no/such/file", "--product", "S"], 2),
        (["products", "add", "a#b", "--name", "N"], 2),
        (["orders", "replace", "A", "--reason", "x", "--unit", "nonsense", "--shop", "s"], 2),
        (["orders", "find", "nothing-like-it"], 3),
        (["orders", "show", "nothing-like-it"], 3),
        (["orders", "show", "A", "--shop", "none"], 3),
        (["reports", "get", "none"], 3),
    ],
)
def test_every_ending_has_its_code(cli, arguments, code):
    assert cli(*arguments)[0] == code


def test_who_may_not_is_denied_and_who_exists_conflicts(cli, merchant, monkeypatch):
    data(cli("products", "add", "S", "--name", "N"))
    assert cli("products", "add", "S", "--name", "N")[0] == 4
    monkeypatch.setenv("CARDCOURIER_KEY", new_key(merchant.id, "auditor"))
    code, _, err = cli("products", "add", "T", "--name", "N")
    assert code == 6 and "products:write" in err
    monkeypatch.setenv("CARDCOURIER_KEY", "ck_local_00000000_" + "A" * 32)
    assert cli("stock", "list")[0] == 6


def test_an_api_that_does_not_answer_is_told_from_an_error(cli, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_URL", "http://127.0.0.1:9")

    code, out, err = cli("stock", "list")

    assert (code, out) == (7, "") and "127.0.0.1:9" in err


def test_words_follow_the_language_and_data_does_not(cli, monkeypatch):
    assert "没有找到" in cli("--lang", "zh-CN", "orders", "show", "none")[2]
    assert "Nothing fits" in cli("--lang", "en", "orders", "show", "none")[2]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "没有找到" in cli("orders", "show", "none")[2]
    assert data(cli("keys", "whoami"))["role"] == "owner"


# ---------------------------------------------------------------- profiles


def test_a_profile_is_readable_for_its_owner_alone(cli, merchant, monkeypatch):
    key = os.environ["CARDCOURIER_KEY"]
    monkeypatch.delenv("CARDCOURIER_URL")
    monkeypatch.delenv("CARDCOURIER_KEY")
    assert cli("stock", "list")[0] == 2
    path = config.save("shop-one", config.Config(merchant.cloud.url, key))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert data(cli("--profile", "shop-one", "keys", "whoami"))["tenant"] == merchant.id
    path.chmod(0o644)
    code, _, err = cli("--profile", "shop-one", "keys", "whoami")
    assert code == 2 and "chmod 600" in err and key not in err
    assert cli("--profile", "../escape", "keys", "whoami")[0] == 2
    assert cli("--profile", "none", "keys", "whoami")[0] == 2


def test_a_profile_that_was_asked_for_wins_over_the_environment(cli, open_cloud):
    other = open_merchant(open_cloud)
    config.save("other", config.Config(open_cloud.url, new_key(other.id)))

    assert data(cli("--profile", "other", "keys", "whoami"))["tenant"] == other.id


def test_bootstrap_asks_for_its_secret_and_hides_the_key(cli, open_cloud, monkeypatch):
    monkeypatch.setenv("CARDCOURIER_BOOTSTRAP_SECRET", "wrong")
    monkeypatch.delenv("CARDCOURIER_KEY")

    code, out, err = cli("tenant", "bootstrap", "--tenant", "t", "--name", "N")

    assert (code, out) == (6, "") and "wrong" not in err.replace("missing or wrong", "")
    assert not config.path_of("default").exists()


def test_the_console_script_runs_on_its_own(merchant):
    environment = {
        "PATH": os.environ["PATH"],
        "CARDCOURIER_URL": merchant.cloud.url,
        "CARDCOURIER_KEY": new_key(merchant.id),
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }
    script = [sys.executable, "-c", "from cardcourier_cli.main import run; run()"]
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)

    done = subprocess.run(
        [*script, "keys", "whoami"], env=environment, capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["tenant"] == merchant.id


# ---------------------------------------------------------------- verify


@pytest.fixture
def checked(cli, merchant, monkeypatch):
    """A merchant with cards in every home; `verify` for her alone."""
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    cards = codes(8)
    data(cli("products", "add", "S", "--name", "月卡", "--issuer", "mgtv"))
    data(cli("stock", "import", _written(cards), "--product", "S", "--yes"))
    merchant.pay("V-1", ("S", 2))
    merchant.pay("V-2", ("S", 1))
    merchant.cloud.wait_idle()
    shown(merchant, "V-1")
    data(cli("orders", "replace", "V-1", "--reason", "x"))
    merchant.cloud.wait_idle()

    def verify():
        code, out, err = cli("ops", "verify", "--tenant", merchant.id)
        return code, {(o["invariant"], o["subject"]) for o in json.loads(out)}, err

    return verify


def _written(cards):
    import tempfile

    file = tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False)  # noqa: SIM115
    with file:
        file.write("\n".join(cards))
    return file.name


def markers(merchant):
    return raw_items(prefix=f"P#{merchant.id}#")


def units(merchant):
    return [item for item in raw_items(prefix=f"O#{merchant.id}#") if item["sk"]["S"].startswith("U#")]


def place(item):
    return item["pk"]["S"], item["sk"]["S"]


def put(item, table="MAIN_TABLE"):
    from cardcourier import wiring

    wiring.client("dynamodb").put_item(TableName=os.environ[table], Item=item)


def drop(item, table="MAIN_TABLE"):
    from cardcourier import wiring

    key = {name: item[name] for name in ("pk", "sk") if name in item}
    wiring.client("dynamodb").delete_item(TableName=os.environ[table], Key=key)


def test_an_honest_stock_is_clean(checked):
    code, offences, err = checked()

    assert (code, offences) == (0, set())
    assert "8 cards, 4 on sale, 3 units, 1 burnt" in err


def test_a_lost_card_is_named(checked, merchant):
    marker = markers(merchant)[0]
    card = marker["sk"]["S"].split("#")[1]
    drop(marker)

    code, offences, _ = checked()

    assert code == 1 and ("I1", card) in offences
    assert {invariant for invariant, _ in offences} == {"I1", "I5"}


def test_a_card_sold_twice_is_named(checked, merchant):
    holders = [item for item in units(merchant) if "card" in item]
    twice = holders[0]["card"]
    lost = holders[1]["card"]["S"]
    change_item(place(holders[1]), card=twice, c=holders[0]["c"])

    code, offences, _ = checked()

    assert code == 1
    assert {("I1", twice["S"]), ("I3", twice["S"]), ("I1", lost)} <= offences


def test_a_shown_card_on_sale_again_is_named(checked, merchant):
    holder = next(item for item in units(merchant) if "exposed_at" in item)
    marker = markers(merchant)[0]
    put({**marker, "sk": {"S": f"9999#{holder['card']['S']}"}})

    code, offences, _ = checked()

    assert code == 1 and {("I1", holder["card"]["S"]), ("I8", holder["card"]["S"])} <= offences


def test_a_card_from_nowhere_is_named(checked, merchant):
    put({**markers(merchant)[0], "sk": {"S": "9999#c1nowhere"}})

    code, offences, _ = checked()

    assert code == 1 and ("I1", "c1nowhere") in offences


def test_a_unit_that_took_a_card_without_a_new_gen_is_named(checked, merchant):
    holder = next(item for item in units(merchant) if item["order"]["S"] == "V-2")
    change_item(place(holder), gen={"N": "3"})

    code, offences, _ = checked()

    assert code == 1 and offences == {("I2", f"{merchant.own}/V-2/1#0001")}


def test_a_batch_that_counted_wrongly_is_named(checked, merchant):
    batch = next(
        item for item in raw_items(prefix=f"C#{merchant.id}") if item["sk"]["S"].startswith("BATCH#")
    )
    told = json.loads(batch["doc"]["S"])
    change_item(place(batch), doc={"S": json.dumps(told | {"imported": 9})})

    code, offences, _ = checked()

    assert code == 1 and offences == {("I5", told["id"])}


def test_a_marker_of_another_product_is_named(checked, merchant):
    marker = markers(merchant)[0]
    drop(marker)
    put({**marker, "pk": {"S": marker["pk"]["S"].replace("#S#", "#OTHER#")}})

    code, offences, _ = checked()

    assert code == 1 and ("I5", marker["sk"]["S"].split("#")[1]) in offences


def test_a_sealed_segment_that_was_altered_is_named(checked, merchant, open_cloud):
    from cardcourier import wiring

    tenant = wiring.catalogue_table().need(Tenant, tenant_key(merchant.id))
    assert wiring.seal_journal(tenant, now_ms() + 1_200_000).segments
    assert checked()[0] == 0
    store, bucket = open_cloud.client("s3"), open_cloud.resource("SealBucket")
    found = store.list_objects_v2(Bucket=bucket, Prefix=f"seals/{merchant.id}/")["Contents"]
    segment = next(item["Key"] for item in found if item["Key"].endswith(".jsonl.gz"))

    store.put_object(Bucket=bucket, Key=segment, Body=b"other bytes")
    code, offences, _ = checked()

    assert code == 1 and offences == {("seal", "segment 1")}


def test_other_merchants_are_left_out(checked, open_cloud, cli):
    other = open_merchant(open_cloud)
    other.sell("MONTH", cards=1)
    drop(markers(other)[0])

    assert checked()[:2] == (0, set())
    assert cli("ops", "verify", "--tenant", other.id)[0] == 1


def test_verify_of_tables_that_are_not_there_is_not_found(cli, monkeypatch):
    monkeypatch.setenv("MAIN_TABLE", "no-such-table")

    assert cli("ops", "verify")[0] == 3


def test_verify_without_tables_says_what_to_do(cli, monkeypatch):
    monkeypatch.delenv("MAIN_TABLE")

    code, _, err = cli("ops", "verify")

    assert code == 2 and "--stack" in err
