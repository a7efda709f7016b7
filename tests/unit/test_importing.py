"""What an import decides, on fakes: waiting, giving up, being overtaken, telling of new stock."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.adapters.tables.stock_entry import _packed, _unpacked
from cardcourier.domain.card_files import BadRow, CardRow
from cardcourier.domain.catalogue import Job, Product, Tenant
from cardcourier.domain.imports import CardFile, Chunk, Origin, Source, Terms, counts_of, tail, total_of
from cardcourier.domain.rejects import Rejects
from cardcourier.errors import Conflict, NotFound, Refused, Unavailable
from cardcourier.services.importing import RESTOCK_EVERY, Importer
from cardcourier.services.pacing import Pace
from cardcourier.services.patience import TRIES
from cardcourier.services.stocking import Entry, Stocker

NOON = 1_790_000_000_000
HOUR = 3_600_000
PRODUCT = Product(tenant="acme", sku="SKU", name="Card")
TENANT = Tenant(id="acme", name="Acme", language="en")
CODES = [f"CODE{n:08d}" for n in range(10)]
DATA = {"sku": "SKU", "file_name": "a.txt", "object_key": "acme/j/a.txt", "cost": 5, "currency": "CNY"}


class Shelf:
    """A stock in memory that is busy when it is told to be."""

    def __init__(self, known=()):
        self.cards, self.done, self.busy = {card: Origin("other", n) for n, card in enumerate(known)}, {}, 0

    def present(self, tenant, cards):
        return {card: self.cards[card] for card in cards if card in self.cards}

    def put(self, pool, batch, cards, key, now):
        if self.busy:
            self.busy -= 1
            raise Unavailable("table_busy", "")
        there = self.present("", [new.marker.card for new in cards])
        if not there:
            self.cards |= {new.marker.card: Origin(batch, new.row) for new in cards}
        return there

    def put_chunk(self, pool, batch, number, chunk, actor):
        self.done.setdefault(number, chunk)

    def chunks(self, tenant, batch):
        return dict(self.done)


class Shy(Shelf):
    """One that shows nothing until it is too late, so that every clash is met in the transaction."""

    def present(self, tenant, cards):
        return {} if tenant else super().present(tenant, cards)


class Desk:
    """Documents in memory. `overtaken` is called before a change, as by somebody who is quicker."""

    def __init__(self, job):
        self.kept, self.batch, self.holder, self.overtaken = job, None, "", lambda desk: None

    def job(self, tenant, job):
        return self.kept

    def change_job(self, job, now, by):
        self.overtaken(self)
        if job.ver != self.kept.ver:
            raise Conflict("changed_meanwhile", "")
        self.kept = replace(job, ver=job.ver + 1)
        return self.kept

    def tenant(self, tenant):
        return TENANT

    def product(self, tenant, sku):
        return PRODUCT

    def supplier(self, tenant, supplier):
        return None

    def add_batch(self, batch, now, by):
        self.batch = self.batch or batch

    def count_batch(self, batch, now, by):
        self.batch = batch

    def file_job(self, tenant, sha256):
        return self.holder

    def claim_file(self, tenant, sha256, job, instead_of, now, by):
        self.holder = job
        return True


class Plain:
    """Keys and fingerprints that hide nothing."""

    def key(self, tenant, purpose, key_id):
        raise NotFound("no_data_key", "")

    def create(self, tenant, purpose, key_id):
        return b"k" * 32

    def card_ids(self, tenant, issuer, identity):
        return (f"c1{identity}",)


class Files:
    def __init__(self, body):
        self.body, self.put = body, {}

    @contextmanager
    def open(self, key):
        yield None if self.body is None else Source.of(self.body)

    def put_bytes(self, bucket, key, body, *, content_type):
        self.put[key] = body
        return True


class Bell:
    def __init__(self):
        self.rung = []

    def room(self, tenant, room, ref, delay):
        self.rung.append(room.value)


class Clock:
    def __init__(self, step=0):
        self.now, self.step = NOON, step

    def __call__(self):
        self.now += self.step
        return self.now


def office(shelf=None, step=0, chunk=2, body=None):
    """An importer with one created job, and everything it runs on."""
    desk = Desk(
        Job(tenant="acme", id="j", kind="import", state="created", created_at=NOON, by="lin", data=DATA)
    )
    clock, naps = Clock(step), []
    stocker = Stocker(shelf or Shelf(), Plain(), clock, random=Random(1), sleep=naps.append, lot=2)
    files = Files("\n".join(CODES).encode() if body is None else body)
    importer = Importer(
        documents=desk,
        stocker=stocker,
        keys=Plain(),
        uploads=files,
        files=files,
        bucket="imports",
        restock=Bell(),
        paces=lambda pool: Pace(pool, SimpleNamespace(last_sale=lambda *_: 0), clock, naps.append),
        clock=clock,
        random=Random(1),
        chunk=chunk,
    )
    return importer, desk, naps


def bring_in(importer, until=NOON * 2):
    importer.preview("acme", "j", "rid")
    return importer.commit("acme", "j", "rid", until)


def test_a_busy_table_is_asked_again_after_a_pause():
    shelf = Shelf()
    shelf.busy = TRIES - 1
    importer, desk, naps = office(shelf, chunk=100)

    job = bring_in(importer)

    assert (job.state, job.data["accepted"], desk.batch.imported) == ("committed", 10, 10)
    assert 0 < len(naps) <= 3 * (TRIES - 1) and all(0 <= nap <= 5 for nap in naps)


def test_a_table_that_stays_busy_ends_the_try_and_not_the_job():
    shelf = Shelf()
    importer, desk, _ = office(shelf)
    importer.preview("acme", "j", "rid")
    shelf.busy = 1_000

    with pytest.raises(Unavailable):
        importer.commit("acme", "j", "rid", NOON * 2)

    assert desk.kept.state == "committing" and not shelf.done
    shelf.busy = 0
    assert importer.commit("acme", "j", "rid", NOON * 2).state == "committed"


def test_nobody_waits_for_a_busy_table_longer_than_there_is_time():
    shelf = Shelf()
    importer, _, naps = office(shelf)
    importer.preview("acme", "j", "rid")
    shelf.busy = 1_000

    with pytest.raises(Unavailable):
        importer.commit("acme", "j", "rid", NOON - 1)

    assert not naps


def test_a_clash_that_shows_in_the_transaction_alone_is_a_duplicate_too():
    shelf = Shy([f"c1{CODES[3]}"])
    importer, desk, _ = office(shelf)

    job = bring_in(importer)

    assert (job.data["accepted"], job.data["duplicates_in_stock"]) == (9, 1)
    assert shelf.cards[f"c1{CODES[3]}"].batch == "other" and desk.batch.duplicates == 1


def test_a_card_that_this_very_row_brought_before_counts_as_brought():
    shelf = Shy()
    shelf.cards = {f"c1{CODES[3]}": Origin("b-j", 4), f"c1{CODES[5]}": Origin("b-j", 5)}
    importer, _, _ = office(shelf)

    job = bring_in(importer)

    assert (job.data["accepted"], job.data["duplicates_in_stock"]) == (9, 1)


def test_new_stock_is_told_at_once_but_not_after_every_chunk():
    importer, _, _ = office()
    bring_in(importer)
    assert importer.restock.rung == ["BACK", "BACK"]  # after the first chunk of five, and at the end

    slow, _, _ = office(step=RESTOCK_EVERY)
    bring_in(slow)
    assert len(slow.restock.rung) == 6


def test_a_presale_whose_time_has_come_is_told_as_well():
    importer, desk, _ = office(chunk=100)
    desk.product = lambda tenant, sku: replace(PRODUCT, release_at=NOON)
    bring_in(importer)
    assert set(importer.restock.rung) == {"BACK", "PRE"}

    early, desk, _ = office(chunk=100)
    desk.product = lambda tenant, sku: replace(PRODUCT, release_at=NOON + HOUR)
    bring_in(early)
    assert set(early.restock.rung) == {"BACK"}


def test_who_is_overtaken_takes_the_job_as_it_is():
    importer, desk, _ = office()
    importer.preview("acme", "j", "rid")

    def somebody_finishes(desk):
        if desk.kept.data.get("done_rows") == 4:
            desk.kept = replace(desk.kept, state="committed", ver=desk.kept.ver + 1)

    desk.overtaken = somebody_finishes
    job = importer.commit("acme", "j", "rid", NOON * 2)

    assert job.state == "committed" and job.data["done_rows"] == 4


def test_progress_of_another_worker_is_not_fought_over():
    importer, desk, _ = office()
    importer.preview("acme", "j", "rid")
    turns = Counter()

    def somebody_is_quicker(desk):
        turns["all"] += 1
        if desk.kept.state == "committing" and turns["all"] % 2:
            desk.kept = replace(desk.kept, ver=desk.kept.ver + 1)

    desk.overtaken = somebody_is_quicker
    assert importer.commit("acme", "j", "rid", NOON * 2).state == "committed"


def test_a_failure_does_not_undo_what_another_worker_finished():
    importer, desk, _ = office()
    importer.preview("acme", "j", "rid")

    @contextmanager
    def gone(key):
        desk.kept = replace(desk.kept, state="committed")
        yield None

    importer.uploads.open = gone
    assert importer.commit("acme", "j", "rid", NOON * 2).state == "committed"


def test_a_finished_job_is_left_alone():
    importer, desk, _ = office()
    bring_in(importer)
    before = desk.kept

    assert importer.preview("acme", "j", "again") == before
    assert importer.commit("acme", "j", "again", NOON * 2) == before


def test_a_file_with_too_many_bad_rows_is_not_committed():
    body = "\n".join([*CODES, *(f"bad\x01row{n}" for n in range(5))]).encode()
    importer, desk, _ = office(body=body)

    assert importer.preview("acme", "j", "rid").data["blocking"] == ["too_many_bad"]
    job = importer.commit("acme", "j", "rid", NOON * 2)

    assert (job.state, job.data["error"]["code"]) == ("failed", "blocked") and desk.batch is None


def test_preview_and_commit_count_alike():
    known = [f"c1{CODES[n]}" for n in (1, 4)]
    body = "\n".join([*CODES, CODES[0], "bad\x01row"]).encode()
    importer, _, _ = office(Shelf(known), body=body)

    seen = importer.preview("acme", "j", "rid").data
    done = importer.commit("acme", "j", "rid", NOON * 2).data

    names = ("rows", "accepted", "duplicates_in_file", "duplicates_in_stock", "expired", "bad", "codes")
    assert {name: seen[name] for name in names} == {name: done[name] for name in names}
    assert (done["rows"], done["accepted"]) == (12, 8)
    assert importer.files.put["acme/j/a.txt.rejected.csv"].count(b"\n") == 1 + 4


def terms(**more):
    return Terms.for_job({**DATA, **more}, PRODUCT, TENANT, NOON, 1_000)


def test_a_card_that_ends_within_the_hour_is_refused():
    soon, later = "2026-09-21 23:00", "2026-09-22 00:30"  # NOON is 2026-09-21 22:13 in Shanghai
    file = CardFile.of(
        Source.of(f"AAAA1111BBBB,{soon}\nCCCC1111BBBB,{later}\n".encode()), {"file_name": "a.csv"}
    )

    (rows,) = file.chunks(terms(), b"s" * 16)

    assert [getattr(row, "code", "") for row in rows] == ["E_EXPIRED", "CCCC1111BBBB"]
    with pytest.raises(Refused):
        terms(expires_at=NOON + HOUR)


def test_what_a_row_does_not_say_is_said_by_the_file():
    chosen = terms(expires_at=NOON + 2 * HOUR)
    silent = CardRow(1, None, "A" * 12)
    telling = CardRow(2, None, "B" * 12, NOON + 9 * HOUR, 7)

    assert chosen.complete(silent) == replace(silent, expires_at=NOON + 2 * HOUR, cost=5)
    assert chosen.complete(telling) == telling
    assert chosen.issuer == "SKU"


@given(st.lists(st.sampled_from(["ok", "E_DUP_FILE", "E_DUP_STOCK", "E_EXPIRED", "E_DATE", "E_EMPTY"])))
def test_the_parts_of_a_count_add_up(outcomes):
    codes = Counter(outcome for outcome in outcomes if outcome != "ok")
    counts = counts_of(outcomes.count("ok"), codes)

    assert counts.rows == len(outcomes)
    parts = (counts.duplicates_in_file, counts.duplicates_in_stock, counts.expired, counts.bad)
    assert counts.accepted + sum(parts) == counts.rows


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))))
def test_the_total_is_the_sum_of_the_chunks(parts):
    chunks = [Chunk(("c",) * cards, tuple(range(known)), {"E_DATE": bad}) for cards, known, bad in parts]
    counts = total_of(chunks)

    assert counts.accepted == sum(cards for cards, _, _ in parts)
    assert counts.duplicates_in_stock == sum(known for _, known, _ in parts)
    assert counts.bad == sum(bad for _, _, bad in parts)


@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26))
def test_an_id_survives_its_packing(letters):
    packed = _packed(f"c1{letters}")
    assert len(packed) == 17 and _unpacked(packed) == f"c1{letters}"


@given(st.text(max_size=40))
def test_the_tail_never_gives_away_more_than_a_third(code):
    assert code.endswith(tail(code)) and len(tail(code)) <= min(4, len(code) // 3)


@pytest.mark.parametrize(
    ("language", "head"), [("zh-CN", "行号,内容,代码,提示"), ("en", "row,value,code,hint")]
)
def test_refused_rows_are_told_in_the_language_of_the_merchant(language, head):
    rejects = Rejects(language)
    rejects.add(BadRow(7, "E_EMPTY", "no code", '****"x'))
    lines = rejects.as_bytes().decode("utf-8-sig").splitlines()

    assert lines[0] == head
    assert lines[1] == f'7,"****""x",E_EMPTY,{"卡密为空" if language == "zh-CN" else "no code"}'


def test_secrets_of_an_import_do_not_show_when_it_is_printed():
    file = CardFile.of(Source.of(b"SECRETSECRET\n"), {"file_name": "a.txt"})
    with ThreadPoolExecutor(1) as workers:
        entry = Entry(product=PRODUCT, batch="b", terms=terms(), workers=workers, key=b"KEYKEYKEY")

    assert "SECRETSECRET" not in repr(file) and "KEYKEYKEY" not in repr(entry)
