"""Risk rules: what they say of an order, that more evidence never helps it, and how lists match."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.risk import (
    MOST_COUNTED,
    MOST_RULES,
    Facts,
    Outcome,
    Rule,
    RuleSet,
    Verdict,
    checked_rules,
    decide,
)
from cardcourier.domain.risk_lists import MOST_ENTRIES, Entry, checked_entries, checked_entry, fits, fitting
from cardcourier.errors import Refused

HOUR = 3_600_000
BURST = Rule(id="burst", kind="velocity", by="network", measure="orders", window=HOUR, over=3, score=60)
RULES = (
    BURST,
    Rule(id="dear", kind="amount", over=10_000, currency="CNY", score=50),
    Rule(id="many", kind="quantity", over=5, score=30),
    Rule(id="new", kind="new_buyer", score=20),
    Rule(id="night", kind="hour", hours=(22, 6), score=10),
    Rule(id="loss", kind="below_cost", score=40),
    Rule(id="flag", kind="shop_flag", flags=("medium", "high"), score=100),
)
SET = RuleSet(version=7, rules=RULES, hold_at=100, reject_at=200)
BLOCKED = Entry(id="b1", list="block", field="email", match="domain", text="bad.example")
ALLOWED = Entry(id="a1", list="allow", field="buyer", match="exact", hashes=("h1",))

facts = st.builds(
    Facts,
    amount=st.integers(0, 20_000),
    currency=st.sampled_from(["CNY", "USD"]),
    pieces=st.integers(0, 10),
    counts=st.one_of(st.just({}), st.fixed_dictionaries({"burst": st.integers(1, 9)})),
    new_buyer=st.sampled_from([None, False, True]),
    hour=st.one_of(st.none(), st.integers(0, 23)),
    below_cost=st.sampled_from([None, False, True]),
    shop_flag=st.sampled_from([None, "low", "medium", "high"]),
    listed=st.sampled_from([(), (BLOCKED,)]),
)
STRICTNESS = list(Verdict)


@pytest.mark.parametrize(
    ("rule", "known", "outcome"),
    [
        ("burst", {"counts": {"burst": 3}}, "clear"),
        ("burst", {"counts": {"burst": 4}}, "hit"),
        ("burst", {}, "not_evaluable"),
        ("dear", {"amount": 10_001, "currency": "CNY"}, "hit"),
        ("dear", {"amount": 10_000, "currency": "CNY"}, "clear"),
        ("dear", {"amount": 10_001, "currency": "USD"}, "not_evaluable"),
        ("many", {"pieces": 6}, "hit"),
        ("new", {"new_buyer": True}, "hit"),
        ("new", {}, "not_evaluable"),
        ("night", {"hour": 23}, "hit"),
        ("night", {"hour": 5}, "hit"),
        ("night", {"hour": 6}, "clear"),
        ("night", {}, "not_evaluable"),
        ("loss", {"below_cost": True}, "hit"),
        ("loss", {}, "not_evaluable"),
        ("flag", {"shop_flag": "medium"}, "hit"),
        ("flag", {"shop_flag": "low"}, "clear"),
        ("flag", {}, "not_evaluable"),
    ],
)
def test_each_rule_judges_by_its_own_facts(rule, known, outcome):
    found = {finding.rule: finding for finding in decide(SET, Facts(**known)).findings}
    assert found[rule].outcome is Outcome(outcome)
    assert (found[rule].score > 0) == (outcome == "hit")


def test_scores_add_up_to_a_verdict_that_explains_itself():
    known = Facts(counts={"burst": 4}, amount=10_001, currency="CNY")
    decision = decide(SET, known)
    assert (decision.verdict, decision.score) == (Verdict.HOLD, 110)
    assert decision.reason == "risk: score 110: burst, dear (version 7)"
    assert decide(SET, replace(known, shop_flag="high")).verdict is Verdict.REJECT
    assert decide(replace(SET, hold_at=None, reject_at=None), known).verdict is Verdict.ALLOW


def test_the_allow_list_wins_and_the_block_list_does_what_it_is_set_to():
    assert decide(SET, Facts(listed=(BLOCKED,))).verdict is Verdict.HOLD
    rejecting = replace(SET, blocked="reject")
    blocked = decide(rejecting, Facts(listed=(BLOCKED,)))
    assert (blocked.verdict, blocked.reason) == (Verdict.REJECT, "risk: entry b1 (version 7)")
    both = decide(rejecting, Facts(listed=(BLOCKED, ALLOWED), shop_flag="high", counts={"burst": 9}))
    assert (both.verdict, both.entry) == (Verdict.ALLOW, "a1")


def test_in_shadow_a_rule_or_a_whole_set_is_told_and_has_no_effect():
    quiet = replace(SET, rules=(replace(RULES[-1], shadow=True),))
    decision = decide(quiet, Facts(shop_flag="high"))
    assert (decision.verdict, decision.would, decision.score) == (Verdict.ALLOW, Verdict.HOLD, 0)
    assert decision.findings[0].outcome is Outcome.HIT
    whole = decide(replace(SET, shadow=True), Facts(shop_flag="high"))
    assert (whole.verdict, whole.would) == (Verdict.ALLOW, Verdict.HOLD)


@given(facts, facts)
def test_more_evidence_never_makes_a_verdict_milder(one, other):
    """Whatever hits in both, and all that hits in either alone, weighs at least as much as one of them."""
    worse = replace(
        one,
        pieces=max(one.pieces, other.pieces),
        counts={"burst": max(one.counts.get("burst", 1), other.counts.get("burst", 1))},
        new_buyer=True,
        below_cost=True,
        shop_flag="high",
        listed=one.listed or other.listed,
    )
    before, after = decide(SET, one), decide(SET, worse)
    assert STRICTNESS.index(after.verdict) >= STRICTNESS.index(before.verdict)
    assert after.score >= before.score
    assert decide(SET, replace(worse, listed=(*worse.listed, ALLOWED))).verdict is Verdict.ALLOW


@given(facts)
def test_what_cannot_be_evaluated_never_counts(known):
    decision = decide(SET, known)
    seen = tuple(f.rule for f in decision.findings if f.outcome is not Outcome.NOT_EVALUABLE)
    without = replace(SET, rules=tuple(rule for rule in RULES if rule.id in seen))
    again = decide(without, known)
    assert (again.verdict, again.score) == (decision.verdict, decision.score)
    assert len(decision.findings) == len(RULES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "Not An Id"},
        {"kind": "astrology"},
        {"score": -1},
        {"score": 1001},
        {"by": "name"},
        {"measure": "hours"},
        {"window": 1},
        {"over": MOST_COUNTED + 1},
        {"measure": "amount", "currency": ""},
        {"kind": "amount", "currency": "yuan"},
        {"kind": "hour", "hours": (7, 7)},
        {"kind": "hour", "hours": (7, 24)},
        {"kind": "shop_flag", "flags": ()},
        {"kind": "shop_flag", "flags": ("odd",)},
    ],
)
def test_a_rule_that_cannot_be_is_refused(wrong):
    with pytest.raises(Refused):
        checked_rules(replace(SET, rules=(replace(BURST, **wrong),)))


def test_a_set_is_bounded_and_its_thresholds_are_in_order():
    assert checked_rules(SET) is SET
    many = tuple(replace(BURST, id=f"r{n}") for n in range(MOST_RULES + 1))
    for wrong in (
        {"rules": many},
        {"rules": (BURST, BURST)},
        {"hold_at": 0},
        {"hold_at": 201},
        {"blocked": "allow"},
        {"entries": (BLOCKED, BLOCKED)},
    ):
        with pytest.raises(Refused):
            checked_rules(replace(SET, **wrong))
    entries = tuple(replace(BLOCKED, id=f"e{n}") for n in range(MOST_ENTRIES + 1))
    with pytest.raises(Refused, match="500"):
        checked_entries(entries)


@given(st.ip_addresses(), st.integers(0, 32))
def test_a_network_matches_as_the_standard_library_says(address, bits):
    """An IPv4 address in the clothes of IPv6 is the IPv4 address that it is."""
    address = getattr(address, "ipv4_mapped", None) or address
    network = ip_network(f"{address}/{bits}", strict=False)
    entry = checked_entry(Entry(id="n", list="block", field="network", match="cidr", text=str(network)))
    assert fits(entry, (), {"network": str(address)})
    for other in ("198.51.100.7", "2001:db8::7"):
        assert fits(entry, (), {"network": other}) == (ip_address(other) in network)


@pytest.mark.parametrize(
    ("entry", "told", "fitting_one"),
    [
        (BLOCKED, {"email": "Li@BAD.example"}, True),
        (BLOCKED, {"email": "li@mail.bad.example"}, True),
        (BLOCKED, {"email": "li@notbad.example"}, False),
        (BLOCKED, {}, False),
        (
            Entry(id="p", list="block", field="phone", match="prefix", text="+86170"),
            {"phone": "+86 170 1"},
            True,
        ),
        (Entry(id="p", list="block", field="device", match="prefix", text="x"), {"device": "y"}, False),
        (ALLOWED, {}, True),
    ],
)
def test_an_entry_fits_by_domain_prefix_or_hash(entry, told, fitting_one):
    assert bool(fitting([entry], {"h1"}, told)) == fitting_one
    assert not fits(ALLOWED, {"h2"}, told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"list": "grey"},
        {"field": "name"},
        {"match": "regex"},
        {"field": "phone"},
        {"text": ""},
        {"text": "a@b.example"},
        {"match": "exact", "hashes": ()},
        {"match": "exact", "hashes": ("h",), "text": "plain@x.example"},
        {"field": "network", "match": "cidr", "text": "198.51.100.7/24"},
    ],
)
def test_an_entry_that_cannot_be_is_refused(wrong):
    with pytest.raises(Refused):
        checked_entry(replace(BLOCKED, **wrong))


def test_an_exact_contact_is_never_kept_as_text():
    assert checked_entry(ALLOWED).text == ""
    assert checked_entry(replace(BLOCKED, text=" @BAD.example. ")).text == "bad.example"
