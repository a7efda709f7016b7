"""Which write of the protocol a request is: the function of the tables that sends it says so.

The names are those of the tables in `docs/protocol.md`; a test holds both together.
"""

from pathlib import Path

WRITES = {
    ("orders", "record_payment"): "W1",
    ("orders", "record_fact"): "W2",
    ("orders", "record_stop"): "W3",
    ("orders", "choose"): "W4",
    ("orders", "approve"): "W5",
    ("orders", "allocate_new"): "W6",
    ("orders", "park"): "W7",
    ("orders", "touch_room"): "W8",
    ("orders", "allocate_waiting"): "W9",
    ("orders", "change_room"): "W10",
    ("orders", "tombstone"): "W11",
    ("orders", "end_waiting"): "W12",
    ("orders", "return_card"): "W13",
    ("orders", "burn"): "W14",
    ("orders", "expose"): "W15",
    ("orders", "replace"): "W16",
    ("orders", "hand_over"): "W17",
    ("orders", "clear_timer"): "W18",
    ("orders", "remove_room"): "W19",
    ("stock_entry", "put"): "W20",
    ("stock_exit", "void"): "W21",
    ("stock_entry", "put_shared"): "W22",
    ("stock_entry", "put_uses"): "W23",
    ("refunds", "ask"): "W32",
    ("refunds", "answer"): "W33",
    ("refunds", "cancel_pieces"): "W34",
    ("refunds", "dispute"): "W35",
    ("refunds", "decide"): "W36",
    ("refunds", "lose"): "W37",
}
BESIDE = {
    ("orders", "view_again"): "view again",
    ("orders", "reopen"): "reopen",
    ("orders", "raise_seq"): "withdraw links",
    ("waiting", "push"): "push a timer",
    ("waiting", "split_room"): "split a room",
    ("waiting", "open_room"): "open a room",
}
NAMES = WRITES | BESIDE
_FOUND: dict[object, str | None] = {}


def write_of(frame) -> str | None:
    """The write that the innermost known function of the tables is making, if it is one of the protocol."""
    while frame is not None:
        code = frame.f_code
        if code not in _FOUND:
            path = Path(code.co_filename)
            _FOUND[code] = NAMES.get((path.stem, code.co_name)) if path.parent.name == "tables" else None
        if _FOUND[code] is not None:
            return _FOUND[code]
        frame = frame.f_back
    return None
