"""QR codes (ISO/IEC 18004) as pictures inside the page."""

import segno

QUIET_ZONE = 4
"""Blank modules around the symbol: what the standard asks for."""


def qr_data_uri(text: str) -> str:
    """A black on white PNG as a `data:` URI, four pixels a module, error correction M (15 %)."""
    symbol = segno.make(text, error="m", boost_error=False, micro=False)
    return str(symbol.png_data_uri(scale=4, border=QUIET_ZONE, dark="#000", light="#fff"))
