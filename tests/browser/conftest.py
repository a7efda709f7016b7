"""A site to look at, and a watch on everything the browser does."""

from dataclasses import dataclass, field

import pytest

from tests.browser import site as sites

PHONE = {"width": 390, "height": 844}

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""


@pytest.fixture
def site():
    site, stop = sites.start()
    yield site
    stop()


@dataclass
class Watched:
    """What the browser asked for and complained about."""

    site: sites.Site
    requests: list = field(default_factory=list)
    complaints: list = field(default_factory=list)

    def follow(self, page):
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: line.type in {"error", "warning"} and self.complaints.append(line.text),
        )

    @property
    def strangers(self):
        return [url for url in self.requests if not url.startswith((self.site.url, "data:"))]


@pytest.fixture
def watched(site):
    return Watched(site)


@pytest.fixture
def open_page(chromium, site, watched):
    """Open a fresh browser of a given kind; afterwards nothing strange may have happened in it."""
    contexts = []

    def open_one(url=None, *, locale="zh-CN", viewport=PHONE, js=True, scheme="light", **more):
        context = chromium.new_context(
            locale=locale, viewport=viewport, java_script_enabled=js, color_scheme=scheme, **more
        )
        contexts.append(context)
        if js:
            context.add_init_script(WATCH)
        page = context.new_page()
        page.set_default_timeout(5000)
        watched.follow(page)
        if url:
            page.goto(url)
        return page

    yield open_one
    violations = [
        page.evaluate("window.violations || []")
        for context in contexts
        for page in context.pages
        if page.url.startswith(site.url) and page.evaluate("true")
    ]
    for context in contexts:
        context.close()
    assert not any(violations)
    assert not watched.strangers
    assert not watched.complaints


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Where screenshots go, to be looked at by people."""
    return tmp_path_factory.mktemp("screenshots")
