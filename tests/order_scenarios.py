"""What may happen to an order while a pass over it stands still: `begin`, then a pass, then `meanwhile`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cardcourier.domain.states import Room
from tests.order_world import KEY, NOON, OTHER, Gate, World

SOON = NOON + 3_600_000


@dataclass(frozen=True)
class Scenario:
    """`last` is the step after the others of `meanwhile`, a pass, so that it may be frozen itself."""

    begin: Callable[[World], None]
    steps: tuple[Callable[[World], None], ...]
    last: Callable[..., None]
    known: bool = False

    @property
    def name(self):
        return f"{self.begin.__name__}: {', '.join(step.__name__ for step in (*self.steps, self.last))}"

    def meanwhile(self, world, gate=None):
        for step in self.steps:
            step(world)
        self.last(world, gate)


SCENARIOS: list[Scenario] = []


def scenario(begin, *meanwhile, known=False):
    SCENARIOS.append(Scenario(begin, meanwhile[:-1], meanwhile[-1], known))


# -- steps ------------------------------------------------------------------------------------------


def a_pass(world, gate=None):
    world.run(KEY, gate=gate)


def a_knowing_pass(world, gate=None):
    world.run(KEY, known=True, gate=gate)


def a_pass_over_the_other(world, gate=None):
    world.run(OTHER, gate=gate)


def full_refund(world):
    world.stop(KEY)


def refund_of_one(world):
    world.stop(KEY, pieces=(("l1", 1),))


def refund_of_the_first(world):
    world.stop(KEY, named=("l1/1",))


def refund_of_the_second(world):
    world.stop(KEY, named=("l1/2",))


def refund_by_amount(world):
    world.give_back(50)


def refund_of_a_price(world):
    world.give_back(100, pieces=(("l1", 1),))


def answer_nothing(world):
    world.answer(KEY)


def answer_the_second(world):
    world.answer(KEY, named=("l1/2",))


def chargeback(world):
    world.charge_back(KEY)


def dispute_lost(world):
    world.decide("lost", KEY)


def reveal(world):
    world.show(KEY)


def delivery(world):
    world.deliver(KEY)


def approval(world):
    world.approve(KEY)


def import_of_two(world):
    world.stock("A", 2)


def import_of_other_product(world):
    world.stock("B", 3)


def the_back_room(world, gate=None):
    for unit in world.store.waiting("acme", Room.BACK, "A"):
        world.run(unit.key, known=True, gate=gate)


def release(world):
    world.change_product("A", release_at=NOON - 1)


def release_put_off(world):
    world.change_product("A", release_at=SOON)


def pause(world):
    world.pause("A")


def pause_of_shop(world):
    world.pause("shop")


def pause_of_everything(world):
    world.pause("all")


def resume(world):
    world.pause("A", "")


def resume_of_shop(world):
    world.pause("shop", "")


def the_paused_room(world, gate=None):
    for unit in world.store.waiting("acme", Room.PAUSE, "sku/A"):
        world.run(unit.key, known=True, gate=gate)


def payment(world):
    world.pay(KEY, ("a", 1))


def mapped(world):
    world.map("a", ("A", 1))


def mapped_to_other(world):
    world.map("a", ("B", 1))


def mapped_to_bundle(world):
    world.map("a", ("A", 1), ("B", 2))


def mapping_lost(world):
    world.map("a")


def not_ours(world):
    world.map("a", ("", 1))


def lower_limit(world):
    world.catalogue.shop_ = replace(world.catalogue.shop_, max_quantity=1)


def other_currency(world):
    world.catalogue.shop_ = replace(world.catalogue.shop_, currency="EUR")


# -- beginnings ---------------------------------------------------------------------------------------


def _world(world, cards, quantity, **pay):
    world.sell("A", cards)
    world.sell("B", 6)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", quantity), **pay)


def one_of_two_cards(world):
    _world(world, 2, 1)


def one_last_card(world):
    _world(world, 1, 1)


def no_card(world):
    _world(world, 0, 1)


def one_that_waits(world):
    _world(world, 0, 1)
    world.run(KEY)
    world.stock("A", 1)


def two_of_two_cards(world):
    _world(world, 2, 2)


def two_but_one_card(world):
    _world(world, 1, 2)


def two_allocated(world):
    _world(world, 3, 2)
    world.run(KEY)


def three_of_three(world):
    _world(world, 3, 3)


def presale(world):
    _world(world, 1, 1)
    world.change_product("A", release_at=SOON)


def presale_waiting(world):
    presale(world)
    world.run(KEY)
    world.change_product("A", release_at=NOON - 1)


def presale_sold_short(world):
    presale_waiting(world)
    for place in list(world.store.dump().markers):
        if place[0] == "A":
            world.pay(OTHER, ("a", 1))
            world.run(OTHER)


def held(world):
    _world(world, 2, 2, amount=1)


def held_waiting(world):
    held(world)
    world.run(KEY)


def held_and_presale(world):
    held(world)
    world.change_product("A", release_at=SOON)
    world.run(KEY)


def unmapped(world):
    _world(world, 2, 2)
    world.map("a")


def unmapped_waiting(world):
    unmapped(world)
    world.run(KEY)


def unmapped_without_stock(world):
    _world(world, 0, 2)
    world.map("a")
    world.run(KEY)


def two_lines_of_a_presale_half_done(world):
    world.sell("A", 0, release_at=SOON)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", 1), ("a", 1))
    world.run(KEY, gate=Gate(2, "killed after"))
    world.change_product("A", release_at=NOON - 1)


def bundle(world):
    _world(world, 2, 2)
    world.map("a", ("A", 1), ("B", 2))


def bundle_short(world):
    _world(world, 1, 2)
    world.map("a", ("A", 1), ("B", 2))


def nothing_bought(world):
    _world(world, 2, 0)


def nothing_bought_waiting(world):
    nothing_bought(world)
    world.run(KEY)


def one_line_not_ours(world):
    world.sell("A", 2)
    world.map("a", ("A", 1))
    world.map("x", ("", 1))
    world.pay(KEY, ("x", 1), ("a", 1))


def all_not_ours(world):
    _world(world, 2, 1)
    world.map("a", ("", 1))


def stopped_before_payment(world):
    world.sell("A", 2)
    world.map("a", ("A", 1))
    world.stop(KEY)


def paused(world):
    _world(world, 2, 2)
    pause(world)


def paused_waiting(world):
    paused(world)
    world.run(KEY)


def paused_waiting_and_resumed(world):
    paused_waiting(world)
    resume(world)


def paused_and_sold_out(world):
    _world(world, 0, 1)
    world.run(KEY)
    pause(world)


def two_buyers_one_card(world):
    _world(world, 1, 1, at=NOON + 1)
    world.pay(OTHER, ("a", 1), at=NOON + 2)


def fixed(world, cards=1, quantity=2, **pay):
    world.sell("A", cards, kind="fixed")
    world.sell("B", 6)
    world.map("a", ("A", 1))
    world.pay(KEY, ("a", quantity), **pay)


def fixed_allocated(world):
    fixed(world)
    world.run(KEY)


def fixed_without_content(world):
    fixed(world, cards=0, quantity=1)


def fixed_waiting(world):
    fixed_without_content(world)
    world.run(KEY)
    world.stock("A", 1)


def fixed_held(world):
    fixed(world, amount=1)
    world.run(KEY)


def fixed_bundle(world):
    fixed(world, quantity=1)
    world.map("a", ("B", 1), ("A", 2))


# -- all of them --------------------------------------------------------------------------------------

scenario(one_of_two_cards, a_pass)
scenario(one_of_two_cards, full_refund, a_pass)
scenario(one_of_two_cards, reveal, full_refund, a_pass)
scenario(one_of_two_cards, a_pass, reveal, full_refund, a_pass)
scenario(one_of_two_cards, a_pass, delivery, a_pass)
scenario(one_of_two_cards, mapped_to_other, a_pass)
scenario(one_of_two_cards, mapped_to_bundle, a_pass)
scenario(one_of_two_cards, mapping_lost, a_pass)
scenario(one_of_two_cards, not_ours, a_pass)
scenario(one_of_two_cards, not_ours, full_refund, a_pass)
scenario(one_last_card, full_refund, a_pass)
scenario(one_last_card, a_pass, full_refund, a_pass)
scenario(no_card, a_pass)
scenario(no_card, import_of_two, the_back_room)
scenario(no_card, a_pass, import_of_two, the_back_room)
scenario(no_card, full_refund, a_pass)
scenario(no_card, not_ours, a_pass)
scenario(one_that_waits, the_back_room)
scenario(one_that_waits, full_refund, a_pass, known=True)
scenario(one_that_waits, mapped_to_other, a_pass, known=True)
scenario(one_that_waits, not_ours, a_pass)
scenario(one_that_waits, release_put_off, a_pass)
scenario(two_of_two_cards, refund_of_one, a_pass)
scenario(two_of_two_cards, refund_of_one, a_pass, refund_of_one, a_pass)
scenario(two_of_two_cards, refund_of_the_first, a_pass)
scenario(two_of_two_cards, a_pass, reveal, refund_of_one, a_pass)
scenario(two_of_two_cards, mapping_lost, full_refund, a_pass)
scenario(two_of_two_cards, mapping_lost, refund_of_the_first, a_pass)
scenario(two_of_two_cards, not_ours, full_refund, a_pass)
scenario(two_of_two_cards, lower_limit, a_pass)
scenario(two_of_two_cards, lower_limit, refund_of_the_first, a_pass)
scenario(two_but_one_card, a_pass)
scenario(two_but_one_card, refund_of_one, a_pass)
scenario(two_but_one_card, a_pass, refund_of_one, a_pass)
scenario(two_but_one_card, refund_of_one, a_pass, import_of_two, the_back_room)
scenario(two_allocated, refund_of_one, a_pass)
scenario(two_allocated, reveal, refund_of_one, a_pass)
scenario(two_allocated, refund_of_one, reveal, a_pass)
scenario(two_allocated, delivery, full_refund, a_pass)
scenario(two_allocated, not_ours, a_pass)
scenario(two_allocated, mapped_to_bundle, a_pass)
scenario(three_of_three, refund_of_one, a_pass, refund_of_one, a_pass)
scenario(one_of_two_cards, refund_by_amount, a_pass)
scenario(one_of_two_cards, refund_by_amount, a_pass, answer_nothing, a_pass)
scenario(one_that_waits, refund_by_amount, a_pass, import_of_two, the_back_room)
scenario(two_but_one_card, refund_by_amount, a_pass, import_of_two, the_back_room)
scenario(two_but_one_card, a_pass, refund_by_amount, a_pass, answer_the_second, a_pass)
scenario(two_but_one_card, a_pass, refund_by_amount, a_pass, import_of_two, answer_nothing, a_pass)
scenario(two_of_two_cards, refund_of_a_price, a_pass)
scenario(two_allocated, reveal, refund_of_a_price, a_pass, refund_by_amount, a_pass)
scenario(presale_waiting, refund_by_amount, a_pass, release, a_pass)
scenario(unmapped_waiting, refund_by_amount, mapped, a_pass, answer_nothing, a_pass)
scenario(two_allocated, reveal, chargeback, a_pass)
scenario(two_allocated, reveal, chargeback, a_pass, dispute_lost, a_pass)
scenario(two_of_two_cards, chargeback, reveal, a_pass, dispute_lost, a_pass)
scenario(presale, a_pass)
scenario(presale, release, a_pass)
scenario(presale, full_refund, a_pass)
scenario(presale_waiting, a_pass)
scenario(presale_waiting, a_knowing_pass, known=True)
scenario(presale_waiting, release_put_off, a_pass)
scenario(presale_waiting, full_refund, a_pass)
scenario(presale_sold_short, a_pass)
scenario(presale_sold_short, full_refund, a_pass)
scenario(presale_sold_short, import_of_two, a_knowing_pass)
scenario(held, approval, a_pass)
scenario(held, approval, a_knowing_pass)
scenario(held, refund_of_one, a_pass)
scenario(held, refund_of_the_first, a_pass)
scenario(held, refund_of_the_first, a_pass, approval, a_pass)
scenario(held_waiting, approval, a_pass)
scenario(held_waiting, approval, refund_of_one, a_pass)
scenario(held_waiting, refund_of_the_first, a_pass, approval, a_pass)
scenario(held_waiting, full_refund, a_pass)
scenario(held_waiting, approval, mapped_to_bundle, a_pass)
scenario(held_waiting, mapping_lost, a_pass)
scenario(held_waiting, other_currency, a_pass)
scenario(held_and_presale, approval, a_pass)
scenario(held_and_presale, approval, release, a_pass)
scenario(held_and_presale, approval, full_refund, a_pass)
scenario(unmapped, mapped, a_pass)
scenario(unmapped, mapped, full_refund, a_pass)
scenario(unmapped, refund_of_the_first, a_pass, mapped, a_pass)
scenario(unmapped, not_ours, a_pass)
scenario(unmapped_waiting, mapped, a_pass)
scenario(unmapped_waiting, mapped, a_knowing_pass, known=True)
scenario(unmapped_waiting, mapped_to_bundle, a_pass)
scenario(unmapped_waiting, not_ours, a_pass)
scenario(unmapped_waiting, full_refund, a_pass)
scenario(unmapped_waiting, refund_of_the_first, a_pass, mapped, a_pass)
scenario(unmapped_waiting, mapped, refund_of_the_first, a_pass)
scenario(unmapped_waiting, mapped, refund_of_one, a_pass)
scenario(unmapped_without_stock, refund_of_the_first, mapped, a_pass)
scenario(unmapped_without_stock, mapped, a_pass, refund_of_the_first, import_of_two, a_pass)
scenario(two_lines_of_a_presale_half_done, import_of_two, a_pass, known=True)
scenario(two_lines_of_a_presale_half_done, import_of_two, full_refund, a_pass, known=True)
scenario(bundle, a_pass)
scenario(bundle, refund_of_one, a_pass)
scenario(bundle, mapped, a_pass)
scenario(bundle, mapped, refund_of_the_first, a_pass)
scenario(bundle, mapped_to_other, full_refund, a_pass)
scenario(bundle_short, refund_of_one, a_pass)
scenario(bundle_short, a_pass, refund_of_one, a_pass)
scenario(bundle_short, a_pass, import_of_two, the_back_room)
scenario(nothing_bought, approval, a_pass)
scenario(nothing_bought_waiting, approval, a_pass)
scenario(nothing_bought_waiting, full_refund, a_pass)
scenario(one_line_not_ours, a_pass)
scenario(one_line_not_ours, full_refund, a_pass)
scenario(all_not_ours, mapped, a_pass)
scenario(all_not_ours, mapped, full_refund, a_pass)
scenario(stopped_before_payment, payment, a_pass)
scenario(two_buyers_one_card, a_pass_over_the_other)
scenario(two_buyers_one_card, a_pass, full_refund, a_pass, a_pass_over_the_other)
scenario(one_of_two_cards, pause, a_pass)
scenario(one_of_two_cards, pause, a_pass, resume, the_paused_room)
scenario(two_of_two_cards, pause, a_pass, pause_of_shop, a_pass)
scenario(two_but_one_card, pause_of_everything, a_pass)
scenario(paused, a_pass)
scenario(paused, resume, a_pass)
scenario(paused, a_pass, resume, the_paused_room)
scenario(paused, a_pass, full_refund, a_pass)
scenario(paused, refund_of_one, a_pass, resume, a_pass)
scenario(paused, mapped_to_other, a_pass)
scenario(paused_waiting, the_paused_room, known=True)
scenario(paused_waiting, resume, the_paused_room, known=True)
scenario(paused_waiting, full_refund, a_pass)
scenario(paused_waiting, refund_of_one, a_knowing_pass, resume, the_paused_room)
scenario(paused_waiting, pause_of_shop, a_knowing_pass, resume, a_knowing_pass, known=True)
scenario(paused_waiting, release_put_off, resume, the_paused_room)
scenario(paused_waiting_and_resumed, the_paused_room, known=True)
scenario(paused_waiting_and_resumed, pause, the_paused_room, known=True)
scenario(paused_waiting_and_resumed, refund_of_one, the_paused_room, known=True)
scenario(paused_waiting_and_resumed, pause_of_shop, the_paused_room, resume_of_shop, a_pass, known=True)
scenario(paused_and_sold_out, import_of_two, the_back_room, known=True)
scenario(paused_and_sold_out, import_of_two, the_back_room, resume, the_paused_room, known=True)
scenario(held_waiting, pause, approval, a_pass)
scenario(presale_waiting, pause, a_pass, known=True)
scenario(unmapped_waiting, pause, mapped, a_pass)
scenario(fixed, a_pass)
scenario(fixed, full_refund, a_pass)
scenario(fixed, a_pass, reveal, refund_of_one, a_pass)
scenario(fixed, import_of_two, a_pass)
scenario(fixed_allocated, refund_of_one, a_pass)
scenario(fixed_allocated, reveal, refund_of_one, a_pass)
scenario(fixed_allocated, import_of_two, delivery, full_refund, a_pass)
scenario(fixed_without_content, a_pass)
scenario(fixed_without_content, import_of_two, the_back_room)
scenario(fixed_without_content, a_pass, full_refund, a_pass)
scenario(fixed_waiting, the_back_room)
scenario(fixed_waiting, full_refund, a_pass, known=True)
scenario(fixed_held, approval, a_pass)
scenario(fixed_bundle, refund_of_the_first, a_pass)
