"""A town of shops and buyers, on a local cloud that a seeded killer strikes again and again with `kill -9`.

    town = Town(merchant, orders, random)          # what is bought, refunded and looked at
    for strikes in lives(plan(orders, random)):    # each life ends when everything is killed
        with served(data) as cloud, acting(cloud):
            merchant.cloud = cloud
            town.live(cloud, strikes)

A shop repeats a notification until it is acknowledged, a buyer repeats a click until it is answered.
Strikes come by orders acknowledged, not by time, so that a slow machine meets no more of them.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace

from botocore.exceptions import BotoCoreError, ClientError

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.errors import CardCourierError
from tests.integration.shop import Browser, call, rfc3339, wait_until

ROOT = Path(__file__).parents[2]
PRODUCTS = ("MONTH", "QUARTER", "YEAR", "SONG")
# For so many of its pieces a product has cards.
STOCKED = 0.85
SHOPS = 6
# After so many other steps a buyer looks, or looks again; an order is refunded; a failed step is tried again.
LOOK, REFUND, AGAIN = 120, 300, 12
LOOKS = 4
# What an order meets on its way, most of all what every order meets.
ON_THE_WAY = ("webhooks", "allocation", "dispatch", "delivery", "projection", "redeem", "release")
# A request, of a shop, a buyer or ourselves, that may have met a kill.
AWAY = (OSError, HTTPException, BotoCoreError, ClientError, CardCourierError)
EVERYTHING = "everything"


# ---------------------------------------------------------------- what is killed


@dataclass(frozen=True)
class Strike:
    """After so many acknowledged orders this is killed."""

    after: int
    kind: str
    function: str = ""


def plan(orders, random):
    """A strike about every fifty orders; everything three times, the last time after the last order."""
    kinds = [EVERYTHING] * 2 + ["tables"] * 5 + ["services"] * 5 + ["parent"] * 2 + ["messages"] * 3
    kinds += ["function"] * max(7, orders // 50 - len(kinds))
    random.shuffle(kinds)
    moments = sorted(random.randrange(orders // 40, orders) for _ in kinds)
    strikes = [
        Strike(after, kind, random.choice(ON_THE_WAY) if kind == "function" else "")
        for after, kind in zip(moments, kinds, strict=True)
    ]
    return [*strikes, Strike(orders, EVERYTHING)]


def lives(strikes):
    """The strikes up to each kill of everything."""
    life = []
    for strike in strikes:
        life.append(strike)
        if strike.kind == EVERYTHING:
            yield life
            life = []


@contextmanager
def served(data):
    """A local cloud in a process of its own, as `make serve` runs it."""
    log, state = data.parent / "serve.log", data / "cloud.json"
    with log.open("w") as out:
        runner = subprocess.Popen(
            [sys.executable, "-m", "local", "serve", "--data", str(data)], cwd=ROOT, stdout=out, stderr=out
        )
    try:
        wait_until(lambda: "API" in log.read_text() or runner.poll() is not None, 60)
        told = json.loads(state.read_text())
        url, desk, environment = told["url"], told["mailbox_url"], told["environment"]
        yield SimpleNamespace(url=url, desk=desk, environment=environment, runner=runner, state=state)
    finally:
        runner.kill()
        runner.wait()


class Killer:
    """Strikes at one served cloud; `struck` counts by kind what was hit."""

    def __init__(self, cloud, struck):
        self.cloud, self.struck = cloud, struck

    def strike(self, strike):
        match strike.kind:
            case "everything":
                self._everything()
            case "messages":
                self._messages()
            case "function":
                self._function(strike.function)
            case name:
                self._process({"parent": "functions"}.get(name, name))
        self.struck[strike.kind] += 1

    def _pids(self):
        return json.loads(self.cloud.state.read_text())["pids"]

    def _process(self, name):
        """One that was killed a moment ago is killed again as soon as it is back."""
        wait_until(lambda: _killed(self._pids()[name]), 60)

    def _function(self, name):
        """Every process of a function, by the button of the status page: it knows them."""
        desk = SimpleNamespace(url=self.cloud.desk)
        origin = {"origin": self.cloud.desk.rstrip("/")}
        answer = call(desk, "POST", "/status/kill", f"function={name}".encode(), origin)
        assert answer.status == 303, answer.text

    def _everything(self):
        """The runner is stopped first, so that it neither mends nor lets anything end in order."""
        runner = self.cloud.runner
        os.kill(runner.pid, signal.SIGSTOP)
        for name in ("tables", "services", "functions"):
            _killed(self._pids()[name])
        runner.kill()
        runner.wait()

    def _messages(self):
        """Throw away what waits in every queue."""
        urls = {value for name, value in self.cloud.environment.items() if name.endswith("QUEUE_URL")}
        with suppress(*AWAY):
            for url in urls:
                wiring.client("sqs").purge_queue(QueueUrl=url)


def _killed(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


# ---------------------------------------------------------------- who buys


@dataclass(frozen=True)
class Order:
    """What is bought, and what becomes of it: `refund` is "", "all" or "piece", told `early` or later."""

    name: str
    items: tuple[tuple[str, int], ...]
    paid_at: str
    refund: str = ""
    early: bool = False
    looks: bool = False

    @property
    def pieces(self):
        return sum(quantity for _, quantity in self.items)

    @property
    def stopped(self):
        """How many pieces are refunded."""
        return {"": 0, "piece": 1, "all": self.pieces}[self.refund]


def _order(number, random):
    sku, other = random.sample(PRODUCTS, 2)
    one, two, three, mixed = ((sku, 1),), ((sku, 2),), ((sku, 3),), ((sku, 1), (other, 2))
    items = random.choices([one, two, three, mixed], [7, 2, 1, 1])[0]
    refund = random.choices(["", "all", "piece"], [88, 6, 6])[0]
    early, looks = random.random() < 0.3, random.random() < 0.1
    return Order(f"K-{number:05d}", items, rfc3339(now_ms()), refund, early, looks)


class Town:
    """One merchant's orders: who pays, who wants the money back, who looks.

    `acknowledged` are orders whose payment was answered with 200, `shown` the orders whose buyer saw a code.
    """

    def __init__(self, merchant, orders, random):
        self.merchant = merchant
        self.orders = {order.name: order for order in (_order(n, random) for n in range(orders))}
        self.pieces = Counter()
        for order in self.orders.values():
            self.pieces.update(dict(order.items))
        for sku, pieces in self.pieces.items():
            merchant.sell(sku, cards=int(STOCKED * pieces))
        self.acknowledged, self.struck, self.repeats = set(), Counter(), 0
        self.shown = {}
        self.down = threading.Event()
        self._to_do = deque()
        for order in self.orders.values():
            if order.refund and order.early:
                self._to_do.append(partial(self._refund, order))
            self._to_do.append(partial(self._pay, order))

    def live(self, cloud, strikes):
        """Go on until everything is killed."""
        killer = Killer(cloud, self.struck)
        shops = self._open_shops()
        try:
            for strike in strikes:
                while len(self.acknowledged) < strike.after and any(shop.is_alive() for shop in shops):
                    time.sleep(0.01)
                killer.strike(strike)
        finally:
            self.down.set()
            for shop in shops:
                shop.join()

    def catch_up(self):
        """What nobody could do before the last kill, on a cloud that lives."""
        for shop in self._open_shops():
            shop.join()
        assert not self._to_do

    def _open_shops(self):
        self.down.clear()
        shops = [threading.Thread(target=self._keep_shop, name=f"shop-{n}") for n in range(SHOPS)]
        for shop in shops:
            shop.start()
        return shops

    def _keep_shop(self):
        while not self.down.is_set():
            try:
                step = self._to_do.popleft()
            except IndexError:
                return
            if not self._done(step):
                self.repeats += 1
                self._to_do.insert(AGAIN, step)
                time.sleep(0.02)

    @staticmethod
    def _done(step):
        try:
            return step()
        except AWAY:
            return False

    def _pay(self, order):
        if self.merchant.pay(order.name, *order.items, paid_at=order.paid_at).status != 200:
            return False
        self.acknowledged.add(order.name)
        if order.looks:
            self._to_do.insert(LOOK, partial(self._look, order, LOOKS))
        if order.refund and not order.early:
            self._to_do.insert(REFUND, partial(self._refund, order))
        return True

    def _refund(self, order):
        piece = {"items": [{"line_id": "1", "quantity": 1}]}
        return self.merchant.refund(order.name, **(piece if order.refund == "piece" else {})).status == 200

    def _look(self, order, looks):
        """A buyer has the pick-up code as well: whose answer was lost would be asked for it."""
        page, proof = f"/r/{self.merchant.token(order.name)}", self.merchant.pick_up(order.name)
        answer = Browser(self.merchant.cloud).program(f"{page}/reveal", {"proof": proof})
        if answer.status >= 500:
            return False
        codes = [card["code"] for card in answer.json.get("cards", ()) if "code" in card]
        for code in codes:
            self.shown.setdefault(code, set()).add(order.name)
        if not codes and looks > 1:
            self._to_do.insert(LOOK, partial(self._look, order, looks - 1))
        return True
