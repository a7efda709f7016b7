"""The buyer's way through the page, in Chromium at the size of a phone."""

import time

import pytest

from tests.browser import samples

CODES = (samples.CODE, samples.OTHER, samples.NUMBER)


@pytest.fixture
def link(site):
    return site.link(
        samples.order(),
        samples.shown(),
        samples.order(samples.block(state="revealed"), problem_sent=True, views_left=19),
    )


@pytest.fixture
def several(site):
    blocks = [samples.block(n, state="revealed") for n in (1, 2, 3)]
    return site.link(samples.order(*blocks), samples.several_shown())


def reveal(page, name="显示卡密"):
    page.get_by_role("button", name=name).click()
    page.locator("output").first.wait_for()


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


# Without JavaScript


def test_everything_works_without_javascript(site, link, open_page):
    page = open_page(link, js=False)
    assert page.get_by_role("heading", level=1).inner_text() == "您的卡密准备好了"
    assert not any(code in page.content() for code in CODES)

    reveal(page)
    assert page.locator("output").all_inner_texts() == [samples.NUMBER, samples.CODE]
    assert page.get_by_role("button", name="复制").count() == 0

    page.get_by_text("卡密用不了").click()
    page.get_by_label("提示已经被使用").check()
    page.get_by_role("button", name="告诉店家").click()
    assert page.get_by_text("已经告诉店家").is_visible()

    (report,) = site.asked_for("POST", "/problem")
    assert report.form == {"lang": "zh-CN", "ref": "1#0001", "reason": "used"}


def test_the_pickup_code_goes_with_the_reveal(site, open_page):
    url = site.link(samples.order(proof_needed=True), samples.shown())
    page = open_page(url, js=False)

    page.get_by_label("提货码").fill("7k3m-9qxt")
    reveal(page)

    (asked,) = site.asked_for("POST", "/reveal")
    assert asked.form == {"lang": "zh-CN", "proof": "7k3m-9qxt"}
    assert "?" not in asked.path


@pytest.mark.parametrize("js", [True, False])
def test_an_order_is_looked_up_by_post(site, open_page, js):
    page = open_page(f"{site.url}/q", js=js)
    page.get_by_label("订单号").first.fill("261123008812")
    page.get_by_label("提货码").fill("7K3M-9QXT")
    page.get_by_role("button", name="查看订单").click()
    page.get_by_text("如果订单号和邮箱对得上").wait_for()

    page.get_by_text("没有提货码").click()
    form = page.locator("form").nth(1)
    form.get_by_label("订单号").fill("261123008812")
    form.get_by_label("邮箱").fill("me@inbox.example")
    page.get_by_role("button", name="把链接发给我").click()
    page.wait_for_load_state()

    by_code, by_mail = (asked.form for asked in site.asked_for("POST", "/q"))
    assert by_code == {"lang": "zh-CN", "way": "code", "order": "261123008812", "pickup": "7K3M-9QXT"}
    assert by_mail == {"lang": "zh-CN", "way": "mail", "order": "261123008812", "email": "me@inbox.example"}


def test_a_link_that_does_not_work_says_what_to_do(site, open_page, watched):
    page = open_page(f"{site.url}/r/unknown")

    assert page.get_by_role("heading", level=1).inner_text() == "这个链接打不开了"
    assert page.get_by_role("link", name="用订单号查找").is_visible()
    assert page.get_by_role("link", name="kefu@xinghe.example").is_visible()
    # Chromium reports the status of the page itself; that much is meant.
    assert len(watched.complaints) == 1 and "404" in watched.complaints.pop()


# Masked before, plain after


def test_nothing_is_shown_or_asked_for_before_the_button(site, link, open_page):
    page = open_page(link)
    page.wait_for_timeout(300)

    assert not any(code in page.content() for code in CODES)
    assert {asked.method for asked in site.asked} == {"GET"}
    assert page.locator("img").get_attribute("alt") == "二维码：本页面的地址"


def test_reloading_hides_the_code_again_and_asks_for_nothing(site, link, open_page):
    page = open_page(link)
    reveal(page)
    assert page.url == f"{link}?lang=zh-CN"
    assert page.locator("img").get_attribute("alt") == "二维码：芒果TV 会员月卡 的兑换页面"

    page.reload()

    assert page.locator("output").count() == 0
    assert not any(code in page.content() for code in CODES)
    assert len(site.asked_for("POST", "/reveal")) == 1


def test_two_taps_are_one_reveal(site, link, open_page):
    page = open_page(link)
    page.get_by_role("button", name="显示卡密").dblclick(no_wait_after=True)
    page.locator("output").first.wait_for()

    assert len(site.asked_for("POST", "/reveal")) == 1


def test_a_form_of_a_page_without_referrer_names_no_origin(site, link, open_page):
    page = open_page(link)
    reveal(page)

    (asked,) = site.asked_for("POST", "/reveal")
    assert asked.headers["Origin"] == "null"
    assert asked.headers["Sec-Fetch-Site"] == "same-origin"
    assert "Referer" not in asked.headers and "Cookie" not in asked.headers


def test_the_language_is_kept_from_page_to_page(site, open_page):
    url = site.link(samples.order(), samples.shown())
    page = open_page(url)
    page.get_by_role("link", name="English").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Your card is ready"

    reveal(page, "Show card key")

    assert page.get_by_role("heading", level=1).inner_text() == "Here is your card"
    page.reload()
    assert page.locator("html").get_attribute("lang") == "en"


# Copying


@pytest.fixture
def shown(several, site, open_page):
    page = open_page(several, permissions=["clipboard-read", "clipboard-write"])
    reveal(page, "再次显示卡密")
    return page


def test_the_button_copies_the_exact_text(shown):
    expected = [samples.CODE, samples.OTHER, "激活 CODE  with  blanks"]
    for button, code in zip(shown.get_by_role("button", name="复制卡密").all(), expected, strict=True):
        button.click()
        shown.get_by_text("已复制").first.wait_for()
        assert clipboard(shown) == code
    shown.locator("#live").get_by_text("已复制").wait_for()


def test_copy_all_puts_one_card_on_a_line(shown):
    shown.get_by_role("button", name="复制全部").click()
    shown.get_by_text("已复制").first.wait_for()

    lines = [samples.CODE, samples.OTHER, f"{samples.NUMBER}\t激活 CODE  with  blanks"]
    assert clipboard(shown) == "\n".join(lines)


def test_selecting_by_hand_copies_the_exact_text(shown):
    expected = [samples.CODE, samples.OTHER, samples.NUMBER, "激活 CODE  with  blanks"]
    for output, code in zip(shown.locator("output").all(), expected, strict=True):
        output.click(position={"x": 30, "y": 12})
        shown.keyboard.press("Control+C")
        assert clipboard(shown) == code


def test_an_old_browser_copies_by_command(several, open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(several)
    reveal(page, "再次显示卡密")

    page.get_by_role("button", name="复制卡密").nth(1).click()
    page.get_by_text("已复制").first.wait_for()

    other = page.context.new_page()
    other.goto(several)
    other.bring_to_front()
    assert clipboard(other) == samples.OTHER


def test_where_nothing_copies_the_text_is_selected(several, open_page):
    page = open_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.execCommand = () => false;"
    )
    page.goto(several)
    reveal(page, "再次显示卡密")

    page.get_by_role("button", name="复制卡密").first.click()

    page.get_by_text("长按复制").first.wait_for()
    assert page.evaluate("getSelection().toString()") == samples.CODE


# Waiting


def test_a_presale_counts_down_and_the_card_arrives_by_itself(site, open_page):
    release_at = (int(time.time()) + 93_784) * 1000
    waiting = samples.order(samples.block(state="scheduled", last4="", release_at=release_at))
    page = open_page()
    page.clock.install(time=release_at // 1000 - 93_784)
    page.goto(site.link(waiting))
    clock = page.get_by_role("timer")
    page.clock.pause_at(release_at // 1000 - 93_700)
    assert clock.inner_text() == "1 天 02:01:40"

    page.clock.run_for(1000)
    assert clock.inner_text() == "1 天 02:01:39"

    page.clock.pause_at(release_at // 1000 - 1)
    assert clock.inner_text() == "00:00:01"
    page.clock.run_for(1000)
    assert clock.inner_text() == "到点了，正在为您发货…"

    site.link(samples.order())
    page.clock.run_for(10_000)
    page.get_by_role("button", name="显示卡密").wait_for()


def test_a_card_that_arrives_does_not_wipe_those_on_the_screen(site, open_page):
    missing = samples.block(2, state="waiting", last4="")
    first = samples.block(state="revealed", code=samples.CODE)
    page = open_page()
    page.clock.install()
    page.goto(
        site.link(samples.order(samples.block(), missing), samples.order(first, missing, revealed_now=True))
    )
    reveal(page)

    site.link(samples.order(samples.block(), samples.block(2)))
    page.clock.run_for(20_000)

    page.get_by_role("link", name="刷新看看").wait_for()
    assert page.locator("output").inner_text() == samples.CODE


def test_without_javascript_a_presale_names_its_time(site, open_page):
    waiting = samples.block(state="scheduled", last4="", release_at=1_785_513_600_000)
    page = open_page(site.link(samples.order(waiting)), js=False)

    assert page.get_by_text("2026年8月1日 00:00（北京时间）自动发货").is_visible()
    assert page.get_by_role("timer").count() == 0


# Reporting


def test_a_report_leaves_the_codes_on_the_screen(site, several, open_page, watched):
    page = open_page(several)
    reveal(page, "再次显示卡密")
    page.get_by_text("卡密用不了").click()
    page.get_by_label("芒果TV 会员月卡，末四位 ZK37").check()
    page.get_by_label("提示无效或不存在").check()

    site.broken = True
    page.get_by_role("button", name="告诉店家").click()
    page.locator(".note").get_by_text("没有发送成功").wait_for()
    assert "500" in watched.complaints.pop()

    site.broken = False
    page.get_by_role("button", name="告诉店家").click()
    page.locator(".note").get_by_text("已经告诉店家").wait_for()

    assert page.locator("output").count() == 4
    assert site.asked_for("POST", "/problem")[-1].form["ref"] == "1#0002"


# Places


def test_wechat_is_told_how_to_open_the_browser(link, open_page):
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile MicroMessenger/8.0.50"
    page = open_page(link, user_agent=agent)
    reveal(page)

    assert page.get_by_text("在浏览器打开").is_visible()
    assert page.get_by_role("button", name="打印").count() == 0


def test_paper_shows_the_card_and_no_buttons(link, open_page):
    page = open_page(link)
    assert page.get_by_text("在浏览器打开").is_hidden()
    reveal(page)
    page.emulate_media(media="print")

    assert page.get_by_text("打印日期").is_visible()
    assert page.locator("output").last.is_visible()
    assert page.get_by_text(samples.STEPS[0]).is_visible()
    assert not any(button.is_visible() for button in page.locator("button, .button, summary").all())


def test_the_button_stays_in_sight_beside_many_cards(site, open_page):
    page = open_page(site.link(samples.order(*(samples.block(n) for n in range(1, 9)))))
    button = page.get_by_role("button", name="显示 8 张卡密")

    assert button.bounding_box()["y"] + button.bounding_box()["height"] <= 844
    page.get_by_role("heading", name="怎么兑换").scroll_into_view_if_needed()
    assert button.bounding_box()["y"] < page.get_by_role("heading", name="怎么兑换").bounding_box()["y"]
