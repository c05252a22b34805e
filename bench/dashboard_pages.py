"""The pages of charts in a browser: from what is chosen to what is drawn, the first chart and all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from playwright.sync_api import Page

from bench.visiting import Server, Taken, answered, line, read, timed

__all__ = ["CHARTS", "lines", "settled"]

FILTERS = (
    ("22 %", "", "Model", "model-0"),
    ("22 %", "", "Model", "model-1"),
    ("22 %", "", "Model", "model-2"),
    ("up to 2 %", "", "Status", "ERROR"),
    ("up to 2 %", "model=model-0&", "Status", "ERROR"),
    ("up to 2 %", "model=model-1&", "Status", "ERROR"),
    ("65 to 98 %", "", "Status", "OK"),
    ("65 to 98 %", "component=llm&", "Status", "OK"),
)
"""The share that is left, what was chosen before, and what is chosen: in this order each asks what nobody asked."""
AIM_MS = 500
CHARTS = {
    "latency": ("over-time", "by-group", "spread", "first-token", "periods", "slowest"),
    "tokens": ("usage", "answers", "groups", "expensive", "audit"),
}
"""By page, the charts and lists whose numbers depend on what is chosen; the first one is drawn first."""
CUT_BY = "request_model"
"""A column of several values in the lake: cut by it, the first chart says something else."""


def lines(page: Page, server: Server, name: str) -> list[str]:
    """Lines of the table, for a server that has read its lake."""
    first: dict[str, list[Taken]] = {}
    whole, cut, brushed = [], [], []
    for share, before, choice, value in FILTERS:
        page.goto(f"{server.url}/{name}?{before}live=off")
        settled(page, name)
        page.get_by_role("button", name=choice, exact=True).click()
        check = page.locator(f'input[data-value="{value}"]').check
        taken = _until_first(page, server, name, check)
        first.setdefault(share, []).append(taken)
        rest = timed(server, partial(settled, page, name))
        whole.append(Taken(taken.ms + rest.ms, taken.cpu_ms + rest.cpu_ms))
        if "model" not in before + choice.lower():  # else there is nothing to cut
            select = partial(page.locator("#switch-by").select_option, CUT_BY)
            cut.append(_until_first(page, server, name, select))
            settled(page, name)
        brushed.append(_brushed(page, server, name))
    return [
        *(
            line(f"  /{name}: filtered to {share} of the spans, first chart", taken, AIM_MS)
            for share, taken in first.items()
        ),
        line(f"  /{name}: the same, until all charts are drawn", whole),
        line(f"  /{name}: cut by another column, first chart", cut, AIM_MS),
        line(f"  /{name}: brushed, until the spans are shown", brushed, AIM_MS),
    ]


LABEL = """find('[role="img"]')?.getAttribute("aria-label")"""


def _until_first(page: Page, server: Server, name: str, act: Callable[[], object]) -> Taken:
    """What it takes until the first chart says something else."""
    ready = f"""find('section.sheet[data-chart="{CHARTS[name][0]}"]:not(.is-busy)')"""
    return answered(page, server, act, f"{ready} && {LABEL} !== before", read(page, LABEL))


def settled(page: Page, name: str) -> None:
    """Wait until a page has drawn all its charts."""
    for chart in CHARTS[name]:
        page.locator(f'section.sheet[data-chart="{chart}"]:not(.is-busy) button[data-view="code"]').wait_for()


def _brushed(page: Page, server: Server, name: str) -> Taken:
    """A row of the first chart's numbers ticked, which is what a brush does."""
    sheet = page.locator(f'section.sheet[data-chart="{CHARTS[name][0]}"]')
    sheet.locator('button[data-view="table"]').click()
    box = sheet.locator("tbody input").nth(1)
    box.wait_for()
    said = f"""find('section.sheet[data-chart="{CHARTS[name][0]}"] .said')"""
    return answered(page, server, box.check, f"{said}.innerText.includes('selected')")
