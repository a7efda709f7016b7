"""Words an SMS: the two variables of a provider's template, and the whole text where that is ours."""

from collections.abc import Sequence

from cardcourier.domain.language import Language
from cardcourier.domain.notification import SMS
from cardcourier.domain.sms import SmsMessage, fits, product_variable, short_name
from cardcourier.domain.wording import filled
from cardcourier.messages.render import our_parts

SHORTEST = 4
"""Characters to which a name is cut, at most, for the text to fit one message."""


def word_sms(
    kind: str,
    language: Language,
    names: Sequence[tuple[str, int]],
    *,
    shop: str,
    code: str,
    site: str,
    own: str = "",
) -> SmsMessage:
    """`names` are products with how many cards of each, `site` is the address of the look-up page.

    Names are shortened until the whole is one message, if that is possible; code and address never are.
    """
    text = own or our_parts(SMS, kind, language)["text"]
    product = product_variable(names, language)
    whole = ""
    for limit in range(12, SHORTEST - 1, -1):
        values = {
            "shop": short_name(shop, limit),
            "product": product_variable(names, language, limit),
            "code": code,
            "site": site.removeprefix("https://"),
        }
        whole = filled(text, values)
        if fits(whole):
            break
    return SmsMessage(kind, language, product, code, whole)
