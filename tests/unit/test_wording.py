"""A tenant's own texts: filled once, kept as text, and never markup."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.samples import preview, sample_mail
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.language import LANGUAGES
from cardcourier.domain.wording import KINDS, MAIL_KINDS, PLACEHOLDERS, check_parts, filled
from cardcourier.errors import Refused
from cardcourier.messages.render import our_parts

TENANT = Tenant(id="t", name="<Acme> & {code}", support="help@acme.example")
NOW = 1_790_000_000_000


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.tags.append(("comment", data))

    def unknown_decl(self, data):
        self.tags.append(("declaration", data))


@given(
    st.dictionaries(
        st.sampled_from(["subject", "headline", "intro"]),
        st.text(min_size=1, max_size=80)
        | st.sampled_from(["<script>", "</title><img src=x onerror=1>", "{{7*7}}", "{% raw %}", "-->"]),
    ),
    st.sampled_from(MAIL_KINDS),
    st.sampled_from(LANGUAGES),
)
def test_no_text_breaks_out_into_markup(parts, kind, language):
    plain = sample_mail(TENANT, kind, language, {}, "https://x.example", NOW)
    own = sample_mail(TENANT, kind, language, parts, "https://x.example", NOW)
    assert Tags(own.html).tags == Tags(plain.html).tags
    for mail in (own.text, own.html):
        assert "ABCD-2345" in mail and "https://x.example/q" in mail
    assert "\n" not in own.subject and "\r" not in own.subject


@given(st.text(), st.text())
def test_what_a_value_holds_is_not_filled_again(before, value):
    text = before.replace("{", "").replace("}", "")
    assert filled(text + "{order}", {"order": value, "shop": "no"}) == text + value


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("channel", "kind"), [(c, kind) for c, kinds in KINDS.items() for kind in kinds])
def test_our_own_texts_are_such_as_a_tenant_may_write(channel, kind, language):
    ours = our_parts(channel, kind, language)
    check_parts(channel, ours)
    shown = preview(TENANT, channel, kind, language, ours, "https://x.example", NOW)
    assert shown == preview(TENANT, channel, kind, language, {}, "https://x.example", NOW)


@pytest.mark.parametrize("channel", KINDS)
def test_every_placeholder_means_something(channel):
    kind, names = KINDS[channel][0], sorted(PLACEHOLDERS[channel])
    part = "intro" if channel == "mail" else "text"
    text = " ".join(f"[{name}:{{{name}}}]" for name in names)
    shown = preview(TENANT, channel, kind, "en", {part: text}, "https://x.example", NOW)["text"]
    for name in names:
        assert f"[{name}:]" not in shown and f"[{name}:" in shown


@pytest.mark.parametrize("text", ["{", "}", "{}", "{order", "order}", "{{order}}", "{Order}", "{order.x}"])
def test_braces_stand_for_placeholders_alone(text):
    with pytest.raises(Refused):
        check_parts("mail", {"intro": text})


def test_a_text_may_be_long_but_not_endless():
    check_parts("mail", {"intro": "x" * 2000})
    with pytest.raises(Refused, match="2000"):
        check_parts("mail", {"intro": "x" * 2001})
