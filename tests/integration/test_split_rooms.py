"""The mark on a crowded room: one round at a time, and none for ever."""

import pytest

from cardcourier.adapters.tables.orders import OrdersTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.states import Room
from cardcourier.domain.waiting import LONGEST_ROUND
from local.engines import client

NOW = 1_790_000_000_000
ROOM = ("acme", Room.BACK, "MONTH")


@pytest.fixture
def waiting(each_engine_endpoint, each_engine_tables):
    table = Table(client("dynamodb", each_engine_endpoint), each_engine_tables["MainTable"])
    OrdersTable(table).touch_room(*ROOM, NOW, NOW)
    return WaitingTable(table)


def test_others_serve_the_room_until_the_round_is_over(waiting):
    assert not waiting.is_split(*ROOM, NOW)
    assert waiting.split_room(*ROOM, NOW, NOW + 9)
    assert waiting.is_split(*ROOM, NOW) and not waiting.split_room(*ROOM, NOW + 8, NOW + 20)
    assert waiting.split_room(*ROOM, NOW, NOW + 9), "asked again because the answer was lost"
    assert not waiting.is_split(*ROOM, NOW + 9) and waiting.split_room(*ROOM, NOW + 9, NOW + 20)


def test_a_round_that_a_wrong_clock_began_blocks_nobody(waiting):
    ahead = NOW + 3_600_000
    assert waiting.split_room(*ROOM, ahead, ahead + 9)
    assert not waiting.is_split(*ROOM, NOW) and waiting.split_room(*ROOM, NOW, NOW + 9)
    assert not waiting.is_split(*ROOM, NOW - LONGEST_ROUND)


def test_a_room_that_is_not_there_is_not_split(waiting):
    assert not waiting.split_room("acme", Room.PRE, "MONTH", NOW, NOW + 9)
    assert not waiting.is_split("acme", Room.PRE, "MONTH", NOW)
