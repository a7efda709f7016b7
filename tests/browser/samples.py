"""View models to look at and to test with. Every code in here is made up."""

from cardcourier.domain.redeem_page import CardBlock, LockedPage, LookupPage, NotFoundPage, OrderPage

TOKEN = "yTg0Vb3nq9XkL2mZr7sWfA81cUeHjD5p"
NUMBER = "6200 0187 3345 0092".replace(" ", "")
CODE = "MG7K0QXT9OB1W4IZ"
OTHER = "HN2P-5VQ8-L1O0-ZK37"
JULY = 1_785_513_599_000
STEPS = (
    "打开芒果TV App，点右下角「我的」登录账号。",
    "依次点「会员中心」→「兑换会员」。",
    "粘贴卡密，点「立即兑换」，会员马上到账。",
)
STEPS_EN = (
    "Open the Mango TV app and sign in under “Me”.",
    "Go to “Membership”, then “Redeem”.",
    "Paste the card key and tap “Redeem now”.",
)


def block(n=1, **changes):
    values = {
        "ref": f"1#{n:04d}",
        "product_name": "芒果TV 会员月卡",
        "last4": "W4IZ",
        "state": "ready",
        "expires_at": JULY,
        "redeem_url": "https://exchange.example/mgtv",
        "steps": STEPS,
    }
    return CardBlock(**(values | changes))


def order(*blocks, **changes):
    blocks = blocks or (block(),)
    values = {
        "token": TOKEN,
        "tenant_name": "星河数卡",
        "support": "kefu@xinghe.example",
        "order_number_masked": "2611••••8812",
        "blocks": blocks,
        "total": len(blocks),
        "delivered": sum(one.state in {"ready", "revealed"} for one in blocks),
        "views_left": 20,
        "page_url": f"https://card.example/r/{TOKEN}",
    }
    return OrderPage(**(values | changes))


def shown(**changes):
    return order(
        block(state="revealed", code=CODE, number=NUMBER), revealed_now=True, views_left=19, **changes
    )


def mixed(release_at, **changes):
    return order(
        block(1, state="revealed"),
        block(2, product_name="芒果TV 会员季卡", last4="ZK37", expires_at=None),
        block(
            3,
            product_name="游戏点卡 100 元",
            state="scheduled",
            last4="",
            release_at=release_at,
            steps=(),
            redeem_url=None,
        ),
        block(4, state="waiting", last4=""),
        block(5, state="on_hold", last4=""),
        block(6, state="replaced", last4="1111"),
        block(7, state="ended", last4=""),
        **changes,
    )


def several_shown(**changes):
    return order(
        block(1, state="revealed", code=CODE),
        block(2, state="revealed", code=OTHER, last4="ZK37"),
        block(3, state="revealed", code="激活 CODE  with  blanks", number=NUMBER, last4="anks"),
        revealed_now=True,
        views_left=1,
        **changes,
    )


def large(state="ready", **changes):
    blocks = [block(n, state=state) for n in range(1, 31)]
    blocks += [block(n, product_name="芒果TV 会员季卡", state="waiting", last4="") for n in range(31, 41)]
    return order(*blocks, **changes)


def large_shown():
    blocks = [block(n, state="revealed", code=f"{CODE}{n}", number=NUMBER) for n in range(1, 31)]
    return order(*blocks, revealed_now=True, order_number="261123008812")


ONCE = order(once_minutes=10, views_left=None)
CLOSED = order(block(state="closed", head="MG7K"), views_left=0)
HEADED = order(block(head="MG7K"))


def covered():
    return order(
        block(state="revealed", code=CODE, number=NUMBER, covered=True), revealed_now=True, once_minutes=10
    )


NOT_FOUND = NotFoundPage(support="微信：xinghe-kefu")
LOOKUPS = [
    LookupPage(message_kind=kind, support="kefu@xinghe.example", order_number="261123008812")
    for kind in ("", "sent", "wrong", "limited")
]
LOCKED = LockedPage(support="400-000-0000", until=1_763_870_400_000)
