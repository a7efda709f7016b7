"""A buyer's phone against the whole system: paid over a signed webhook, shown in Chromium."""

import pytest

from tests.browser.conftest import PHONE
from tests.integration.shop import Merchant, acting


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud):
        merchant = Merchant(cloud)
        merchant.sell("MONTH", steps=("打开芒果TV", "选择兑换", "输入卡密"))
        merchant.codes = set(merchant.stock("MONTH", 4))
        yield merchant


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def phone(request, chromium):
    context = chromium.new_context(locale="zh-CN", viewport=PHONE, java_script_enabled=request.param)
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def test_a_buyer_sees_the_cards_only_after_asking_for_them(merchant, phone):
    order = f"B-{id(phone)}"
    assert merchant.pay(order, ("MONTH", 2)).status == 200
    merchant.cloud.wait_idle()
    link = f"{merchant.cloud.url}/r/{merchant.token(order)}"

    phone.goto(link)
    before = phone.content()
    phone.locator("form[action$='/reveal'] button").click()
    phone.wait_for_selector("output")
    shown = {text.strip() for text in phone.locator("output").all_text_contents()}
    units = merchant.order(order)[1]

    assert not any(code in before for code in merchant.codes)
    assert len(shown) == 2 and shown <= merchant.codes
    assert {unit.last4 for unit in units} == {code[-4:] for code in shown}
    assert {str(unit.state) for unit in units} == {"REVEALED"}
    phone.goto(link)
    assert not any(code in phone.content() for code in shown)
