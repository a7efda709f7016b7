"""Chapters beyond one order after the other: big orders, shared cards, a pause, trouble, other systems."""

from collections import Counter
from typing import TYPE_CHECKING

from local.demo.buyer import Browser, link_in
from local.demo.material import MONTH, moment, shared_card, supplier_workbook
from local.demo.teller import Trouble, masked

if TYPE_CHECKING:
    from local.demo.story import Story

WORKBOOK_CARDS, BIG_ORDER = 100, 60
SHARED, USES = "LESSON-LINK", 3
DAY = 86_400
TROUBLED = 12
STRUCK = ("webhooks", "allocation", "projection", "dispatch", "outbound")
"""Not the API, over which the story looks on, nor delivery: its claims outlive a failed worker a minute."""
FAULTS = {"duplicate": 0.3, "lose": 0.15, "reorder": 0.3, "lost_write": 0.03, "conflict": 0.05}


def company_order(story: "Story") -> None:
    """A supplier's workbook comes in, and a company buys most of it in one order."""
    story.heading("h_company")
    supplier = story.merchant.post(
        "/v1/suppliers",
        {
            "id": "xinghe",
            "name": "星河数码",
            "authorisation": "XH-2026-07",
            "authorised_until": moment(20 * DAY),
        },
    )
    name = "芒果TV月卡-星河.xlsx"
    data = supplier_workbook(WORKBOOK_CARDS)
    job = story.merchant.bring_in(MONTH, name, data, 1450, supplier=supplier["id"])
    warnings = sorted(job["warnings"])
    story.say("workbook", file=name, count=job["counts"]["accepted"], warnings=", ".join(warnings) or "–")
    buyer = story.buyer()
    order = story.own.order("B-2001", [(MONTH, BIG_ORDER)], buyer)
    story.sent(story.own.send("order.paid", order))
    story.merchant.wait(f"/v1/orders/{story.own_id}/B-2001", {"delivered"})
    story.cloud.wait_idle()
    lines = Browser(story.cloud.url).download(link_in(story.mail(buyer)))
    codes = {line.rpartition("\t")[2] for line in lines}
    if len(codes) != BIG_ORDER:
        raise Trouble(f"the file of a company's order holds {len(codes)} cards, not {BIG_ORDER}")
    story.say("company", count=BIG_ORDER, file_lines=len(lines), sample=masked(min(codes)))


def shared_cards(story: "Story") -> None:
    """One card that may be sold three times, and four buyers."""
    story.heading("h_shared")
    product = {"sku": SHARED, "name": "课程共享码", "name_en": "Course pass", "issuer": "lessons"}
    story.merchant.post("/v1/products", {**product, "kind": "shared"})
    story.names[SHARED] = product["name" if story.teller.chinese else "name_en"]
    story.merchant.bring_in(SHARED, "课程码.txt", shared_card(), 3000, uses=USES)
    numbers = [f"B-30{n:02d}" for n in range(1, USES + 2)]
    for number in numbers:
        order = story.own.order(number, [(SHARED, 1)], story.buyer(), price=1500)
        story.sent(story.own.send("order.paid", order))
    ends = Counter(
        story.merchant.wait(f"/v1/orders/{story.own_id}/{number}", {"delivered", "no_stock"})["status"]
        for number in numbers
    )
    if ends != {"delivered": USES, "no_stock": 1}:
        raise Trouble(f"a card of {USES} uses went to {ends['delivered']} buyers")
    story.say("shared", uses=USES, buyers=len(numbers), served=ends["delivered"], waits=ends["no_stock"])


def pause(story: "Story") -> None:
    """Somebody pulls the brake; whoever paid meanwhile is served when it is let go."""
    story.heading("h_pause")
    place = f"/v1/products/{MONTH}"
    story.merchant.post(f"{place}/pause", {"reason": "price is wrong"})
    story.cloud.cold_start()  # so that the story need not wait until every worker has heard of it
    story.sent(story.own.send("order.paid", story.own.order("B-4001", [(MONTH, 1)], story.buyer())))
    held = story.merchant.wait(f"/v1/orders/{story.own_id}/B-4001", {"paused", "delivered"})
    if held["status"] != "paused":
        raise Trouble("a paused product was sold")
    story.merchant.post(f"{place}/resume")
    done = story.merchant.wait(f"/v1/orders/{story.own_id}/B-4001", {"delivered"})
    story.say("paused", before=held["status"], after=done["status"])


def trouble(story: "Story") -> None:
    """Orders in bad weather: messages twice and out of order, answers lost on the way."""
    story.heading("h_trouble")
    numbers = [f"B-5{n:03d}" for n in range(TROUBLED)]
    with story.cloud.faults(**FAULTS, only=STRUCK, seed=7) as happened:
        for number in numbers:
            # A shop that gets no good answer sends again, as every platform does.
            order = story.own.order(number, [(MONTH, 1)], story.buyer())
            if not any(story.own.send("order.paid", order) == 200 for _ in range(8)):
                raise Trouble("a notification was refused eight times")
        for number in numbers:
            story.merchant.wait(f"/v1/orders/{story.own_id}/{number}", {"delivered"}, 120)
    story.cloud.wait_idle(120)
    units = [unit for number in numbers for unit in story.order(story.own_id, number)["units"]]
    if len(units) != TROUBLED or {unit["state"] for unit in units} != {"DELIVERED"}:
        raise Trouble("an order came out of the trouble with more or fewer cards than were paid")
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(happened.items()))
    story.say("troubled", orders=TROUBLED, faults=told)


def other_systems(story: "Story") -> None:
    """What the customer system heard all along."""
    story.heading("h_systems")
    system = story.system
    story.until(lambda: system.counts()["order.paid"] >= TROUBLED and system.counts()["order.delivered"] > 0)
    counts = system.counts()
    if system.refused:
        raise Trouble("an event came with a wrong signature")
    story.say("heard", count=sum(counts.values()), kinds=", ".join(sorted(counts)))


CHAPTERS = (company_order, shared_cards, pause, trouble, other_systems)
