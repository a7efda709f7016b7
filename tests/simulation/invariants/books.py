"""I9: the journal tells every version of everything once, and its money is that of the facts and the cards.

What is expected is counted from the tables and from what platforms told, not from the journal's own
arithmetic.
"""

import json
from collections import Counter, defaultdict

from tests.simulation.invariants.reading import has, number, text
from tests.simulation.violations import must

TOLD = {"order", "fact", "unit", "import", "void", "claim"}
TAKEN_BACK = {"refund", "chargeback"}
SPENT = {"DELIVERED", "REVEALED", "DISPUTED"}
COSTS = {"card_cost", "replacement_cost", "cost_recovery"}


def check(main, journal, cost_of) -> None:
    """`main` and `journal` are all items of both tables, at rest; `cost_of(tenant, card)` what one cost."""
    lines = _lines(journal)
    wanted = {(text(item, "t"), _item(item)): item for item in main.values() if text(item, "kind") in TOLD}
    for place, item in wanted.items():
        vers = sorted(line["ver"] for line in lines.get(place, ()))
        last = number(item, "ver") or 1
        must(
            vers == list(range(1, last + 1)), "I9", place, f"the journal tells versions {vers} of 1 to {last}"
        )
    for place in lines:
        must(place in wanted, "I9", place, "the journal tells of what is not there")
    money: Counter = Counter()
    for (tenant, name), told in lines.items():
        for leg in (leg for line in told for leg in line["legs"] if leg["kind"] not in COSTS):
            money[tenant, *name.split("/")[:2]] += leg["amount"]
    for order, amount in _money(main).items():
        must(money.pop(order, 0) == amount, "I9", order, f"the books do not say {amount}")
    must(not any(money.values()), "I9", sorted(money), "money of no order")
    _check_costs(main, lines, cost_of)


def _lines(journal) -> dict:
    lines = defaultdict(list)
    for (pk, _), item in journal.items():
        if pk.startswith("J#"):
            line = json.loads(item["line"]["S"])
            lines[line["tenant"], line["id"].split("#", 2)[1]].append(line)
    return lines


def _item(item) -> str:
    sk = item["sk"]["S"].replace("#", "/")
    if has(item, "order"):
        return f"{text(item, 'shop')}/{text(item, 'order')}/{sk}"
    return f"stock/{text(item, 'batch')}/{sk}"


def _money(main) -> Counter:
    """What every order brought, by its header and its facts."""
    found: Counter = Counter()
    for item in main.values():
        order = text(item, "t"), text(item, "shop"), text(item, "order")
        if text(item, "kind") == "order" and has(item, "paid_at"):
            found[order] += number(item, "amount")
        if text(item, "kind") == "fact":
            sign = -1 if text(item, "fact") in TAKEN_BACK else int(text(item, "fact") == "pay")
            found[order] += sign * number(item, "amount")
    return found


def _check_costs(main, lines, cost_of) -> None:
    """A unit has cost its burnt cards, and the one it holds once that is spent."""
    spent = defaultdict(list)
    for (pk, _), item in main.items():
        if pk.startswith("X#") and has(item, "unit"):
            tenant = pk.split("#")[1]
            spent[tenant, text(item, "unit")].append(cost_of(tenant, text(item, "card")))
    for (pk, sk), item in main.items():
        if text(item, "kind") != "unit":
            continue
        tenant, shop, order = pk.split("#")[1:]
        wanted = spent[tenant, f"{shop}/{order}/{sk.removeprefix('U#')}"]
        if text(item, "st") in SPENT or (text(item, "st") == "ALLOCATED" and number(item, "gen") > 0):
            wanted.append(cost_of(tenant, text(item, "card")))
        told = lines.get((tenant, _item(item)), ())
        cost = sum(leg["amount"] for line in told for leg in line["legs"] if leg["kind"] in COSTS)
        must(-cost == sum(wanted), "I9", (pk, sk), f"booked {cost} for spent cards that cost {wanted}")
