"""The nightly check over real tables: quiet when all is well, and each kind of fault named by its id."""

from dataclasses import replace

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.journal import DAY
from cardcourier.domain.segments import SEAL_AFTER
from tests.integration.shop import Browser, Merchant, acting, change_item, raw_items


@pytest.fixture(scope="module")
def open_cloud(cloud):
    with acting(cloud):
        yield cloud


@pytest.fixture
def merchant(open_cloud):
    """A day with a hand-over, a refund whose card is sold again, and a card that was seen."""
    merchant = Merchant(open_cloud)
    merchant.sell("MONTH", cards=2)
    merchant.pay("A-1", ("MONTH", 1))
    merchant.cloud.wait_idle()
    merchant.refund("A-1")
    merchant.cloud.wait_idle()
    merchant.pay("A-2", ("MONTH", 2))
    merchant.cloud.wait_idle()
    Browser(merchant.cloud).program(f"/r/{merchant.token('A-2')}/reveal")
    merchant.refund("A-2")
    merchant.cloud.wait_idle()
    tenant = next(tenant for tenant in wiring.catalogue_table().tenants() if tenant.id == merchant.id)
    # From the day before yesterday to the day after tomorrow: whenever the test runs, today is sealed whole.
    wiring.seal_journal(tenant, now_ms() + DAY + SEAL_AFTER)
    wiring.seal_journal(tenant, now_ms() + 2 * DAY + SEAL_AFTER)
    return merchant


def audit(merchant, left=lambda: True):
    now = now_ms()
    found = wiring.auditor().audit(merchant.id, now - now % DAY, left)
    return found, [(finding.kind, finding.subject) for finding in found.findings]


def doubled(merchant):
    return [subject for kind, subject in audit(merchant)[1] if kind == "doubled"]


def journal(merchant):
    return raw_items("JOURNAL_TABLE", f"J#{merchant.id}#")


def test_a_day_that_adds_up_is_quiet(merchant):
    found, findings = audit(merchant)
    assert findings == []
    assert found.lines == len(journal(merchant)) > 8 and not found.cut


def test_a_payment_booked_otherwise_than_the_order_says_is_named(merchant):
    change_item(keys.header(merchant.key_of("A-2")), amount={"N": "4999"})
    assert audit(merchant)[1] == [("money", f"{merchant.own}/A-2")]


@pytest.mark.fault("streams: day")
def test_a_lost_line_is_a_gap_and_breaks_the_seal(merchant):
    lost = next(item for item in journal(merchant) if item["sk"]["S"].endswith("A-2/U/1/0001#000002"))
    merchant.cloud.client("dynamodb").delete_item(
        TableName=merchant.cloud.resource("JournalTable"), Key={name: lost[name] for name in ("pk", "sk")}
    )
    kinds = {kind for kind, _ in audit(merchant)[1]}
    assert {"gaps", "seals"} <= kinds


def test_a_card_with_two_units_is_named(merchant):
    merchant.stock("MONTH", 1)
    merchant.pay("A-3", ("MONTH", 1))
    merchant.cloud.wait_idle()
    unit = merchant.order("A-3")[1][0]
    twin = replace(unit, key=merchant.key_of("A-1"))
    index = {"S": keys.card_index(merchant.id, unit.card)}
    change_item(keys.unit(twin.key, "1", 1), c=index, card={"S": unit.card})
    assert ("doubled", unit.card) in audit(merchant)[1]


def test_several_buyers_of_one_shared_card_are_no_finding_but_two_of_one_use_are(merchant):
    merchant.sell("SHARED", kind="shared")
    merchant.share("SHARED", 3)
    for order in ("S-1", "S-2"):
        merchant.pay(order, ("SHARED", 1))
    merchant.cloud.wait_idle()
    mine, twin = (merchant.order(order)[1][0] for order in ("S-1", "S-2"))
    assert mine.card != twin.card and doubled(merchant) == []

    change_item(keys.unit(twin.key, "1", 1), card={"S": mine.card})

    assert doubled(merchant) == [mine.card]


def test_what_there_was_no_time_for_is_said(merchant):
    found, _ = audit(merchant, lambda: False)
    assert found.cut and found.lines == 0


def test_the_function_looks_at_yesterday_of_every_tenant(merchant):
    assert merchant.cloud.run_schedule("verify") is None
