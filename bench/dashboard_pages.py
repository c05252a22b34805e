"""The pages of charts in a browser: from what is chosen to what is drawn, the first chart and all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from playwright.sync_api import Page

__all__ = ["lines"]

ROUNDS = 5
GOAL_MS = 500
CHARTS = {
    "latency": ("over-time", "by-group", "spread", "first-token", "periods", "slowest"),
    "tokens": ("usage", "answers", "groups", "expensive", "audit"),
}
"""By page, the charts and lists whose numbers depend on what is chosen; the first one is drawn first."""
PATIENCE = 300_000


def lines(page: Page, url: str) -> list[str]:
    """Lines of the table, for a server of pages at ``url`` that has read its lake."""
    page.set_default_timeout(PATIENCE)
    found = []
    for name in CHARTS:
        first, whole, cut, brushed = [], [], [], []
        for number in range(ROUNDS):
            page.goto(f"{url}/{name}?live=off")
            _settled(page, name)
            begin = time.perf_counter()
            first.append(_after(page, name, lambda: _ticked(page, "Status", "ERROR"), begin))
            _settled(page, name)
            whole.append((time.perf_counter() - begin) * 1000)
            begin = time.perf_counter()
            by = ("service", "request_model")[number % 2]
            cut.append(_after(page, name, lambda by=by: page.locator("#switch-by").select_option(by), begin))  # type: ignore[misc]
            _settled(page, name)
            brushed.append(_brushed(page, name))
        found += [
            _line(f"/{name}: a filter, until the first chart is drawn", first, GOAL_MS),
            _line(f"/{name}: the same, until all charts are", whole, None),
            _line(f"/{name}: cut by another column, first chart", cut, GOAL_MS),
            _line(f"/{name}: brushed, until the spans are shown", brushed, GOAL_MS),
        ]
    return found


def _ticked(page: Page, choice: str, value: str) -> None:
    page.get_by_role("button", name=choice, exact=True).click()
    page.get_by_label(value).check()


def _label(page: Page) -> str:
    return page.locator('[role="img"]').first.get_attribute("aria-label") or ""


def _after(page: Page, name: str, act: Callable[[], object], begin: float) -> float:
    """Milliseconds until the first chart says something else."""
    before = _label(page)
    act()
    page.locator(f'section.sheet[data-chart="{CHARTS[name][0]}"]:not(.is-busy)').wait_for()
    while _label(page) == before:
        page.wait_for_timeout(5)
    return (time.perf_counter() - begin) * 1000


def _settled(page: Page, name: str) -> None:
    for chart in CHARTS[name]:
        page.locator(f'section.sheet[data-chart="{chart}"]:not(.is-busy) button[data-view="code"]').wait_for()


def _brushed(page: Page, name: str) -> float:
    """A row of the first chart's numbers ticked, which is what a brush does."""
    sheet = page.locator(f'section.sheet[data-chart="{CHARTS[name][0]}"]')
    sheet.locator('button[data-view="table"]').click()
    box = sheet.locator("tbody input").nth(1)
    box.wait_for()
    begin = time.perf_counter()
    box.check()
    sheet.locator(".said").filter(has_text="selected").wait_for()
    return (time.perf_counter() - begin) * 1000


def _line(title: str, taken: list[float], goal: int | None) -> str:
    return f"{title:58}{statistics.median(taken):9.0f}{goal or '':>7}"
