"""The main job from beginning to end, on real input, over HTTP."""

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from local.cloud import Cloud
from local.demo import breadth
from local.demo.buyer import Browser, code_in, link_in
from local.demo.material import (
    GIFT_ITEM,
    MONTH,
    PRICES,
    QUARTER,
    SHOPIFY_ITEM,
    YEAR,
    OwnShop,
    ShopifyShop,
    local_address,
    moment,
    supplier_file,
)
from local.demo.merchant import Merchant
from local.demo.systems import CustomerSystem
from local.demo.teller import Teller, Trouble, masked

DOMAIN = "cloud-cards.myshopify.com"
SHOPIFY_SECRET = "shpss_" + "0" * 32
PRESALE_SECONDS = 8
ZONE = "Asia/Shanghai"
BUYERS = [f"buyer{n}@example.com" for n in range(1, 10)]


class Story:
    """Told once, in order: each chapter uses what the ones before it made."""

    def __init__(self, cloud: Cloud, teller: Teller, own_file: Path | None) -> None:
        self.cloud, self.teller, self.own_file = cloud, teller, own_file
        self.client = httpx.Client(base_url=cloud.url, timeout=30)
        self.merchant = Merchant(self.client)
        self.say, self.heading = teller.say, teller.heading
        self.number = 5_678_901_234_001
        self.buyers = 100
        self.system = CustomerSystem()

    def tell(self) -> None:
        with self.system.listening():
            self._chapters()

    def _chapters(self) -> None:
        self.open_shop()
        self.import_cards()
        self.take_orders()
        self.reveal()
        self.refund()
        self.replace()
        self.run_short()
        self.presale()
        for chapter in breadth.CHAPTERS:
            chapter(self)
        self.close_books()

    # -- chapters -------------------------------------------------------------------------------

    def open_shop(self) -> None:
        self.heading("h_shop")
        name = "云朵数字小店" if self.teller.chinese else "Cloud Cards"
        language = "zh-CN" if self.teller.chinese else "en"
        tenant = {"id": "cloud-cards", "name": name, "time_zone": ZONE, "language": language}
        self.merchant.bootstrap(
            self.cloud.bootstrap_secret(), {**tenant, "support": "help@cloud-cards.example"}
        )
        self.say("tenant", name=name)
        kinds = {
            MONTH: ("芒果TV会员月卡", "Mango TV, month"),
            QUARTER: ("芒果TV会员季卡", "Mango TV, quarter"),
        }
        self.names = {sku: pair[not self.teller.chinese] for sku, pair in kinds.items()}
        for sku, (chinese, english) in kinds.items():
            self.merchant.post("/v1/products", self._product(sku, chinese, english))
        self.say("products", names=" · ".join(self.names.values()))
        self._connect_shops()
        self.say("shops")

    def import_cards(self) -> None:
        self.heading("h_import")
        self._import(MONTH, "芒果TV月卡-供应商.txt", supplier_file(30, "月卡", flaws=True), 1500)
        self._import(QUARTER, "芒果TV季卡-供应商.txt", supplier_file(8, "季卡"), 4100)
        if self.own_file:
            data = self.own_file.read_bytes()
            job = self.merchant.bring_in(MONTH, self.own_file.name, data, 1500)
            counts = job["counts"]
            skipped = counts["rows"] - counts["accepted"]
            self.say("own_file", file=self.own_file.name, count=counts["accepted"], skipped=skipped)

    def take_orders(self) -> None:
        self.heading("h_orders")
        first = self._next()
        body = self.shopify.order(first, [(*SHOPIFY_ITEM[MONTH], MONTH, 2, PRICES[MONTH])], BUYERS[0])
        self.say("o_shopify", n=body["name"], status=self.sent(self.shopify.send("orders/paid", body)))
        mixed = self.own.order("A-1001", [(MONTH, 1), (QUARTER, 1)], BUYERS[1])
        self.say("o_own", n="A-1001", status=self.sent(self.own.send("order.paid", mixed)))
        gift = self._next()
        present = self.shopify.order(gift, [(*GIFT_ITEM, "", 1, 9000)], BUYERS[2])
        self.say("o_gift", n=present["name"], status=self.sent(self.shopify.send("orders/paid", present)))
        self.say("o_again", status=self.sent(self.shopify.send("orders/paid", body)))
        forged = self.shopify.send("orders/paid", {**body, "id": int(self._next())}, secret="guessed")
        if forged != 401:
            raise Trouble(f"a forged notification was answered {forged}")
        self.say("o_forged", status=forged)
        self.first, self.gift = first, gift
        for shop, order, label, cards in (
            (self.shopify_id, first, body["name"], 2),
            (self.own_id, "A-1001", "A-1001", 2),
            (self.shopify_id, gift, present["name"], 2),
        ):
            self._wait_delivered(shop, order, label, cards)
        self.cloud.wait_idle()
        self.say("mailed", count=len(self.cloud.mails()))

    def reveal(self) -> None:
        self.heading("h_reveal")
        mail = self.mail(BUYERS[0])
        link, browser = link_in(mail), Browser(self.cloud.url)
        order = self.order(self.shopify_id, self.first)
        page = browser.open(link)
        endings = [unit["card"][-4:] for unit in order["units"]]
        if not all(ending in page for ending in endings):
            raise Trouble("the page does not show the cards' endings")
        self.say("masked", last4=", ".join(endings))
        shown = browser.reveal(link)
        codes = [card["code"] for card in shown["cards"]]
        if any(code in page for code in codes):
            raise Trouble("the page held a card before it was asked for")
        self.say("shown", code=", ".join(masked(code) for code in codes))
        other = Browser(self.cloud.url)
        if not other.reveal(link)["proof"]["needed"] or not other.reveal(link, code_in(mail))["revealed"]:
            raise Trouble("a second browser was not asked for the pick-up code")
        self.say("other")
        self.shown_link = link

    def refund(self) -> None:
        self.heading("h_refund")
        before = self.merchant.stock()[MONTH]
        self.own.send(
            "order.refunded",
            {
                "order_id": "A-1001",
                "refund_id": "r-1",
                "amount": "25.00",
                "currency": "CNY",
                "items": [{"line_id": "1", "quantity": 1}],
            },
        )
        self.until(lambda: self._states(self.own_id, "A-1001").count("RETURNED") == 1)
        self.say("r_before", n="A-1001", before=before, after=self.merchant.stock()[MONTH])
        line = int(self.first) * 10 + 1
        self.shopify.send("refunds/create", self.shopify.refund(self.first, line, 1, PRICES[MONTH]))
        self.until(lambda: self._states(self.shopify_id, self.first).count("REFUNDED") == 1)
        self.say("r_after", n=f"#{self.first[-4:]}", state="REFUNDED")

    def replace(self) -> None:
        self.heading("h_replace")
        unit = next(u for u in self.order(self.shopify_id, self.first)["units"] if u["state"] == "REVEALED")
        browser, link = Browser(self.cloud.url), self.shown_link
        browser.report(link, f"{unit['line']}#{unit['n']:04d}")
        place = f"/v1/orders/{self.shopify_id}/{self.first}/units/{unit['line']}/{unit['n']}/replace"
        self.merchant.post(place, {"reason": "buyer: code is refused as invalid"})
        self.until(lambda: "DELIVERED" in self._states(self.shopify_id, self.first))
        new = next(u for u in self.order(self.shopify_id, self.first)["units"] if u["state"] == "DELIVERED")
        self.say("replaced", old=unit["card"][-4:], new=new["card"][-4:])

    def run_short(self) -> None:
        self.heading("h_short")
        left = self.merchant.stock()[QUARTER]
        wanted = left + 2
        order = self.own.order("A-1002", [(QUARTER, wanted)], BUYERS[3])
        self.sent(self.own.send("order.paid", order))
        self.until(lambda: self._states(self.own_id, "A-1002").count("DELIVERED") == left)
        waits = self._states(self.own_id, "A-1002").count("BACKORDER")
        self.say("short", left=left, wanted=wanted, got=left, waits=waits)
        job = self.merchant.bring_in(QUARTER, "芒果TV季卡-补货.txt", supplier_file(6, "季卡"), 4100)
        done = self.merchant.wait(f"/v1/orders/{self.own_id}/A-1002", {"delivered"})
        self.say("filled", count=job["counts"]["accepted"], status=done["status"])

    def presale(self) -> None:
        self.heading("h_presale")
        opens = time.time() + PRESALE_SECONDS
        product = self._product(YEAR, "芒果TV会员年卡", "Mango TV, year")
        self.merchant.post("/v1/products", {**product, "release_at": moment(PRESALE_SECONDS)})
        self.names[YEAR] = product["name" if self.teller.chinese else "name_en"]
        self.merchant.bring_in(YEAR, "芒果TV年卡.txt", supplier_file(4, "年卡"), 15000)
        for n, buyer in (("A-1003", BUYERS[4]), ("A-1004", BUYERS[5])):
            self.sent(self.own.send("order.paid", self.own.order(n, [(YEAR, 1)], buyer)))
        first = self.merchant.wait(f"/v1/orders/{self.own_id}/A-1003", {"presale"}, 20)
        self.cloud.run_schedule("release")
        self.say("presale", seconds=PRESALE_SECONDS, status=first["status"])
        self.say("wait")
        done = [
            self.merchant.wait(f"/v1/orders/{self.own_id}/{n}", {"delivered"}, 90)
            for n in ("A-1003", "A-1004")
        ]
        taken = [
            datetime.fromisoformat(entry["at"]).timestamp()
            for order in done
            for entry in order["timeline"]
            if entry["what"].upper().endswith("ALLOCATED")
        ]
        if min(taken) < opens - 1:
            raise Trouble("a presale card was given out too early")
        late = max(0, round((min(taken) - opens) * 1000))
        self.say("released", ms=late, status=done[0]["status"])

    def close_books(self) -> None:
        self.heading("h_books")
        self.cloud.wait_idle()
        stock = self.merchant.stock()
        self.say("stock", stock=" · ".join(f"{self.names[sku]} {count}" for sku, count in stock.items()))
        gift = Browser(self.cloud.url).reveal(link_in(self.mail(BUYERS[2])))["cards"][0]
        numbers = (self.gift, code_in(self.mail(BUYERS[2])), BUYERS[2], gift["last4"])
        whole = " ".join(part for part in (gift.get("number"), gift["code"]) if part)
        for query in (*numbers, whole):
            hits = self.merchant.get("/v1/search", q=query)["items"]
            if self.gift not in {hit["order"] for hit in hits}:
                raise Trouble("the search box did not find the order by one of its numbers")
        self.say("found", what=self.teller.text("what"), n=f"#{self.gift[-4:]}")
        self._reports()
        self._verify()

    def farewell(self) -> None:
        """Links and what to try next."""
        self.heading("h_next")
        link = self.teller.link
        link("n_page", link_in(self.mail(BUYERS[2])))
        link("n_mail", self.cloud.mailbox_url)
        link("n_status", self.cloud.status_url)
        link("n_lookup", f"{self.cloud.url}/q")
        link(
            "n_cli",
            f"export CARDCOURIER_URL={self.cloud.url} CARDCOURIER_KEY=…; .venv/bin/cardcourier --help",
        )
        link("n_file", "make demo FILE=cards.txt")
        link("n_shop", "docs/own-shop.md")
        link("n_serve", "make serve")

    # -- parts of chapters ------------------------------------------------------------------------

    def _product(self, sku: str, chinese: str, english: str) -> dict[str, Any]:
        return {
            "sku": sku,
            "name": chinese,
            "name_en": english,
            "issuer": "mgtv",
            "steps": ["打开芒果TV，进入「我的」", "选择「兑换会员」", "输入卡密并确认"],
            "steps_en": ["Open Mango TV and go to “Me”", "Choose “Redeem”", "Enter the code and confirm"],
            "redeem_url": "https://www.mgtv.com/vip/",
        }

    def _connect_shops(self) -> None:
        make = self.merchant.post
        shopify = make(
            "/v1/shops",
            {
                "id": "shopify",
                "channel": "shopify",
                "name": "Shopify",
                "domain": DOMAIN,
                "secret": SHOPIFY_SECRET,
            },
        )
        own = make("/v1/shops", {"id": "own", "channel": "standard", "name": "Own shop", "max_quantity": 500})
        self.shopify_id, self.own_id = shopify["id"], own["id"]
        url = self.cloud.url
        hook = local_address(shopify["webhook_url"], url)
        self.shopify = ShopifyShop(hook, SHOPIFY_SECRET, DOMAIN, self.client)
        self.own = OwnShop(local_address(own["webhook_url"], url), own["secret"], self.client)
        system = make("/v1/webhook-endpoints", {"url": self.system.url, "description": "CRM"})
        self.system.secret = system["secret"]
        item, variant = GIFT_ITEM
        parts = [{"sku": MONTH, "quantity": 1}, {"sku": QUARTER, "quantity": 1}]
        self.merchant.put(
            f"/v1/shops/{self.shopify_id}/listings", {"item": item, "variant": variant, "parts": parts}
        )

    def _import(self, sku: str, file_name: str, data: bytes, cost: int) -> None:
        job = self.merchant.bring_in(sku, file_name, data, cost)
        counts, understood = job["counts"], job["understood"] or {}
        self.say(
            "preview",
            file=file_name,
            encoding=understood.get("encoding", "GB18030"),
            separator=understood.get("separator", "----"),
            accepted=counts["accepted"],
            dup=counts["duplicates_in_file"],
            bad=counts["bad"],
        )
        self.say("sample", sample="  ".join(sample["code"] for sample in job["samples"][:3]))
        self.say("committed", count=counts["accepted"], name=self.names[sku])

    def _reports(self) -> None:
        today = datetime.now(ZoneInfo(ZONE)).date()
        days = today.isoformat(), (today + timedelta(days=1)).isoformat()
        daily = self.merchant.report("R1", *days, "xlsx")
        detail = self.merchant.report("R4", *days, "csv")
        if "failed" in (daily["state"], detail["state"]):
            raise Trouble(f"a report failed: {daily.get('error') or detail.get('error')}")
        totals = daily["totals"][0]
        money = {name: f"{int(totals[name]) / 100:.2f}" for name in ("net_sales", "card_cost", "net_profit")}
        self.say("net", net=money["net_sales"], cost=money["card_cost"], profit=money["net_profit"])
        self.say("orders_report", name=detail["files"][0]["file_name"], rows=detail["rows"])
        self.say("report", name=daily["files"][0]["file_name"])
        self.teller.console.print(f"    {daily['download_url']}", markup=False, soft_wrap=True)

    def _verify(self) -> None:
        """The operator's command, with table access, in a process of its own."""
        argv = [str(Path(sys.executable).parent / "cardcourier"), "--output", "json", "ops", "verify"]
        done = subprocess.run(
            argv, env={**os.environ, **self.cloud.environment}, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            self.say("verify_bad")
            raise Trouble((done.stdout + done.stderr)[-1500:])
        self.say("verified")

    def sent(self, status: int) -> int:
        if status != 200:
            raise Trouble(f"a signed notification was answered {status}")
        return status

    def buyer(self) -> str:
        """The address of a buyer who was not here before."""
        self.buyers += 1
        return f"buyer{self.buyers}@example.com"

    def _next(self) -> str:
        self.number += 1
        return str(self.number)

    def order(self, shop: str, order: str) -> dict[str, Any]:
        return self.merchant.get(f"/v1/orders/{shop}/{order}")

    def _states(self, shop: str, order: str) -> list[str]:
        return [unit["state"] for unit in self.order(shop, order)["units"]]

    def _wait_delivered(self, shop: str, order: str, label: str, cards: int) -> None:
        found = self.merchant.wait(f"/v1/orders/{shop}/{order}", {"delivered"})
        if len(found["units"]) != cards:
            raise Trouble(f"order {label} has {len(found['units'])} units, not {cards}")
        times = [datetime.fromisoformat(entry["at"]) for entry in found["timeline"]]
        took = (max(times) - min(times)) / timedelta(milliseconds=1)
        self.say("delivered", n=label, status=found["status"], count=cards, ms=round(took))

    def mail(self, buyer: str) -> dict[str, Any]:
        return next(mail for mail in self.cloud.mails() if buyer in mail["to"])

    def until(self, true: Any, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise Trouble("something that should have happened by now has not")
            time.sleep(0.1)
