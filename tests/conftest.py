"""What tests of more than one room need: the browser, one for the whole run, and patience.

No example of a property is failed for being slow: on a busy machine any may be.
"""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import sync_playwright

ROOM = Path(__file__).parent
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LONG = (
    "integration/test_kills.py",
    "simulation/test_seeds_first_half.py",
    "simulation/test_seeds_second_half.py",
    "integration/test_restore.py",
    "simulation/test_it_bites.py",
    "simulation/test_engine_agrees.py",
    "integration/test_local_cloud_faults.py",
    "integration/test_dead_letters.py",
    "integration/test_allocation_race.py",
    "model/test_larger_runs.py",
)
"""Files that take long, the longest first: begun last, one alone would keep everybody waiting."""

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items):
    place = {ROOM / name: at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing. Type: apt-get install -y chromium fonts-noto-cjk", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
