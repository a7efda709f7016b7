"""Write docs/openapi.json from the code: `python docs/generate_openapi.py`."""

import json
import os
import sys
from pathlib import Path

PLACE = Path(__file__).with_name("openapi.json")
sys.path.insert(0, str(PLACE.parents[1] / "shared"))


def text() -> str:
    """The file as it should be."""
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "cardcourier")
    from cardcourier.api.openapi import document

    return json.dumps(document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), "utf-8")
