"""Imports on the local table engine: exactly once, whatever breaks and however often it is asked."""

import json
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger, Metrics

from cardcourier import batches, wiring
from cardcourier.adapters.sealing import Tampered
from cardcourier.adapters.vault import Vault
from cardcourier.domain.cards import Card
from cardcourier.domain.imports import Chunk, NewCard, Origin
from cardcourier.domain.protocol import Actor, Pool
from cardcourier.domain.states import Room
from cardcourier.domain.stock import Marker
from cardcourier.errors import Unavailable
from local.engines import ROOT, client
from tests.integration.import_world import BUCKET, NOON, SKU, Flaky, Killed, World

DAY = 86_400_000


@pytest.fixture
def world(each_engine_endpoint):
    return World(client("dynamodb", each_engine_endpoint))


def codes(first, last, numbered=True):
    """Cards of the usual form, `number----code`."""
    return [(f"6688{n:08d}" if numbered else "", f"SECRETCODE{n:06d}XY") for n in range(first, last)]


def text(cards, separator="----"):
    return "\n".join(separator.join(filter(None, card)) for card in cards) + "\n"


def test_a_file_of_a_chinese_supplier_becomes_stock(world):
    cards = [("6688000000010", "AB12CD34EF56GH78"), ("6688000000020", "ZZ12CD34EF56GH99")]
    head = "芒果TV会员月卡\r\n"
    data = (head + "\r\n".join(f"{number}----{code}" for number, code in cards)).encode("gb18030")
    layout = {"separator": "----", "columns": ["number", "code"], "header": True}
    job_id = world.upload(data, layout=layout, expires_at=NOON + 400 * DAY)

    seen = world.preview(job_id)

    assert (seen.state, seen.data["rows"], seen.data["accepted"], seen.data["blocking"]) == (
        "previewed",
        2,
        2,
        [],
    )
    assert seen.data["understood"]["encoding"] == "gb18030"
    assert [row["code"] for row in seen.data["sample"]] == ["****GH78", "****GH99"]
    assert seen.data["total_cost"] == 2_400
    assert not world.sealed() and not world.markers() and not world.items(world.main, "B")

    done = world.commit(job_id)

    assert (done.state, done.data["accepted"], done.data["batch"]) == ("committed", 2, f"b-{job_id}")
    assert world.cards() == cards
    assert len(world.sellable()) == 2
    marker = world.markers()[0]
    assert (
        marker["batch"]["S"] == f"b-{job_id}"
        and marker["cost"]["N"] == "1200"
        and marker["ccy"]["S"] == "CNY"
    )
    assert marker["sk"]["S"].startswith("2710#") and marker["exp"]["N"] == str(NOON + 400 * DAY)
    batch = world.batch(job_id)
    assert (batch.imported, batch.duplicates, batch.rejected, batch.by) == (2, 0, 0, "lin")
    assert (world.tenant, Room.BACK.value, SKU) in world.bell.rung
    assert world.kms.calls["generate_data_key"] == 2  # the pepper of the tenant, and the key of the batch


@pytest.mark.fault("imports: inside")
def test_bad_rows_are_refused_one_by_one_with_a_reason(world):
    world.sell(pattern="[A-Z]{4}[0-9]{8}")
    good = [f"ABCD{n:08d}" for n in range(20)]
    rows = [
        *(f"{code},2099-12-31" for code in good),
        f"{good[3]},2099-12-31",
        "ABCD12345678,2019-01-01",
        "nope,",
    ]
    data = "卡密,有效期\n" + "\n".join(rows) + "\n"

    job = world.bring_in(data, file_name="cards.csv")

    counts = {name: job.data[name] for name in ("rows", "accepted", "duplicates_in_file", "expired", "bad")}
    assert counts == {"rows": 23, "accepted": 20, "duplicates_in_file": 1, "expired": 1, "bad": 1}
    assert world.codes() == good
    assert [line.split(",")[:3] for line in world.rejects(job)] == [
        ["22", "****0003", "E_DUP_FILE"],
        ["23", "****5678", "E_EXPIRED"],
        ["24", "****e", "E_FORMAT"],
    ]
    batch = world.batch(job.id)
    assert (batch.imported, batch.duplicates, batch.rejected) == (20, 1, 2)


@pytest.mark.fault("imports: same file")
def test_the_same_file_again_is_refused_and_changes_nothing(world):
    data = text(codes(0, 30))
    world.bring_in(data)
    before = world.sellable()

    again = world.upload(data, file_name="renamed.txt")
    seen = world.preview(again)
    done = world.commit(again)

    assert "file_already_imported" in seen.data["blocking"]
    assert seen.data["duplicates_in_stock"] == 30
    assert (done.state, done.data["error"]["code"]) == ("failed", "blocked")
    assert world.sellable() == before and len(world.sealed()) == 30


def test_a_file_previewed_twice_is_committed_once(world):
    data = text(codes(0, 30))
    first, second = world.upload(data), world.upload(data)
    world.preview(first)
    world.preview(second)

    assert world.commit(first).state == "committed"
    done = world.commit(second)

    assert (done.state, done.data["error"]["code"]) == ("failed", "file_already_imported")
    assert len(world.sealed()) == len(world.sellable()) == 30


def test_a_file_can_be_imported_when_the_job_that_had_it_never_began(world):
    data = text(codes(0, 3))
    first = world.upload(data)
    world.preview(first)
    ours = world.process().documents
    sha256 = world.job(first).data["sha256"]
    assert ours.claim_file(world.tenant, sha256, first, "", NOON, "commit that was killed here")

    second = world.bring_in(data)

    assert second.state == "committed" and len(world.sellable()) == 3


@pytest.mark.fault("imports: overlap")
def test_what_two_files_share_is_imported_once_and_reported(world):
    world.bring_in(text(codes(0, 100)))

    second = world.bring_in(text(codes(50, 150)))

    assert (second.data["accepted"], second.data["duplicates_in_stock"]) == (50, 50)
    assert world.cards() == codes(0, 150) and len(world.sellable()) == 150
    lines = world.rejects(second)
    assert len(lines) == 50 and all("E_DUP_STOCK" in line and "SECRET" not in line for line in lines)
    assert lines[0].startswith("1,****50XY")


@pytest.mark.fault("imports: sold")
def test_a_card_that_was_sold_does_not_come_back(world):
    world.bring_in(text(codes(0, 3)))
    sold = world.markers()[0]
    world.client.delete_item(TableName=world.main.name, Key={"pk": sold["pk"], "sk": sold["sk"]})

    again = world.bring_in(text(codes(0, 4)))

    assert (again.data["accepted"], again.data["duplicates_in_stock"]) == (1, 3)
    assert sold["sk"]["S"].split("#")[1] not in world.sellable() and len(world.sellable()) == 3


def test_the_work_goes_on_where_time_ran_out(world):
    job_id = world.upload(text(codes(0, 25)))
    world.preview(job_id)
    process = world.process(chunk=10, lot=4)

    steps = [world.commit(job_id, process, until=0) for _ in range(4)]

    assert [(job.state, job.data["done_rows"]) for job in steps] == [
        ("committing", 10),
        ("committing", 20),
        ("committing", 25),
        ("committed", 25),
    ]
    assert world.cards() == codes(0, 25) and len(world.sellable()) == 25
    assert (steps[-1].data["accepted"], world.batch(job_id).imported) == (25, 25)
    assert len(world.items(world.main, "B")) == 3
    assert (
        world.kms.calls["generate_data_key"] == 2
    )  # the pepper, and one for the batch however often it is taken up


NASTY = [
    *codes(0, 5),
    ("66880009", ""),
    codes(2, 3)[0],
    *codes(5, 9),
    *codes(100, 102),
]
"""13 rows: 11 cards, of which 2 are in stock before, one twice, and one short of a field."""


def nasty(world):
    """A job previewed and ready, with some of its cards in stock already and one of those sold."""
    world.bring_in(text(codes(100, 102)))
    sold = world.markers()[0]
    world.client.delete_item(TableName=world.main.name, Key={"pk": sold["pk"], "sk": sold["sk"]})
    job_id = world.upload(
        "\n".join("----".join(card) for card in NASTY),
        layout={"separator": "----", "columns": ["number", "code"]},
    )
    world.preview(job_id)
    return job_id


def check_nasty(world, job):
    assert (job.state, job.data["rows"], job.data["accepted"]) == ("committed", 13, 9)
    assert (job.data["duplicates_in_file"], job.data["duplicates_in_stock"], job.data["bad"]) == (1, 2, 1)
    assert world.cards() == [*codes(0, 9), *codes(100, 102)]
    assert len(world.sellable()) == 9 + 1
    batch = world.batch(job.id)
    assert (batch.imported, batch.duplicates, batch.rejected) == (9, 3, 1)
    listed = [
        card
        for chunk in world.process().stocker.stock.chunks(world.tenant, batch.id).values()
        for card in chunk.cards
    ]
    ours = [item["pk"]["S"].rsplit("#", 1)[1] for item in world.sealed() if item["batch"]["S"] == batch.id]
    assert sorted(listed) == sorted(ours)


@pytest.mark.fault("kills: import", "imports: crash")
@pytest.mark.parametrize("how", ["before", "twice"])
def test_a_crash_or_a_lost_answer_at_any_call_leads_to_the_same_stock(engine_endpoint, how):
    at = 0
    while True:
        at += 1
        world = World(client("dynamodb", engine_endpoint))
        job_id = nasty(world)
        flaky = Flaky(world.client, at, how)
        try:
            world.commit(job_id, world.process(flaky, lot=2, chunk=4), "first")
        except (Killed, Unavailable):
            assert how != "twice"
        job = world.commit(job_id, world.process(lot=2, chunk=4), "second")

        check_nasty(world, job)
        if flaky.calls < at:
            break
    assert at > 25


@pytest.mark.fault("kills: import", "imports: crash")
def test_crashes_at_every_second_call_still_end(world):
    """A worker that dies again and again gets a little further each time."""
    job_id, job, tries = nasty(world), None, 0
    while job is None:
        tries += 1
        try:
            job = world.commit(
                job_id, world.process(Flaky(world.client, 20, "after"), lot=2, chunk=4), f"r{tries}"
            )
        except Killed:
            assert tries < 40

    check_nasty(world, job)


def test_many_workers_on_one_job_do_it_once(world):
    job_id = nasty(world)
    world.sell(shards=8)
    processes = [world.process(lot=2, chunk=4) for _ in range(6)]
    for number, process in enumerate(processes):
        process.stocker.random.seed(number)

    with ThreadPoolExecutor(6) as pool:
        jobs = list(pool.map(lambda n: world.commit(job_id, processes[n], f"worker{n}"), range(6)))

    assert {job.state for job in jobs} == {"committed"}
    check_nasty(world, world.job(job_id))


def new_card(row, shard=0):
    marker = Marker(card=f"c1{'a' * 25}{'bcdefgh'[row]}", bucket="9999", shard=shard, batch="b")
    return NewCard(row, Card(code=f"SECRETCODE{row}"), marker)


def test_a_card_goes_in_with_its_marker_or_not_at_all(world):
    stock = world.process().stocker.stock
    pool = Pool(world.tenant, SKU, 1, 8)
    sold, free, orphan, fresh = (new_card(row) for row in range(4))
    assert stock.put(pool, "b-first", [sold, free], b"k" * 32, NOON) == {}
    for card in (sold, orphan):
        key = {"pk": {"S": f"P#{world.tenant}#{SKU}#1#0"}, "sk": {"S": f"9999#{card.marker.card}"}}
        world.client.delete_item(TableName=world.main.name, Key=key)
    world.client.put_item(TableName=world.main.name, Item={**key, "batch": {"S": "lost"}})
    before = world.sealed(), world.markers()

    there = stock.put(pool, "b", [fresh, new_card(0, shard=5), new_card(1, shard=5), orphan], b"k" * 32, NOON)

    assert there == {
        sold.marker.card: Origin("b-first", 0),
        free.marker.card: Origin("b-first", 1),
        orphan.marker.card: Origin("", 0),
    }
    assert (world.sealed(), world.markers()) == before
    assert stock.put(pool, "b", [fresh], b"k" * 32, NOON) == {}
    assert stock.present(world.tenant, [fresh.marker.card]) == {fresh.marker.card: Origin("b", 3)}


def test_what_came_of_a_chunk_is_said_once(world):
    stock = world.process().stocker.stock
    ids = tuple(new_card(row).marker.card for row in range(3))
    first, second = Chunk(ids, (7, 1 << 20), {"E_DATE": 2}), Chunk((), (), {})

    pool, actor = Pool(world.tenant, SKU, 1, 1), Actor("lin", NOON, "rid")
    stock.put_chunk(pool, "b", 0, first, actor)
    stock.put_chunk(pool, "b", 0, second, actor)
    stock.put_chunk(pool, "b", 1, second, actor)

    assert stock.chunks(world.tenant, "b") == {0: first, 1: second}


@pytest.mark.fault("imports: overlap", "conflicts: mutual")
def test_files_that_overlap_imported_at_once_bring_each_card_once(world):
    jobs = [world.upload(text(codes(20 * n, 20 * n + 60)), file_name=f"{n}.txt") for n in range(4)]
    for job_id in jobs:
        world.preview(job_id)

    with ThreadPoolExecutor(4) as pool:
        done = list(
            pool.map(lambda job_id: world.commit(job_id, world.process(lot=7, chunk=20), job_id), jobs)
        )

    assert [job.state for job in done] == ["committed"] * 4
    assert sum(job.data["accepted"] for job in done) == 120
    assert sum(job.data["duplicates_in_stock"] for job in done) == 240 - 120
    assert world.cards() == codes(0, 120) and len(world.sellable()) == 120


def test_without_the_key_service_nothing_is_written_and_it_goes_on_later(world):
    job_id = world.upload(text(codes(0, 5)))
    world.preview(job_id)
    world.kms.away = True

    with pytest.raises(Unavailable):
        world.commit(job_id)
    assert not world.sealed() and world.job(job_id).state == "committing"

    world.kms.away = False
    assert world.commit(job_id).state == "committed"
    world.kms.away = True
    card_id = world.sellable()[0]
    with pytest.raises(Unavailable):
        Vault(world.vault, world.ring()).open_all(world.tenant, [card_id])


def test_what_was_altered_or_exchanged_in_the_vault_is_not_shown(world):
    world.bring_in(text(codes(0, 3)))
    first, second, third = world.sealed()
    altered = bytearray(third["sealed"]["B"])
    altered[-1] ^= 1
    for item, sealed in (
        (first, second["sealed"]["B"]),
        (second, first["sealed"]["B"]),
        (third, bytes(altered)),
    ):
        world.client.put_item(TableName=world.vault.name, Item={**item, "sealed": {"B": sealed}})

    vault = Vault(world.vault, world.ring())
    for item in (first, second, third):
        with pytest.raises(Tampered):
            vault.open_all(world.tenant, [item["pk"]["S"].rsplit("#", 1)[1]])


@pytest.fixture
def door(world, monkeypatch):
    """The function itself on the world's parts; what it sends to its own queue is kept in `sent`."""
    sent, logged = [], StringIO()
    monkeypatch.setattr(wiring, "importer", lambda: world.process(lot=2, chunk=4))
    monkeypatch.setattr(wiring, "undoer", world.undoer)
    monkeypatch.setattr(wiring, "settings", lambda: SimpleNamespace(import_queue="imports"))
    monkeypatch.setattr(wiring, "queue", lambda url: SimpleNamespace(send=sent.append))
    logger = Logger(service=str(uuid4()), stream=logged)
    monkeypatch.setattr(wiring, "logger", logger)
    monkeypatch.setattr(batches, "logger", logger)
    monkeypatch.setattr(wiring, "metrics", Metrics(namespace="CardCourier", service="test"))
    spec = spec_from_file_location("inventory_app", ROOT / "functions/inventory/app.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)

    def receive(body, milliseconds=300_000):
        event = json.loads((ROOT / "events/inventory.json").read_text())
        event["Records"][0]["body"] = json.dumps(body)
        context = SimpleNamespace(
            function_name="inventory",
            memory_limit_in_mb=1769,
            invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:inventory",
            aws_request_id=str(uuid4()),
            get_remaining_time_in_millis=lambda: milliseconds,
        )
        return module.handler(event, context)

    return SimpleNamespace(receive=receive, sent=sent, logged=logged)


def test_messages_drive_an_import_to_its_end(world, door, capsys):
    job_id = world.upload(text(codes(0, 10)))
    names = {"tenant": world.tenant, "job": job_id}

    assert door.receive({"kind": "preview", **names}) == {"batchItemFailures": []}
    message = {"kind": "commit", **names}
    steps = 0
    while message:
        steps += 1
        assert door.receive(message, milliseconds=-NOON) == {"batchItemFailures": []}
        message = door.sent.pop() if door.sent else None

    assert steps == 4 and message is None
    assert world.job(job_id).state == "committed" and world.cards() == codes(0, 10)
    world.order_undo(job_id)
    assert door.receive({"kind": "undo", **names}, milliseconds=-NOON) == {"batchItemFailures": []}
    assert door.sent.pop() == {"kind": "undo", **names}
    logged = capsys.readouterr().out + door.logged.getvalue()
    assert '"CardsImported":[10.0]' in logged and '"state":"committed"' in logged
    assert not any(number in logged or code in logged for number, code in codes(0, 10))


def test_a_message_about_nothing_is_dropped_and_one_that_may_succeed_comes_back(world, door):
    unknown = {"kind": "preview", "tenant": world.tenant, "job": "job99"}
    assert door.receive(unknown) == {"batchItemFailures": []}

    job_id = world.upload(text(codes(0, 5)))
    world.kms.away = True
    [given_back] = door.receive({"kind": "preview", "tenant": world.tenant, "job": job_id})[
        "batchItemFailures"
    ]
    assert given_back["itemIdentifier"]
    assert "message failed" in door.logged.getvalue()
    assert world.job(job_id).state == "previewing"

    world.kms.away = False
    door.receive({"kind": "preview", "tenant": world.tenant, "job": job_id})
    assert world.job(job_id).state == "previewed"


def test_no_code_and_no_number_is_kept_in_the_clear(world):
    job_id = nasty(world)
    world.commit(job_id)

    kept = [world.items(world.vault, "V"), *(world.items(world.main, kind) for kind in "PCBX")]
    handed_back = [body for (_, key), body in world.bucket.kept.items() if key.endswith(".rejected.csv")]
    everything = repr(kept).encode() + b"".join(handed_back)

    assert len(handed_back) == 1
    for number, code in NASTY:
        assert not code or code.encode() not in everything
        assert number.encode() not in everything


def test_a_file_that_cannot_be_imported_fails_with_the_reason(world):
    gone = world.upload("x")
    del world.bucket.kept[BUCKET, world.job(gone).data["object_key"]]
    reasons = {
        gone: "file_missing",
        world.upload(b"\xff\xff\xff"): "unreadable_text",
        world.upload("x", sku="NONE"): "not_found",
        world.upload("x", layout={"columns": ["colour"]}): "bad_layout",
        world.upload("x", expires_at=NOON + 1): "expired",
    }

    for job_id, code in reasons.items():
        job = world.preview(job_id)
        assert (job.state, job.data["error"]["code"]) == ("failed", code)
        assert world.commit(job_id).state == "failed"


def test_a_file_exchanged_after_its_preview_is_refused(world):
    job_id = world.upload(text(codes(0, 3)))
    world.preview(job_id)
    world.bucket.kept[BUCKET, world.job(job_id).data["object_key"]] = text(codes(3, 6)).encode()

    job = world.commit(job_id)

    assert (job.state, job.data["error"]["code"]) == ("failed", "file_changed")
    assert not world.sealed()


def test_an_import_that_fails_half_way_still_says_what_it_brought(world):
    job_id = world.upload(text(codes(0, 9)))
    world.preview(job_id)
    process = world.process(chunk=4)
    assert world.commit(job_id, process, until=0).state == "committing"
    del world.bucket.kept[BUCKET, world.job(job_id).data["object_key"]]

    job = world.commit(job_id, process)

    assert (job.state, job.data["error"]["code"], job.data["accepted"]) == ("failed", "file_missing", 4)
    assert world.batch(job_id).imported == len(world.sellable()) == 4


def test_an_import_judges_by_the_terms_of_its_beginning(world):
    job_id = world.upload(text(codes(0, 9)))
    world.preview(job_id)
    world.commit(job_id, world.process(chunk=4), until=0)
    world.sell(pattern="[0-9]+", shards=3)

    job = world.commit(job_id, world.process(chunk=3))

    assert (job.state, job.data["accepted"], job.data["bad"]) == ("committed", 9, 0)
    assert len(world.items(world.main, "B")) == 3
