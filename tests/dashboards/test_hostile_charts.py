"""Hostile text in models, services, names, agents and sessions: charts show it, and nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from argus_lab.testing import NOON, make_span
from tests.dashboards.support_lake import write_rows
from tests.dashboards.visits import visiting
from tests.display.payloads import PAYLOADS

PAGES = {
    "latency": ("over-time", "by-group", "spread", "first-token", "slowest"),
    "tokens": ("usage", "answers", "expensive", "audit"),
}
LONGEST = 4_000


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for n, payload in enumerate(PAYLOADS):
        text = payload[:LONGEST].encode("utf-8", "replace").decode("utf-8")
        same = {"project": "hostile", "trace_id": f"{n + 1:032x}", "start_time": NOON + timedelta(minutes=n)}
        same |= dict.fromkeys(("service", "session_id", "agent_name", "component_name", "name"), text)
        same |= {"span_type": "llm", "step_kind": "llm_call", "component_type": "llm", "request_model": text}
        full = dict.fromkeys(("provider", "operation", "input_text", "output_text"), text)
        full |= {"input_tokens": 100 + n, "output_tokens": 9, "time_to_first_token_ms": 5.0}
        empty = {"input_tokens": 0, "output_tokens": 0, "status": "ERROR", "error_message": text}
        rows.append(make_span(10 * n, **same, **full, duration_ms=20.0 + n))
        rows.append(make_span(10 * n + 1, **same, **empty, duration_ms=2.0))
    return rows


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake whose every text is one of the payloads."""
    found = str(tmp_path_factory.mktemp("hostile") / "lake")
    write_rows(found, _rows())
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs(name: str, *, dark: bool, hostile: str, browser: Browser, pages: Callable[..., Any]):
    """Every cut, table, selection and line of Python with payloads in it: no script, dialog or request."""
    cuts = {
        "latency": ("request_model", "service", "name", "agent_name"),
        "tokens": ("request_model", "agent_name"),
    }
    with visiting(browser, f"{pages(hostile).url}/{name}", dark=dark) as visit:
        visit.settled(*PAGES[name])
        for by in cuts[name]:
            visit.set("by", by)
            visit.page.wait_for_url(f"**by={by}**")
            visit.settled(*PAGES[name])
        first = PAGES[name][0]
        visit.view(first, "table")
        assert len(visit.rows(first)) > 30
        visit.drag(0, (0.15, 0.45), (0.95, 0.75))
        visit.chosen(first)
        assert visit.rows(first)
        assert "import argus_lab" in visit.code(first)
        for place in range(visit.page.locator(".bk-Figure").count()):
            figure = visit.page.locator(".bk-Figure").nth(place)
            figure.scroll_into_view_if_needed()
            for at in (0.25, 0.5, 0.75):
                box = figure.bounding_box()
                visit.page.mouse.move(box["x"] + at * box["width"], box["y"] + 0.5 * box["height"])
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate("() => window.marker") is None
        assert (
            visit.page.locator("section.sheet img, section.sheet script, section.sheet iframe").count() == 0
        )
