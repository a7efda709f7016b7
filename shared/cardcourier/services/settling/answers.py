"""What a refund by amount ends, where it can mean only one thing; else its question stays for a person."""

from dataclasses import replace

from cardcourier.domain.orders import Header, Owed
from cardcourier.domain.protocol import Actor
from cardcourier.domain.refunds import Answer, answer_of
from cardcourier.services.settling.work import Refunds


def answer_questions(refunds: Refunds, header: Header, actor: Actor) -> Header | None:
    """Answer what answers itself; returns the header as it is then, None when others changed it."""
    told = refunds.told(header.key)
    actor = replace(actor, why="answered by its amount")
    for name in header.asked:
        ends = answer_of(header, name, told)
        if ends is None:
            continue
        if not refunds.answer(header, name, ends, actor):
            return None
        header = _answered(header, name, ends)
    return header


def _answered(header: Header, name: str, ends: Answer) -> Header:
    owed = tuple(Owed(line, pieces, name.partition("/")[2]) for line, pieces in ends.owed)
    return replace(
        header,
        ver=header.ver + 1,
        asked=tuple(one for one in header.asked if one != name),
        stops=header.stops | ends.stops,
        owed=header.owed + owed,
        credit=header.credit if ends.credit is None else ends.credit,
    )
