"""Card files: from the bytes of a supplier's file to rows that can be imported, each good or refused.

    bytes ─ text.lines ─► lines ─ layout.records ─► records ─ rows.read_rows ─► CardRow | BadRow ─► Preview
    workbook ─► rows of cells ─ layout.records_of_cells ─┘

Each step is lazy and holds little, so a file of a million rows passes through as it is read.

    encoding = encoding_of(chunks)                         all bytes once: UTF-8, GB18030, or refused
    layout = layout_of(lines(chunks, encoding))            the first 200 lines
    rows = read_rows(records(lines(chunks, encoding), layout), layout, rules, salt=salt)
"""

from cardcourier.domain.card_files.cells import Damaged, cost_of, expiry_of, head, identity, mask
from cardcourier.domain.card_files.layout import (
    CELLS,
    Layout,
    Record,
    fits,
    layout_of,
    layout_of_cells,
    records,
    records_of_cells,
)
from cardcourier.domain.card_files.patterns import compile_pattern, matches
from cardcourier.domain.card_files.previews import Preview, Sample, Tally, preview
from cardcourier.domain.card_files.rows import DAMAGED, BadRow, CardRow, Rules, read_rows
from cardcourier.domain.card_files.text import decode, encoding_of, lines, text_lines, visible

__all__ = [
    "CELLS",
    "DAMAGED",
    "BadRow",
    "CardRow",
    "Damaged",
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
    "fits",
    "head",
    "identity",
    "layout_of",
    "layout_of_cells",
    "lines",
    "mask",
    "matches",
    "preview",
    "read_rows",
    "records",
    "records_of_cells",
    "text_lines",
    "visible",
]
