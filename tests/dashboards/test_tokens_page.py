"""The tokens page in a browser: each call once, unknown prices named, what is brushed, the audit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser

import argus_lab as al
from argus_lab.dashboards.charts import cell
from argus_lab.dashboards.tokens_charts import BY
from argus_lab.figures.formats import count, usd
from tests.dashboards.support_lake import awkward_rows, write_rows
from tests.dashboards.visits import Visit, visiting

ALL = ("usage", "answers", "growth", "groups", "expensive", "audit")
FIGURES = {"usage": 0, "answers": 1, "growth": 2}


@pytest.fixture(scope="module")
def base(pages: Callable[..., Any], support: str) -> str:
    """The pages of the sample sessions."""
    return pages(support).url


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with wrappers and agents that repeat usage, and counts that cannot be right."""
    found = str(tmp_path_factory.mktemp("awkward") / "lake")
    write_rows(found, awkward_rows())
    return found


@pytest.fixture
def visit(browser: Browser, base: str) -> Iterator[Visit]:
    """The tokens page, everything drawn."""
    with visiting(browser, f"{base}/tokens") as found:
        found.settled(*ALL)
        yield found


@pytest.fixture(scope="module")
def opened(browser: Browser, base: str) -> Iterator[Visit]:
    """The same, for all who choose nothing."""
    with visiting(browser, f"{base}/tokens") as found:
        found.settled(*ALL)
        yield found


@pytest.fixture(scope="module")
def spans(support: str) -> pd.DataFrame:
    """What the page is about, read as a notebook reads it."""
    return al.open(support).spans()


def _told(frame: pd.DataFrame) -> list[list[str]]:
    return [[cell(name, value) for name, value in row.items()] for row in frame.to_dict("records")]


def test_key_numbers_are_those_of_the_measure(still: Visit, spans: pd.DataFrame):
    """Calls, cost, fresh, cached and reasoning tokens in the head are al.tokens', formatted."""
    whole = al.tokens(spans).iloc[0]
    assert still.numbers() == {
        "model calls": count(whole["calls"]),
        "cost by list price *": usd(whole["cost_usd"]),
        "fresh input": count(whole["fresh_input_tokens"]),
        "read from cache": count(whole["cache_read_tokens"]),
        "output": count(whole["output_tokens"]),
        "reasoning": count(whole["reasoning_tokens"]),
        "calls without a price *": count(whole["unpriced_calls"]),
    }


def test_tables_hold_the_numbers_of_the_measures(still: Visit, spans: pd.DataFrame):
    """Usage and answers have the rows of their measures, computed from a frame."""
    still.view("usage", "table")
    assert still.rows("usage") == _told(al.tokens(spans, every="6h"))
    still.view("answers", "table")
    assert still.rows("answers") == _told(al.answers(spans, every="6h"))


def test_unknown_prices_are_listed_and_never_nothing(still: Visit):
    """A model without a list price has a dash for its cost, its calls are counted, and it is named."""
    rows = {row[0]: row for row in still.rows("groups")}
    columns = still.columns("groups")
    assert rows["qwen3:8b"][columns.index("cost")] == "–"
    assert rows["qwen3:8b"][columns.index("unpriced calls")] == "246"
    assert rows["qwen3:8b"][columns.index("models without a price")] == "qwen3:8b"
    assert "their cost is not known, not 0" in still.sheet("groups").text_content()


@pytest.mark.parametrize("values", ["tokens", "cost"])
def test_charts_are_cut_by_every_column(values: str, visit: Visit, spans: pd.DataFrame):
    """Tokens and cost by model, project, agent and service, one after the other, are the measure's."""
    visit.set("values", values)
    title = f'[aria-label^="{values.capitalize()} over time"]'
    for by in BY:
        visit.set("by", by)
        visit.page.locator(title).first.wait_for(state="attached")
        visit.page.wait_for_url(re.compile(f"by={by}"))
        visit.sheet("groups").locator("thead th").first.filter(has_text=BY[by]).wait_for()
        visit.settled("usage")
        named = al.with_agents(spans) if by == "agent_name" else spans
        found = al.tokens(named, by=by)
        assert {(row[0], row[1]) for row in visit.rows("groups")} == {
            (cell(by, name), count(calls)) for name, calls in zip(found[by], found["calls"], strict=True)
        }
        visit.view("usage", "table")
        assert visit.rows("usage") == _told(al.tokens(named, by=by, every="6h"))


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("usage", (0.15, 0.4), (0.5, 0.75)),
        ("answers", (0.2, 0.4), (0.7, 0.72)),
        ("growth", (0.25, 0.45), (0.6, 0.72)),
    ],
)
def test_brush_to_rows_to_code(name: str, start: Any, end: Any, still: Visit):
    """Drag over a chart: the calls are shown, and the lines return exactly them."""
    still.drag(FIGURES[name], start, end)
    said = still.chosen(name)
    shown = still.rows(name)
    names: dict[str, Any] = {}
    exec(still.code(name), names)  # noqa: S102  this is what a reader does with them
    frame = names["calls"] if "calls" in names else names["spans"]
    assert len(frame) > 0
    assert said.startswith(f"{count(len(frame))} ")
    assert len(shown) == min(len(frame), 200)
    starts = [cell("start_time", value) for value in frame["start_time"].head(len(shown))]
    assert [row[0] for row in shown] == starts


def test_the_most_expensive_session_opens(visit: Visit, spans: pd.DataFrame):
    """Sessions stand by what they cost; a click leads there, and its prompts are what the chart shows."""
    found = al.tokens(spans, by=["project", "session_id"])
    wanted = found.sort_values(["cost_usd", "total_tokens"], ascending=False).head(50)
    rows = visit.rows("expensive")
    assert [row[3] for row in rows] == [usd(cost) for cost in wanted["cost_usd"]]
    first = rows[0][0]
    assert f"session {first}" in visit.page.locator(
        '[aria-label*="What fills the prompts"]'
    ).first.get_attribute("aria-label")
    visit.sheet("expensive").locator("tbody a").first.click()
    visit.page.wait_for_url(re.compile(rf"/sessions\?.*session={first}"))


def test_the_prompts_of_another_session(visit: Visit, spans: pd.DataFrame):
    """The session whose prompts are shown can be chosen, and is in the address."""
    other = visit.rows("expensive")[3][0]
    visit.set("session", other)
    visit.page.wait_for_url(re.compile(f"session={other}"))
    visit.page.locator(f'[aria-label*="prompts of session {other}:"]').first.wait_for(state="attached")
    visit.view("growth", "table")
    calls = spans[(spans["session_id"] == other) & (spans["step_kind"] == "llm_call")]
    assert len(visit.rows("growth")) == len(calls)


def test_nothing_is_counted_twice(browser: Browser, pages: Callable[..., Any], awkward: str):
    """Agents and wrappers repeat usage: the page counts calls once, and says what a plain sum would say."""
    spans = al.open(awkward).spans()
    whole = al.tokens(spans).iloc[0]
    with visiting(browser, f"{pages(awkward).url}/tokens") as visit:
        visit.settled("usage", "expensive")
        visit.page.locator(".switches dt").filter(has_text="tokens in all").wait_for()
        numbers = visit.numbers()
        assert numbers["model calls"] == "40"
        assert numbers["tokens in all"] == count(whole["total_tokens"])
        more = visit.page.locator(".switches div[title*='a sum over all spans']").get_attribute("title")
        assert count(spans[["input_tokens", "output_tokens"]].sum().sum()) in more


def test_the_audit_shows_what_is_counted_instead(browser: Browser, pages: Callable[..., Any], awkward: str):
    """Every finding of audit_tokens is there, with the number that was sent and the corrected one."""
    found = al.audit_tokens(al.open(awkward).spans(columns="all"))
    assert {"wrapper", "agent", "cache_apart"} <= set(found["finding"])
    with visiting(browser, f"{pages(awkward).url}/tokens") as visit:
        visit.settled("audit")
        visit.sheet("audit").locator("table").wait_for()
        wanted = [
            (r.finding, cell("sent", r.sent), cell("corrected", r.corrected)) for r in found.itertuples()
        ]
        assert sorted(tuple(row[:3]) for row in visit.rows("audit")) == sorted(wanted)
        said = visit.sheet("audit").locator(".said").text_content()
        assert f"{len(found)} findings" in said
        names: dict[str, Any] = {}
        exec(visit.code("audit"), names)  # noqa: S102
        assert len(names["found"]) == len(found)


def test_a_page_without_calls_says_so(browser: Browser, base: str):
    """Of tools there are no tokens: each chart and list says why it is empty."""
    with visiting(browser, f"{base}/tokens?component=custom_tool") as visit:
        visit.settled("usage")
        visit.sheet("expensive").get_by_text("No model call in this range").wait_for()
        visit.sheet("groups").get_by_text("No model call in this range").wait_for()
