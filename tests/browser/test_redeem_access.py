"""Every page on every width, in the light and in the dark: nothing cut off, too faint or too small."""

import time

import pytest

from cardcourier.domain.redeem_page import LookupPage
from tests.browser import samples
from tests.browser.conftest import PHONE

LONG = "超长商品名称VeryLongProductNameWithoutAnyBlankInsideOfItWhatsoever" * 2
NOW = int(time.time() * 1000)

ORDERS = {
    "masked": samples.order(),
    "shown": samples.shown(),
    "several": samples.several_shown(),
    "mixed": samples.mixed(NOW + 200_000_000),
    "proof": samples.order(proof_needed=True, proof_failed=True, tries_left=3),
    "locked": samples.order(locked_until=NOW + 900_000),
    "used-up": samples.order(samples.block(state="closed"), views_left=0),
    "reported": samples.order(samples.block(state="revealed"), problem_sent=True),
    "long": samples.order(
        samples.block(state="revealed", product_name=LONG, code="X1" * 60, number="9" * 40, steps=(LONG,)),
        samples.block(state="revealed", code="https://issuer.example/" + "a" * 90),
        revealed_now=True,
        tenant_name=LONG,
        support=LONG,
        order_number_masked="8" * 60,
    ),
}

ORDERS |= {
    "large": samples.large(proof_needed=True),
    "once": samples.ONCE,
    "closed": samples.CLOSED,
    "headed": samples.HEADED,
    "covered": samples.covered(),
}

PLACES = [*ORDERS, "lookup", "lookup-wrong", "not-found"]


@pytest.fixture
def visit(site, open_page, watched):
    def go(place, language="zh-CN", **kind):
        if place in ORDERS:
            url = site.link(ORDERS[place])
        elif place == "not-found":
            url = f"{site.url}/r/unknown"
        else:
            site.lookup = LookupPage(
                message_kind="wrong" if "wrong" in place else "", support="kefu@x.example"
            )
            url = f"{site.url}/q"
        page = open_page(f"{url}?lang={language}", **kind)
        for summary in page.locator("summary").all():
            summary.click()
        watched.complaints = [one for one in watched.complaints if "404" not in one]
        return page

    return go


WIDTHS = (320, 344, 360, 375, 390, 768, 1280)

TOO_WIDE = """() => Array.from(document.querySelectorAll("body *"))
    .filter((one) => !one.closest(".offscreen, svg"))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
    .map((one) => one.outerHTML.slice(0, 80))"""

CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((part, i) => part * a + below[i] * (1 - a));
  const light = (colour) => {
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const grounds = (one) => {
    if (!one) return [[255, 255, 255]];
    const style = getComputedStyle(one);
    const gradient = style.backgroundImage.match(/linear-gradient\\(.*$/);
    if (gradient) return gradient[0].match(/rgba?\\([^)]*\\)/g).map(parse);
    const colour = parse(style.backgroundColor);
    if (colour.length === 3) return [colour];
    return grounds(one.parentElement).map((below) => over(colour, below));
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || one.closest(".offscreen") || !one.checkVisibility()) continue;
    const style = getComputedStyle(one);
    let opacity = 1;
    for (let up = one; up; up = up.parentElement) opacity *= Number(getComputedStyle(up).opacity);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const [r, g, b] = parse(style.color);
    const worst = Math.min(...grounds(one).map((ground) => ratio(over([r, g, b, opacity], ground), ground)));
    if (worst < needed) faint.push(`${worst.toFixed(2)} ${walker.currentNode.data.trim().slice(0, 30)}`);
  }
  return faint;
}"""

TOO_SMALL = """() => Array.from(
  document.querySelectorAll("a, button, summary, .choice, input:not([type=hidden]):not([type=radio])"))
    .filter((one) => one.checkVisibility() && !one.matches(".note a"))
    .filter((one) => {
      const box = one.getBoundingClientRect();
      const name = one.labels && one.labels.length ? one.labels[0].innerText : one.innerText;
      return box.height < 43.5 || box.width < 43.5 || !name.trim();
    })
    .map((one) => one.outerHTML.slice(0, 120))
"""


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_cut_off_too_faint_or_too_small(visit, place, pictures):
    page = visit(place)
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and max(levels) <= 2
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(TOO_WIDE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size(PHONE)
    assert page.evaluate(TOO_SMALL) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=pictures / f"{place}-{scheme}.png", full_page=True)
        assert page.evaluate(CONTRAST) == [], scheme


@pytest.mark.parametrize("place", PLACES)
def test_the_english_words_fit_as_well(visit, place):
    page = visit(place, "en")
    assert page.evaluate(TOO_SMALL) == []
    assert page.evaluate(TOO_WIDE) == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(site, open_page):
    page = open_page(site.link(samples.order(), samples.shown()))
    for _ in range(10):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        if page.evaluate("document.activeElement.matches('.reveal button')"):
            break
    page.keyboard.press("Enter")

    page.locator("output").first.wait_for()


def test_the_policy_would_stop_anything_inline(site, chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site.link(samples.order()))
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          const image = new Image();
          image.src = "https://elsewhere.example/x.png";
          document.body.append(image);
        }"""
    )

    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.images[document.images.length - 1].naturalWidth") == 0
    context.close()
