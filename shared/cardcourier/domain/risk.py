"""Risk rules of a tenant as data, and what they say about one order.

    kind        hits when                                                        needs
    velocity    more than `over` orders, pieces or money in `window` by one key  the count of that key
    amount      the order costs more than `over`, in `currency`                  the same currency
    quantity    the order has more than `over` pieces                            -
    new_buyer   no earlier order of the buyer is known                           a key of the buyer
    hour        it was paid from `hours[0]` up to `hours[1]` o'clock             the tenant's zone
    below_cost  a piece was sold for less than its batch cost                    price, cost, one currency
    shop_flag   the shop's own verdict is one of `flags`                         that verdict

Scores of the rules that hit are added up and compared with two thresholds. A rule whose facts are missing is
`not_evaluable`: it is told, and counts for nothing. One in shadow is told too, and counts for nothing. An
entry of the allow list lets an order pass whatever else is known; one of the block list holds or rejects it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cardcourier.domain.catalogue import check_id
from cardcourier.domain.money import LARGEST, currency_code
from cardcourier.domain.risk_lists import ALLOW, BLOCK, FIELDS, Entry, checked_entries
from cardcourier.errors import Refused

MOST_RULES = 50
MOST_SCORE = 1_000
MOST_WINDOW = 90 * 86_400_000
MOST_COUNTED = 1_000
"""Rows that are read of one key; what lies beyond is not counted, so no limit on orders may be higher."""

MEASURES = ("orders", "pieces", "amount")
FLAGS = ("low", "medium", "high")


class Verdict(StrEnum):
    """What becomes of an order; the later, the stricter."""

    ALLOW = "allow"
    HOLD = "hold"
    REJECT = "reject"


class Outcome(StrEnum):
    """What a rule says of an order."""

    HIT = "hit"
    CLEAR = "clear"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; which fields count depends on its kind. `window` in ms, `over` in pieces or minor units."""

    id: str
    kind: str
    score: int
    shadow: bool = False
    by: str = ""
    measure: str = ""
    window: int = 0
    over: int = 0
    currency: str = ""
    hours: tuple[int, int] = (0, 0)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One version of all that a tenant decides by. From a threshold of None on nothing follows.

    In `shadow` everything is evaluated and nothing follows. `by` and `why` say who made this version.
    """

    version: int
    rules: tuple[Rule, ...] = ()
    entries: tuple[Entry, ...] = ()
    hold_at: int | None = 100
    reject_at: int | None = None
    blocked: str = Verdict.HOLD.value
    shadow: bool = False
    at: int = 0
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an order when it is judged; None is what nobody told.

    `counts` are by rule id, this order included; `hour` is that of the tenant's zone.
    """

    amount: int = 0
    currency: str = ""
    pieces: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    new_buyer: bool | None = None
    hour: int | None = None
    below_cost: bool | None = None
    shop_flag: str | None = None
    listed: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said; `value` is what it was judged by, in words that name no contact."""

    rule: str
    outcome: Outcome
    value: str = ""
    score: int = 0
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on an order and how it came about; `would` is what it had been without any shadow.

    `entry` is the entry of a list that decided, if one did.
    """

    verdict: Verdict
    would: Verdict
    score: int
    version: int
    findings: tuple[Finding, ...] = ()
    entry: str = ""

    @property
    def reason(self) -> str:
        """Why an order does not pass, in a line."""
        hits = (f.rule for f in self.findings if f.outcome is Outcome.HIT and not f.shadow)
        told = f"entry {self.entry}" if self.entry else f"score {self.score}: {', '.join(hits)}"
        return f"risk: {told} (version {self.version})"


def decide(rules: RuleSet, facts: Facts) -> Decision:
    """What a rule set says about an order. Pure: the same facts give the same decision."""
    findings = tuple(_find(rule, facts) for rule in rules.rules)
    hits = [finding for finding in findings if finding.outcome is Outcome.HIT]
    score = sum(hit.score for hit in hits if not hit.shadow)
    entry = _deciding(facts.listed)
    verdict = _judged(rules, entry, score)
    would = _judged(rules, entry, sum(hit.score for hit in hits))
    told = Verdict.ALLOW if rules.shadow else verdict
    return Decision(told, would, score, rules.version, findings, entry.id if entry else "")


def checked_rules(rules: RuleSet) -> RuleSet:
    """A rule set as it may be kept. Raises Refused, naming the rule."""
    if len(rules.rules) > MOST_RULES:
        raise Refused("too_many_rules", f"There may be {MOST_RULES} rules; these are {len(rules.rules)}.")
    if len({rule.id for rule in rules.rules}) != len(rules.rules):
        raise Refused("bad_rule", "Each rule needs an id of its own.")
    for rule in rules.rules:
        _check(rule)
    thresholds = [at for at in (rules.hold_at, rules.reject_at) if at is not None]
    if any(not 1 <= at <= MOST_SCORE * MOST_RULES for at in thresholds):
        raise Refused("bad_threshold", "hold_at and reject_at are at least 1, or null.")
    if thresholds != sorted(thresholds):
        raise Refused("bad_threshold", "reject_at must not be lower than hold_at.")
    if rules.blocked not in (Verdict.HOLD.value, Verdict.REJECT.value):
        raise Refused("bad_rule", "blocked must be hold or reject.")
    checked_entries(rules.entries)
    return rules


def _deciding(listed: Sequence[Entry]) -> Entry | None:
    """The entry that decides: the allow list wins."""
    found = {entry.list: entry for entry in reversed(listed)}
    return found.get(ALLOW) or found.get(BLOCK)


def _judged(rules: RuleSet, entry: Entry | None, score: int) -> Verdict:
    if entry is not None and entry.list == ALLOW:
        return Verdict.ALLOW
    blocked = entry is not None and rules.blocked
    if blocked == Verdict.REJECT.value or (rules.reject_at is not None and score >= rules.reject_at):
        return Verdict.REJECT
    return (
        Verdict.HOLD if blocked or (rules.hold_at is not None and score >= rules.hold_at) else Verdict.ALLOW
    )


def _find(rule: Rule, facts: Facts) -> Finding:
    hit, value = _look(rule, facts)
    if hit is None:
        return Finding(rule.id, Outcome.NOT_EVALUABLE, value, 0, rule.shadow)
    outcome, score = (Outcome.HIT, rule.score) if hit else (Outcome.CLEAR, 0)
    return Finding(rule.id, outcome, value, score, rule.shadow)


def _look(rule: Rule, facts: Facts) -> tuple[bool | None, str]:
    """Whether a rule hits, None where a fact is missing; and what it looked at."""
    match rule.kind:
        case "velocity":
            if (count := facts.counts.get(rule.id)) is None:
                return None, f"no {rule.by} told"
            return count > rule.over, f"{count} {rule.measure} by {rule.by}, limit {rule.over}"
        case "amount":
            if facts.currency != rule.currency:
                return None, f"paid in {facts.currency or 'nothing'}, not in {rule.currency}"
            return facts.amount > rule.over, f"amount {facts.amount}, limit {rule.over}"
        case "quantity":
            return facts.pieces > rule.over, f"{facts.pieces} pieces, limit {rule.over}"
        case "new_buyer":
            return facts.new_buyer, "no buyer told" if facts.new_buyer is None else ""
        case "hour":
            if facts.hour is None:
                return None, "time unknown"
            begins, ends = rule.hours
            inside = begins <= facts.hour < ends
            wraps = begins > ends and (facts.hour >= begins or facts.hour < ends)
            return inside or wraps, f"hour {facts.hour}"
        case "below_cost":
            return facts.below_cost, "price or cost unknown" if facts.below_cost is None else ""
        case _:
            told = facts.shop_flag
            return (None, "the shop told no verdict") if told is None else (told in rule.flags, told)


def _check(rule: Rule) -> None:
    check_id(rule.id, "A rule's id")
    problem = _problem(rule)
    if not 0 <= rule.score <= MOST_SCORE:
        problem = f"score must be 0 to {MOST_SCORE}"
    if problem:
        raise Refused("bad_rule", f"Rule {rule.id}: {problem}.")


def _problem(rule: Rule) -> str:
    """What is wrong with a rule of its kind; nothing if all is well."""
    most = {"velocity": MOST_COUNTED if rule.measure == "orders" else LARGEST, "quantity": 10**9}
    if rule.kind in ("velocity", "amount", "quantity") and not 0 <= rule.over <= most.get(rule.kind, LARGEST):
        return f"over must be 0 to {most.get(rule.kind, LARGEST)}"
    money = rule.kind == "amount" or (rule.kind == "velocity" and rule.measure == "amount")
    if money and not _is_currency(rule.currency):
        return "an amount needs its currency"
    match rule.kind:
        case "velocity" if rule.by not in FIELDS or rule.measure not in MEASURES:
            return f"by must be one of {', '.join(FIELDS)}, measure one of {', '.join(MEASURES)}"
        case "velocity" if not 60_000 <= rule.window <= MOST_WINDOW:
            return "window must be a minute to 90 days"
        case "hour" if not _are_hours(rule.hours):
            return "hours must be two different hours from 0 to 23"
        case "shop_flag" if not rule.flags or not set(rule.flags) <= set(FLAGS):
            return f"flags must be some of {', '.join(FLAGS)}"
        case "velocity" | "amount" | "quantity" | "new_buyer" | "hour" | "below_cost" | "shop_flag":
            return ""
        case _:
            return "kind is none that we know"


def _are_hours(hours: Iterable[int]) -> bool:
    found = list(hours)
    return len(found) == 2 and all(0 <= hour <= 23 for hour in found) and found[0] != found[1]


def _is_currency(text: str) -> bool:
    try:
        return currency_code(text) == text
    except Refused:
        return False
