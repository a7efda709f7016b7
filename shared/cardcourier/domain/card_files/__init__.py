"""Card files: from the bytes of a supplier's file to rows that can be imported, each good or refused.

    bytes ─ text.lines ─► lines ─ layout.records ─► records ─ rows.read_rows ─► CardRow | BadRow ─► Preview

Each step is lazy and holds little, so a file of a million rows passes through as it is read. Other kinds of
file join in by yielding lines or records.

    encoding = encoding_of(chunks)                         all bytes once: UTF-8, GB18030, or refused
    layout = layout_of(lines(chunks, encoding))            the first 200 lines
    rows = read_rows(lines(chunks, encoding), layout, rules, salt=salt)
"""

from cardcourier.domain.card_files.cells import cost_of, expiry_of, identity, mask
from cardcourier.domain.card_files.layout import Layout, Record, layout_of, records
from cardcourier.domain.card_files.patterns import compile_pattern, matches
from cardcourier.domain.card_files.previews import Preview, Sample, Tally, preview
from cardcourier.domain.card_files.rows import BadRow, CardRow, Rules, read_rows
from cardcourier.domain.card_files.text import decode, encoding_of, lines, text_lines

__all__ = [
    "BadRow",
    "CardRow",
    "Layout",
    "Preview",
    "Record",
    "Rules",
    "Sample",
    "Tally",
    "compile_pattern",
    "cost_of",
    "decode",
    "encoding_of",
    "expiry_of",
    "identity",
    "layout_of",
    "lines",
    "mask",
    "matches",
    "preview",
    "read_rows",
    "records",
    "text_lines",
]
