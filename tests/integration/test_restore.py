"""The restore drill: tables go back to an earlier second, and no card is sold again that was sold since."""

import io
import json
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.segments import SEAL_AFTER
from cardcourier_cli.main import ending_of
from tests.integration.shop import (
    Browser,
    Log,
    acting,
    count_batches,
    forget_messages,
    merchant_of,
    overdue,
    raw_item,
    rfc3339,
    still,
    wait_until,
)


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    with merchant_of(open_cloud) as merchant:
        merchant.sell("MONTH", cards=8)
        merchant.sell("RARE", cards=1)
        merchant.sell("LATER")
        yield merchant


@pytest.fixture
def ops(capsys, monkeypatch):
    """Run an operator's command; returns its exit code, its JSON documents, and what it said."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setenv("LANG", "C.UTF-8")

    def run(*arguments):
        capsys.readouterr()
        code = ending_of(["ops", *arguments])
        said = capsys.readouterr()
        found, text = [], said.out
        while text.strip():
            document, end = json.JSONDecoder().raw_decode(text.lstrip())
            found.append(document)
            text = text.lstrip()[end:]
        return code, found, said.err

    return run


class Copy:
    """All four tables, and what their streams' readers have read, as of one second."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder = cloud, folder
        self.file, self.read = cloud.data / "tables" / "tables.db", cloud.data / "checkpoints"
        cloud.wait_idle()
        with still(cloud):
            shutil.copytree(self.read, folder / "checkpoints")
            with (
                closing(sqlite3.connect(self.file)) as source,
                closing(sqlite3.connect(folder / "tables.db")) as target,
            ):
                source.backup(target)
            self.at = now_ms()

    def restore(self):
        self.cloud.wait_idle()
        with still(self.cloud), self.cloud._engines_change:
            self.cloud.tables.stop()
            for left in self.file.parent.glob("tables.db*"):
                left.unlink()
            shutil.copy(self.folder / "tables.db", self.file)
            shutil.copytree(self.folder / "checkpoints", self.read, dirs_exist_ok=True)
            self.cloud.tables.restart()
        forget_messages(self.cloud)
        self.cloud.cold_start()
        for part in (wiring.key_ring, wiring.links, wiring.buyer_links, wiring.catalogue):
            part.cache_clear()


def pay(merchant, *orders):
    for order, *items in orders:
        assert merchant.pay(order, *items).status == 200
        merchant.cloud.wait_idle()


def reveal(merchant, order):
    """The codes that the buyer of an order sees."""
    answer = Browser(merchant.cloud).program(f"/r/{merchant.token(order)}/reveal")
    assert answer.status == 200, answer.text
    merchant.cloud.wait_idle()
    return [card["code"] for card in answer.json["cards"] if "code" in card]


def seal(merchant):
    tenant = wiring.merchants().tenant(merchant.id).thing
    assert wiring.seal_journal(tenant, now_ms() + SEAL_AFTER + 1).lines


def test_the_restore_drill(merchant, ops, tmp_path):
    cloud = merchant.cloud
    count_batches(merchant)
    pay(merchant, ("SEEN", ("MONTH", 1)), ("UNSEEN", ("MONTH", 1)), ("BACK", ("RARE", 1)))
    sold = {"SEEN": reveal(merchant, "SEEN")}
    seal(merchant)
    copy = Copy(cloud, tmp_path)

    # What the copy knows nothing of.
    shown_later = reveal(merchant, "UNSEEN")
    pay(merchant, ("LOST", ("MONTH", 2)))
    sold |= {"UNSEEN": shown_later, "LOST": reveal(merchant, "LOST")}
    pay(merchant, ("GIVEN-BACK", ("MONTH", 1)))
    merchant.refund("GIVEN-BACK")
    merchant.refund("BACK")
    cloud.wait_idle()
    pay(merchant, ("RESOLD", ("RARE", 1)))
    sold["RESOLD"] = reveal(merchant, "RESOLD")
    imported = merchant.stock("LATER", 2)
    pay(merchant, ("LATE", ("LATER", 1)))
    sold["LATE"] = reveal(merchant, "LATE")
    assert len({code for codes in sold.values() for code in codes}) == 6
    seal(merchant)
    copy.restore()
    assert merchant.states("UNSEEN") == {"1#0001": "DELIVERED"}, "it has forgotten"

    # Nothing can be sold, and nothing is sealed over what was sealed.
    log = Log(cloud)
    cloud.run_schedule("sealer")
    assert log.metric("TablesSetBack") == 1
    cloud.cold_start()
    pay(merchant, ("EARLY", ("MONTH", 1)))
    assert merchant.states("EARLY") == {"1#0001": "SCHEDULED"} and not merchant.owners("EARLY")
    assert reveal(merchant, "BACK") == []

    since = ("--since", rfc3339(copy.at))
    code, [counts, orders], _ = ops("restore", "check", *since)
    assert code == 0
    assert {name: counts[name] for name in ("burnt", "stones", "shown", "stopped")} == {
        "burnt": 2,
        "stones": 1,
        "shown": 2,
        "stopped": 1,
    }
    assert {(row["order"], row["lost"]) for row in orders if row["tenant"] == merchant.id} >= {
        ("LOST", True),
        ("LATE", True),
        ("RESOLD", True),
        ("BACK", False),
    }
    code, [again, _], _ = ops("restore", "check", *since, "--open", "another")
    assert (code, set(again.values())) == (4, {0})
    assert not merchant.owners("EARLY"), "still closed"

    code, _, said = ops("restore", "check", *since, "--open", wiring.settings().main_table)
    assert code == 0, said
    cloud.cold_start()
    wait_until(lambda: merchant.owners("EARLY"))
    cloud.run_schedule("sealer")
    cloud.wait_idle()

    # Every card of before and since is either with its buyer or gone; the rest sells on.
    left = merchant.pool("MONTH")
    pay(merchant, ("REST", ("MONTH", left)))
    fresh = [*reveal(merchant, "EARLY"), *reveal(merchant, "REST")]
    assert len(fresh) == left + 1 == 8 - 4
    assert not set(fresh) & {code for codes in sold.values() for code in codes}
    overdue(merchant, "BACK")
    cloud.run_schedule("release")
    cloud.wait_idle()
    assert merchant.states("BACK") == {"1#0001": "REFUNDED"}
    merchant.refund("UNSEEN")
    cloud.wait_idle()
    assert (merchant.pool("MONTH"), merchant.pool("RARE")) == (0, 0), "what was seen does not come back"

    # The lost file is imported again: what was sold of it is known, the rest is new.
    cards = {code: wiring.fingerprints().card_id(merchant.id, "mgtv", code) for code in imported}
    there = {
        code for code, card in cards.items() if raw_item((keys.vault(merchant.id, card), ""), "VAULT_TABLE")
    }
    assert there == set(sold["LATE"])
    code, offences, said = ops("verify", "--tenant", merchant.id)
    assert code == 0, (offences, said)
