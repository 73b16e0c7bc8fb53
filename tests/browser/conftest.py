"""A real Chromium that looks at a real TensorBoard, and everything that must not happen meanwhile."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, Route, expect, sync_playwright

expect.set_options(timeout=15_000)

# Chromium asks for servers of its own accord unless told not to; as root it has no sandbox.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]

REPORT_VIOLATIONS = """addEventListener('securitypolicyviolation', (event) => {
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});"""


def chromium_path() -> str:
    """The Chromium that `make test` found, or the one on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.fail("the browser tests need Chromium: run them by `make test`, or set CHROMIUM to its path")
    return found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


class Tab:
    """The "Confusion Matrix" tab of an open TensorBoard, or the same dashboard in another page.

    Attributes:
      frame: what the dashboard is in: a frame, or the page.
    """

    def __init__(self, page: Page, frame: Page | FrameLocator | None = None) -> None:
        self.page = page
        self.frame = frame or page.frame_locator("iframe")
        self.matrix: Locator = self.frame.get_by_label("Confusion matrix", exact=True)
        self.status: Locator = self.frame.get_by_role("status")
        self.step: Locator = self.frame.get_by_role("slider", name="Step")

    def choose(self, label: str, option: str) -> None:
        """Chooses an option of one of the toolbar's selects by its text."""
        self.frame.get_by_label(label, exact=True).select_option(label=option)
        self.settle()

    def settle(self) -> None:
        """Waits until what is to be shown is shown."""
        expect(self.matrix).to_have_attribute("aria-busy", "false")

    def run(self, name: str) -> Locator:
        """The checkbox of a run."""
        return self.frame.get_by_role("checkbox", name=name, exact=True)

    def go_to(self, down: int, right: int) -> None:
        """Moves the keyboard's cursor to a cell, counted from the first."""
        expect(self.frame.get_by_label("Legend")).to_be_visible()
        self.matrix.focus()
        for key in ["Control+Home"] + ["ArrowDown"] * down + ["ArrowRight"] * right:
            self.page.keyboard.press(key)

    def told(self, text: str) -> None:
        """Expects exactly this in the live region."""
        expect(self.status).to_have_text(text)

    def at_step(self, step: int) -> None:
        """Expects the slider at this step."""
        expect(self.step).to_have_attribute("aria-valuetext", str(step))
        self.settle()

    def color_at(self, x: float, y: float) -> tuple[int, int, int]:
        """The color of a point of the first matrix' canvas, in CSS pixels."""
        script = """(canvas, [x, y]) => {
            const ratio = canvas.width / canvas.clientWidth;
            return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data];
        }"""
        red, green, blue, _ = self.frame.locator("canvas").first.evaluate(script, [x, y])
        return red, green, blue

    def places(self) -> dict[str, tuple[float, float]]:
        """Points at the first matrix all over, and gives a place for everything that the live region then told."""
        box = self.frame.locator("canvas").first.bounding_box()
        assert box is not None
        told: dict[str, tuple[float, float]] = {}
        for y in range(10, int(box["height"]), 32):
            for x in range(10, int(box["width"]), 32):
                self.page.mouse.move(box["x"] + x, box["y"] + y)
                text = self.status.text_content() or ""
                if text.startswith("true "):
                    told.setdefault(text, (x, y))
        return told


class Visit:
    """Pages that are open in the browser, and everything in them that must not happen.

    That is: an error in the console, a request that leaves 127.0.0.1, or a breach of a Content-Security-Policy without 'unsafe-eval',
    which TensorBoard still allows and means to forbid.
    """

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self._contexts: list[Any] = []
        self.wrong: list[str] = []

    def open(self, url: str, expected_error: str | None = None, before: Callable[[Page], Any] = lambda page: None, **options: Any) -> Tab:
        def note(text: str) -> None:
            # At the end of a test its server goes before its page, which may still be fetching what comes next.
            if not re.search(f"net::ERR_(CONNECTION|EMPTY)|{expected_error or '^$'}", text):
                self.wrong.append(text)

        context = self._chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self._contexts.append(context)
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.on("console", lambda message: note(f"console: {message.text} {message.location['url']}") if message.type == "error" else None)
        page.on("pageerror", lambda error: note(f"exception: {error}"))
        page.on("dialog", lambda dialog: (note(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: None if _is_local(request.url) else note(f"request: {request.url}"))
        page.route("**/plugin_entry.html*", _without_eval)
        before(page)
        page.goto(url if "#" in url else url + "#confusion_matrix")
        return Tab(page)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def _without_eval(route: Route) -> None:
    answer = route.fetch()
    headers = {**answer.headers}
    policy = headers["content-security-policy"]
    assert "'unsafe-eval'" in policy
    headers["content-security-policy"] = policy.replace("'unsafe-eval'", "")
    route.fulfill(response=answer, headers=headers)


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """A function: opens the tab of a TensorBoard in a browser that knows nothing yet."""
    visit = Visit(chromium)
    yield visit.open
    visit.close()
    assert visit.wrong == []


@pytest.fixture(scope="module")
def _kept(chromium: Browser) -> Iterator[tuple[Visit, dict[str, Tab]]]:
    visit = Visit(chromium)
    yield visit, {}
    visit.close()


@pytest.fixture
def reopen_tab(_kept: tuple[Visit, dict[str, Tab]]) -> Iterator[Callable[[str], Tab]]:
    """A function like open_tab's, for the tests of a module that look at one TensorBoard.

    TensorBoard's own page, which takes seconds to start, stays; the tab in it begins anew, without what it remembered.
    """
    visit, tabs = _kept

    def reopen(url: str) -> Tab:
        if url not in tabs:
            tabs[url] = visit.open(url)
            return tabs[url]
        tab = tabs[url]
        inside = next(frame for frame in tab.page.frames if "plugin_entry" in frame.url)
        tab.page.mouse.move(0, 0)
        address = inside.url
        inside.goto("about:blank")  # the page that was there writes no setting and no link any more
        tab.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); location.hash = 'confusion_matrix'; }")
        inside.goto(address)
        return tab

    yield reopen
    wrong, visit.wrong = visit.wrong, []
    assert wrong == []


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1"
