"""Telling buyers: each occasion once on each channel, whatever dies, is lost, or comes twice."""

from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.backoff import HOUR
from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.notification import LEASE, SCHEDULE, Attempt, Notification, Plan, Status
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Part, Unit
from cardcourier.domain.states import State
from cardcourier.errors import Refused, Unavailable
from cardcourier.services.notifying import Occasion, Teller

KEY = OrderKey("acme", "main", "1001")
START = 1_790_000_000_000
HEADER = Header(key=KEY, ver=1, paid_at=START, lines=(OrderLine("1", "", "", "A", 2, 2500),))
UNITS = [
    Unit(key=KEY, line="1", n=n, piece=n, state=State.ALLOCATED, sku="A", card=f"c{n}", plan=(Part("A", 1),))
    for n in (1, 2)
]
OCCASION = Occasion("1.0001.0", "delivered", ("1#0001/0", "1#0002/0"))
MAIL_ID = "1.0001.0.mail"
MAIL_ALONE = Plan(("mail",))


class Died(BaseException):
    """The worker is gone."""


@dataclass
class World:
    """A log as the table keeps it, a post that does as told, and a worker that may die at any call."""

    plan_: Plan = MAIL_ALONE
    kept: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)
    now: int = START
    dies_at: float = float("inf")
    before: bool = True
    calls: count = field(default_factory=count)
    meanwhile: object = None

    def _call(self, happen):
        """Dying before the call it does not happen; dying after it nobody hears of it."""
        number = next(self.calls)
        if number == self.dies_at and self.before:
            raise Died
        result = happen()
        if number == self.dies_at:
            raise Died
        return result

    # -- the log

    def begin(self, note, actor):
        return self._call(lambda: self.kept.setdefault(note.id, note))

    def change(self, seen, after, actor):
        def happen():
            if self.kept[seen.id].ver != seen.ver:
                return False
            self.kept[seen.id] = after
            return True

        return self._call(happen)

    def read(self, key, note_id):
        return self._call(lambda: self.kept.get(note_id))

    # -- the post and the rest

    def plan(self, header):
        return self.plan_

    def send(self, channel, notice, message_id):
        def happen():
            if self.meanwhile:
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()
            answer = self.answers.get(channel)
            if isinstance(answer, Exception):
                raise answer
            self.sent.append((channel, message_id, notice.kind))
            return f"id-{len(self.sent)}"

        return self._call(happen)

    def link_of(self, header):
        return "https://cards.example/r/token"

    def code_of(self, header):
        return "ABCD-EFGH"

    def tenant(self, tenant):
        return Tenant(id=tenant, name="Acme")

    def teller(self):
        return Teller(self, self, self, self, lambda: self.now, lambda: 0.0)

    def tell(self, rid="one", occasion=OCCASION, units=UNITS, **options):
        return self.teller().tell(HEADER, units, occasion, rid, **options)

    def again(self, note=MAIL_ID, rid="again", units=UNITS):
        return self.teller().try_again(HEADER, units, note, rid)

    @property
    def mail(self):
        return self.kept[MAIL_ID]


def test_the_intent_is_kept_before_anything_is_sent():
    world = World(dies_at=1)
    with pytest.raises(Died):
        world.tell()
    assert world.sent == []
    assert (world.mail.status, world.mail.about) == (Status.PENDING, OCCASION.about)


def test_what_went_out_is_kept_with_its_try():
    world = World()
    told = world.tell()
    assert (told.via, told.about, told.settled) == ("mail:id-1", frozenset(OCCASION.about), True)
    assert (world.mail.status, world.mail.provider_id) == (Status.SENT, "id-1")
    assert world.mail.attempts == (Attempt(START, "sent", rid="one"),)


def test_told_twice_it_goes_out_once():
    world = World()
    first, second = world.tell(), world.tell("two")
    assert len(world.sent) == 1
    assert second == first


def test_a_later_card_is_not_taken_for_told():
    world = World()
    world.tell(occasion=replace(OCCASION, about=("1#0001/0",)))
    assert world.tell("two").about == {"1#0001/0"}
    assert len(world.sent) == 1


def test_two_workers_do_not_send_at_once():
    world = World()
    seen = []
    world.meanwhile = lambda: seen.append(world.tell("two"))
    assert world.tell().settled
    assert [told.settled for told in seen] == [False]
    assert len(world.sent) == 1


def test_a_worker_that_comes_back_too_late_does_not_undo_what_another_found():
    world = World()

    def slept():
        world.now += LEASE + 1
        world.tell("two")

    world.meanwhile = slept
    world.tell()
    assert world.mail.status is Status.SENT
    assert world.mail.provider_id == "id-1"
    assert len({message for _, message, _ in world.sent}) == 1


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("plan", [Plan(("mail",)), Plan(("mail", "sms")), Plan(("mail",), "sms")], ids=str)
@pytest.mark.parametrize("answer", [None, Refused("notifier_refused", "no"), Unavailable("away", "busy")])
def test_dying_anywhere_loses_nothing_and_sends_what_is_known_once(before, plan, answer):
    """The worker dies at each call in turn; the sweeper comes back a minute later, and again."""
    for dies_at in range(12):
        world = World(plan, dies_at=dies_at, before=before, answers={"mail": answer} if answer else {})
        try:
            told = world.tell()
        except Died:
            world.now += LEASE + 1
            told = world.tell("two")
        assert told.settled
        ids = [message for _, message, _ in world.sent]
        # Only a try whose outcome nobody heard of may be repeated, and under its own id.
        unheard = any(a.outcome == "unknown" for note in world.kept.values() for a in note.attempts)
        assert len(ids) == len(set(ids)) or unheard
        if answer is None or plan.fallback:
            assert ids or isinstance(answer, Unavailable)
        for note in world.kept.values():
            assert note.settled


def test_what_cannot_be_sent_now_has_a_timer_and_holds_nothing_up():
    world = World(answers={"mail": Unavailable("notifier_unavailable", "busy", reason="421")})
    told = world.tell()
    assert (told.settled, told.via, [t.reason for t in told.troubles]) == (True, "mail", ["421"])
    assert world.mail.due == world.mail.not_before == START + 60_000
    world.answers = {}
    world.again()
    assert world.sent == []
    world.now = world.mail.due
    world.again()
    assert (len(world.sent), world.mail.status, world.mail.due) == (1, Status.SENT, None)
    assert [attempt.outcome for attempt in world.mail.attempts] == ["unavailable", "sent"]


def test_after_nine_tries_in_two_days_a_person_is_asked():
    world = World(answers={"mail": Unavailable("away", "busy")})
    troubles = list(world.tell().troubles)
    while world.mail.open:
        world.now = world.mail.due
        troubles += world.again().troubles
    assert len(world.mail.attempts) == SCHEDULE.attempts == 9
    assert world.now - START == pytest.approx(47 * HOUR, abs=HOUR)
    assert [trouble.gave_up for trouble in troubles] == [False] * 8 + [True]
    assert (world.mail.status, world.mail.noticed, world.mail.due) == (Status.FAILED, False, None)


def test_a_worker_that_dies_each_time_is_not_asked_for_ever():
    world = World()
    world.before = True
    for _ in range(30):
        world.calls, world.dies_at = count(), 10**9
        world.meanwhile = _die
        try:
            world.tell()
        except Died:
            world.now += LEASE + 1
    assert world.mail.status is Status.FAILED
    assert {attempt.outcome for attempt in world.mail.attempts} == {"unknown"}
    assert len(world.mail.attempts) == SCHEDULE.attempts


def _die():
    raise Died


def test_the_other_side_may_ask_for_a_longer_wait():
    world = World(answers={"mail": Unavailable("away", "busy", wait=3 * HOUR)})
    world.tell()
    assert world.mail.due == START + 3 * HOUR


def test_a_refusal_is_final_and_waits_for_a_person():
    world = World(answers={"mail": Refused("notifier_refused", "No such address.", reason="550")})
    told = world.tell()
    assert (told.via, told.settled) == ("link", True)
    assert [(t.reason, t.gave_up) for t in told.troubles] == [("550", True)]
    assert (world.mail.status, world.mail.reason, world.mail.noticed) == (
        Status.REFUSED,
        "No such address.",
        False,
    )


def test_a_refused_mail_is_followed_by_an_sms():
    world = World(Plan(("mail",), "sms"), answers={"mail": Refused("notifier_refused", "no")})
    world.tell()
    assert [channel for channel, *_ in world.sent] == ["sms"]
    assert {note.channel: str(note.status) for note in world.kept.values()} == {
        "mail": "refused",
        "sms": "sent",
    }


def test_without_an_address_the_link_must_do():
    world = World(Plan())
    assert (world.tell().via, world.kept) == ("link", {})


def test_with_no_time_left_it_is_written_down_for_later():
    world = World()
    told = world.tell(until=START)
    assert (told.settled, world.sent, world.mail.due) == (True, [], START)
    world.again()
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    "unit",
    [
        replace(UNITS[0], state=State.RETURNED, card="", gen=1),
        replace(UNITS[0], card="c9", gen=1),
        replace(UNITS[0], state=State.REFUNDED, card=""),
    ],
    ids=["returned", "replaced", "refunded"],
)
def test_of_cards_that_are_gone_nobody_is_told(unit):
    world = World(answers={"mail": Unavailable("away", "busy")})
    world.tell(occasion=replace(OCCASION, about=("1#0001/0",)))
    world.answers, world.now = {}, world.mail.due
    world.again(units=[unit])
    assert (world.sent, world.mail.status) == ([], Status.OVER)


def test_a_withdrawn_link_gives_the_message_a_new_id():
    note = Notification(key=KEY, id="1.0001.0.mail", kind="delivered", channel="mail", about=())
    assert note.message_id(0) != note.message_id(1)
    assert note.message_id(0) == replace(note, ver=9).message_id(0)


@given(
    st.lists(
        st.sampled_from(["ok", "busy", "refused", "die before", "die after", "wait"]), min_size=1, max_size=40
    )
)
def test_whatever_happens_it_ends_and_what_is_known_to_be_sent_is_sent_once(story):
    world = World()
    for step in story:
        world.calls, world.dies_at = count(), float("inf")
        away, no = Unavailable("away", "busy"), Refused("notifier_refused", "no")
        world.answers = {"mail": {"busy": away, "refused": no}.get(step)}
        if step.startswith("die"):
            world.before = step == "die before"
            world.dies_at = len(world.sent) % 3
        known = MAIL_ID in world.kept and world.mail.status is Status.SENT
        sent = len(world.sent)
        try:
            if step == "wait":
                world.now += 24 * HOUR
            else:
                world.tell(f"rid-{next(world.calls)}")
        except Died:
            world.now += LEASE + 1
        if known:
            assert len(world.sent) == sent
    world.calls, world.dies_at, world.answers = count(), float("inf"), {}
    world.now += 48 * HOUR
    world.tell("last")
    assert world.mail.status in (Status.SENT, Status.REFUSED, Status.FAILED)
    assert len({message for _, message, _ in world.sent}) <= 1
