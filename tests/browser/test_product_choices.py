"""What a merchant may choose for a product, as the buyer meets it: once, direct, covered, many at a time."""

from dataclasses import replace

import pytest

from tests.browser import samples

WECHAT = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0"
)


@pytest.mark.parametrize("js", [True, False])
def test_that_a_card_can_be_seen_once_is_said_before_and_after(site, open_page, js):
    page = open_page(site.link(samples.ONCE, samples.covered()), js=js)
    assert page.get_by_text("卡密只能看一次").is_visible()
    page.get_by_role("button", name="显示卡密").click()
    assert page.get_by_text("请现在就保存：10 分钟后").is_visible()


def test_a_closed_card_offers_nothing_to_press(site, open_page):
    page = open_page(site.link(samples.CLOSED))
    assert page.get_by_role("heading", level=1).inner_text() == "卡密已经查看过"
    assert page.locator(".masked").inner_text().startswith("MG7K")
    assert page.get_by_role("button", name="显示").count() == 0


def test_a_direct_page_opens_itself_once_and_not_by_going_back(site, open_page):
    page = open_page(site.link(samples.order(opens_itself=True), samples.shown()))
    page.locator("output").first.wait_for()
    assert len(site.asked_for("POST", "/reveal")) == 1
    page.goto(f"{site.url}/q")
    page.go_back()
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(300)
    assert len(site.asked_for("POST", "/reveal")) == 1


def test_without_javascript_a_direct_page_has_one_button(site, open_page):
    page = open_page(site.link(samples.order(opens_itself=True), samples.shown()), js=False)
    assert site.asked_for("POST", "/reveal") == []
    page.get_by_role("button", name="显示卡密").click()
    assert page.locator("output").count() == 2


def test_a_covered_card_is_shown_by_a_tap_and_copied_all_the_same(site, open_page):
    page = open_page(site.link(samples.order(), samples.covered()), permissions=["clipboard-read"])
    page.get_by_role("button", name="显示卡密").click()
    code = page.locator("output").last
    assert "covered" in code.get_attribute("class")
    page.get_by_role("button", name="复制卡密").click()
    assert page.evaluate("navigator.clipboard.readText()") == samples.CODE
    toggle = page.get_by_role("button", name="点开显示").last
    toggle.click()
    assert "covered" not in code.get_attribute("class")
    page.get_by_role("button", name="遮住").click()
    assert "covered" in code.get_attribute("class")


def test_without_javascript_nothing_is_covered(site, open_page):
    page = open_page(site.link(samples.order(), samples.covered()), js=False)
    page.get_by_role("button", name="显示卡密").click()
    assert page.locator("output").last.inner_text() == samples.CODE
    assert page.locator(".covered").count() == 0


@pytest.mark.parametrize("js", [True, False])
def test_many_cards_are_downloaded(site, open_page, js, tmp_path):
    page = open_page(site.link(samples.large(), samples.large_shown()), js=js)
    assert page.locator(".voucher").count() == 0
    assert page.get_by_text("× 30").is_visible() and page.get_by_text("× 10").is_visible()
    button = page.get_by_role("button", name="下载 30 张卡密")
    with page.expect_download() as waiting:
        button.click()
    file = waiting.value
    assert file.suggested_filename == "卡密-261123008812.txt"
    file.save_as(tmp_path / "cards.txt")
    lines = (tmp_path / "cards.txt").read_text("utf-8").splitlines()
    cards = [line.split("\t") for line in lines if not line.startswith("#")]
    assert cards == [[samples.NUMBER, f"{samples.CODE}{n}"] for n in range(1, 31)]


def test_the_pick_up_code_goes_with_the_download(site, open_page):
    page = open_page(site.link(samples.large("revealed", proof_needed=True), samples.large_shown()))
    page.get_by_label("提货码").fill("7k3m-9qxt")
    with page.expect_download():
        page.get_by_role("button", name="再次下载").click()
    (asked,) = site.asked_for("POST", "/download")
    assert asked.form == {"lang": "zh-CN", "proof": "7k3m-9qxt"}


def test_wechat_is_told_to_open_a_browser_and_fetches_nothing(site, open_page):
    page = open_page(site.link(samples.large(), samples.large_shown()), user_agent=WECHAT)
    assert page.get_by_text("微信里不能保存文件").is_visible()
    assert not page.get_by_role("button", name="下载").is_visible()


def test_a_report_on_a_large_order_needs_no_choice_among_hundreds(site, open_page):
    page = open_page(site.link(samples.large("revealed"), None, replace(samples.large(), problem_sent=True)))
    page.get_by_text("卡密用不了").click()
    assert page.locator("input[name=ref][type=radio]").count() == 0
