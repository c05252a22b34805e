"""Visits of pages of charts in Chromium: what is done there, and what a browser complains about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PATIENCE = 180_000  # not a limit on speed: the time after which a hang is called a hang
WIDTH, HEIGHT = 1320, 2600
TRIES = 10
LONG_PRESS_MS = 200
HELD = """() => {
  window.held = Infinity;
  const once = { once: true, capture: true };
  addEventListener("pointerdown", () => {
    const since = performance.now();
    addEventListener("pointermove", () => { window.held = performance.now() - since; }, once);
  }, once);
}"""
"""How long the button is down before the mouse moves, as the page sees it."""


@dataclass
class Visit:
    """A page that is looked at, and what went wrong meanwhile."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def sheet(self, name: str) -> Locator:
        """What stands below a chart."""
        return self.page.locator(f'section.sheet[data-chart="{name}"]')

    def figure(self, name: str) -> Locator:
        """The (first) figure of a chart."""
        return self.page.locator(".bk-Figure").filter(has=self.page.locator(f'[aria-label^="{name}"]')).first

    def settled(self, *names: str) -> None:
        """Wait until these charts show what was asked last."""
        for name in names:
            self.page.wait_for_selector(
                f'section.sheet[data-chart="{name}"]:not(.is-busy) button[data-view="code"]', timeout=PATIENCE
            )

    def set(self, name: str, value: str) -> None:
        """Set a switch of the page."""
        self.page.locator(f"#switch-{name}").select_option(value)

    def view(self, name: str, view: str) -> None:
        """Open the table, the spans or the Python of a chart, unless that is open."""
        button = self.sheet(name).locator(f'button[data-view="{view}"]')
        if button.get_attribute("aria-pressed") != "true":
            button.click()
            pressed = f'section.sheet[data-chart="{name}"] button[data-view="{view}"][aria-pressed="true"]'
            self.page.wait_for_selector(pressed)

    def put_back(self) -> None:
        """Leave the page as it was when it was opened: nothing brushed, nothing open below a chart."""
        for what in ('button[data-view="clear"]', 'button[aria-pressed="true"]'):
            found = self.page.locator(f"section.sheet {what}")
            while (left := found.count()) > 0:
                found.first.click()
                self.page.wait_for_timeout(20)
                found.nth(left - 1).wait_for(state="detached")

    def rows(self, name: str) -> list[list[str]]:
        """The cells of the table that is open."""
        self.sheet(name).locator("table").wait_for(timeout=PATIENCE)
        return self.page.evaluate(
            """(table) => [...table.querySelectorAll("tbody tr")].map((row) =>
                [...row.querySelectorAll("td:not(.pick)")].map((cell) => cell.textContent))""",
            self.sheet(name).locator("table").element_handle(),
        )

    def columns(self, name: str) -> list[str]:
        """The titles of the columns of the table that is open."""
        self.sheet(name).locator("table").wait_for(timeout=PATIENCE)
        return self.sheet(name).locator("thead th:not(:has(.a-hidden))").all_text_contents()

    def code(self, name: str) -> str:
        """The lines of Python of a chart."""
        self.view(name, "code")
        return self.sheet(name).locator("pre").text_content(timeout=PATIENCE) or ""

    def numbers(self) -> dict[str, str]:
        """The key numbers in the head, once they are there: until then their names are."""
        numbers = self.page.locator(".switches dd")
        numbers.first.wait_for(timeout=PATIENCE)
        numbers.filter(has_text="…").first.wait_for(state="detached", timeout=PATIENCE)
        titles = self.page.locator(".switches dt").all_text_contents()
        return dict(zip(titles, numbers.all_text_contents(), strict=True))

    def drag(self, place: int, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag over the figure at a place on the page, from one part of it to another.

        Bokeh takes a button that is held for a quarter of a second before it moves for a long press. A page
        that was held up so long has not seen a drag, and a hand tries again.
        """
        figure = self.page.locator(".bk-Figure").nth(place)
        figure.scroll_into_view_if_needed()
        box = figure.bounding_box()
        assert box is not None
        for _ in range(TRIES):
            self.page.evaluate(HELD)
            self._dragged(box, start, end)
            if self.page.evaluate("() => window.held") < LONG_PRESS_MS:
                return
        raise AssertionError("each drag was taken for a long press")

    def _dragged(self, box: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse, steps = self.page.mouse, 8
        mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        self.page.wait_for_timeout(100)
        mouse.down()
        for step in range(1, steps + 1):
            part = step / steps
            across = start[0] + (end[0] - start[0]) * part
            down = start[1] + (end[1] - start[1]) * part
            mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
            self.page.wait_for_timeout(30)
        mouse.up()

    def chosen(self, name: str) -> str:
        """What is said of the brushed spans, once they are there."""
        said = self.sheet(name).locator(".said")
        said.filter(has_text=re.compile(r"\d .*selected")).wait_for(timeout=PATIENCE)
        return said.text_content() or ""


@contextmanager
def visiting(browser: Browser, address: str, *, dark: bool = False, **given: Any) -> Iterator[Visit]:
    """Look at a page; at the end the browser must have complained about nothing and asked nobody else."""
    scheme: Any = "dark" if dark else "light"
    given = {"viewport": {"width": WIDTH, "height": HEIGHT}, "color_scheme": scheme} | given
    page = browser.new_page(**given)
    base = re.match(r"https?://[^/]+", address)
    assert base is not None
    visit = Visit(page, base[0])
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (visit.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: visit.asked.append(request.url))
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    yield visit
    own = (visit.base, "data:", "blob:", visit.base.replace("http", "ws"))
    assert [url for url in visit.asked if not url.startswith(own)] == []
    assert visit.complaints == []
    page.close()
