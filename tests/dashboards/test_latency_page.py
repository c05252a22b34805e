"""The latency page in a browser: every choice, its numbers, what is brushed, where it leads."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser

import argus_lab as al
from argus_lab.dashboards.charts import cell
from argus_lab.dashboards.latency_charts import BY
from argus_lab.figures.formats import count, duration
from argus_lab.measures.latency import DURATIONS, FIRST_TOKENS
from argus_lab.testing import NOON, make_span
from tests.dashboards.support_lake import write_rows
from tests.dashboards.visits import Visit, visiting

CHARTS = ("over-time", "by-group", "spread", "first-token", "periods", "slowest")
ALL = {"over-time", "by-group", "spread", "first-token", "periods"}
FIGURES = {"over-time": 0, "by-group": 2, "spread": 3, "first-token": 4, "periods": 5}
"""Which figure on the page a chart is: the first has two."""


@pytest.fixture(scope="module")
def base(pages: Callable[..., Any], support: str) -> str:
    """The pages of the sample sessions."""
    return pages(support).url


@pytest.fixture
def visit(browser: Browser, base: str) -> Iterator[Visit]:
    """The latency page, everything drawn."""
    with visiting(browser, f"{base}/latency") as found:
        found.settled(*CHARTS)
        yield found


@pytest.fixture(scope="module")
def opened(browser: Browser, base: str) -> Iterator[Visit]:
    """The same, for all who choose nothing."""
    with visiting(browser, f"{base}/latency") as found:
        found.settled(*CHARTS)
        yield found


@pytest.fixture(scope="module")
def spans(support: str) -> pd.DataFrame:
    """What the page is about, read as a notebook reads it."""
    return al.open(support).spans()


def test_key_numbers_are_those_of_the_measure(still: Visit, spans: pd.DataFrame):
    """Spans, errors, quantiles and first tokens in the head are al.latency's, formatted."""
    whole = al.latency(spans).iloc[0]
    assert still.numbers() == {
        "spans": count(len(spans)),
        "with an error": f"{whole['errors'] / len(spans):.1%}",
        "median": duration(whole["p50_ms"]),
        "95th percentile": duration(whole["p95_ms"]),
        "99th percentile": duration(whole["p99_ms"]),
        "first token, median": duration(whole["ttft_p50_ms"]),
    }


def _told(frame: pd.DataFrame) -> list[list[str]]:
    return [[cell(name, value) for name, value in row.items()] for row in frame.to_dict("records")]


def test_tables_hold_the_numbers_of_the_measures(still: Visit, spans: pd.DataFrame):
    """The table of each chart has the rows of the measure that it draws, computed from a frame."""
    still.view("over-time", "table")
    through_time = al.latency(spans, every="6h")
    assert still.rows("over-time") == _told(through_time.drop(columns=list(FIRST_TOKENS)))
    still.view("first-token", "table")
    told = through_time[through_time["ttft_count"] > 0].drop(columns=list(DURATIONS))
    assert still.rows("first-token") == _told(told)
    still.view("spread", "table")
    assert still.rows("spread") == _told(al.distribution(spans))
    still.view("by-group", "table")
    groups = al.latency(spans, by="component_name")
    assert sorted(still.rows("by-group")) == sorted(_told(groups))
    slowest = spans.nlargest(100, "duration_ms")
    assert [row[0] for row in still.rows("slowest")] == [duration(ms) for ms in slowest["duration_ms"]]


def test_periods_are_compared_as_in_a_notebook(still: Visit):
    """The rows of the comparison are those that the lines below it return; its words name both periods."""
    still.view("periods", "table")
    shown = still.rows("periods")
    names: dict[str, Any] = {}
    exec(still.code("periods"), names)  # noqa: S102  this is what a reader does with them
    changed = names["changed"]
    assert [row[0] for row in shown] == changed["metric"].tolist()
    columns = ["a", "b", "difference"]
    assert [row[2:5] for row in shown] == [
        [cell(name, row[name]) for name in columns] for _, row in changed.iterrows()
    ]
    assert "Compared with the earlier half" in still.sheet("periods").locator(".said").text_content()


def test_charts_are_cut_by_every_column(visit: Visit, spans: pd.DataFrame):
    """Each choice of "by", one after the other, is in the address; its groups are those of the measure."""
    for by, title in BY.items():
        visit.set("by", by)
        visit.page.wait_for_url(re.compile(rf"by={by}"))
        visit.page.locator(f'[aria-label^="Latency by {title},"]').first.wait_for(state="attached")
        visit.settled("by-group", "over-time")
        visit.view("by-group", "table")
        named = al.with_agents(spans) if by == "agent_name" else spans
        found = al.latency(named, by=by)
        found = found.assign(total=found["count"] * found["mean_ms"]).sort_values(
            "total", ascending=False, kind="stable"
        )
        assert visit.rows("by-group") == _told(found.drop(columns="total"))
        visit.view("over-time", "table")
        assert visit.columns("over-time")[1] == visit.columns("by-group")[0]
    visit.settled(*ALL)


def test_time_is_cut_as_chosen(visit: Visit, spans: pd.DataFrame):
    """Each length of stretches, one after the other, is in the address, in the title and in the rows."""
    for every in ("1h", "12h", "1d", "1w"):
        visit.set("every", every)
        visit.page.wait_for_url(re.compile(f"every={every}"))
        label = f'[aria-label^="Latency over time, every {every}."]'
        visit.page.locator(label).first.wait_for(state="attached")
        visit.settled("over-time")
        visit.view("over-time", "table")
        durations = al.latency(spans, every=every).drop(columns=list(FIRST_TOKENS))
        assert visit.rows("over-time") == _told(durations.head(500))


def test_a_link_reproduces_the_view(browser: Browser, base: str, spans: pd.DataFrame):
    """Filters, groups and stretches come from the address; numbers are those of the spans that are meant."""
    with visiting(browser, f"{base}/latency?by=service&every=1d&model=qwen3%3A8b&status=ERROR") as visit:
        visit.settled(*ALL)
        meant = spans[(spans["request_model"] == "qwen3:8b") & (spans["status"] == "ERROR")]
        assert visit.numbers()["spans"] == count(len(meant))
        visit.view("over-time", "table")
        durations = al.latency(meant, by="service", every="1d").drop(columns=list(FIRST_TOKENS))
        assert visit.rows("over-time") == _told(durations)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("over-time", (0.2, 0.4), (0.5, 0.95)),
        ("by-group", (0.25, 0.15), (0.7, 0.4)),
        ("spread", (0.3, 0.35), (0.6, 0.75)),
        ("first-token", (0.2, 0.4), (0.6, 0.75)),
        ("periods", (0.25, 0.15), (0.75, 0.4)),
    ],
)
def test_brush_to_rows_to_code(name: str, start: Any, end: Any, still: Visit):
    """Drag over a chart: the spans are shown, and the lines return exactly them."""
    still.drag(FIGURES[name], start, end)
    said = still.chosen(name)
    shown = still.rows(name)
    names: dict[str, Any] = {}
    exec(still.code(name), names)  # noqa: S102
    frame = names["spans"]
    assert len(frame) > 0
    assert said == f"{count(len(frame))} span{'s' * (len(frame) != 1)} selected"
    assert len(shown) == min(len(frame), 200)
    # Where there are more than are shown, the page has the oldest of them, as the frame begins.
    starts = [cell("start_time", value) for value in frame["start_time"].head(len(shown))]
    assert [row[0] for row in shown] == starts
    still.sheet(name).get_by_role("button", name="Clear").click()
    still.sheet(name).locator(".said").filter(has_not_text="selected").wait_for()


def test_rows_of_the_table_select_without_a_mouse(still: Visit, spans: pd.DataFrame):
    """With the keyboard alone: open the table, tick a row, see its spans."""
    button = still.sheet("by-group").locator('button[data-view="table"]')
    button.focus()
    still.page.keyboard.press("Enter")
    box = still.sheet("by-group").locator("tbody input").nth(1)
    box.focus()
    still.page.keyboard.press("Space")
    name = still.rows("by-group")[1][0]
    assert still.chosen("by-group") == f"{count((spans['component_name'] == name).sum())} spans selected"


def test_the_slowest_span_opens_its_session(visit: Visit, spans: pd.DataFrame):
    """A click on the slowest span leads to the session page, at that step."""
    slowest = spans.sort_values(["duration_ms", "trace_id"], ascending=[False, True]).iloc[0]
    visit.sheet("slowest").locator("tbody a").first.click()
    visit.page.wait_for_url(re.compile(r"/sessions\?"))
    assert f"session={slowest['session_id']}" in visit.page.url
    assert f"step={slowest['span_id']}" in visit.page.url
    visit.page.get_by_text(slowest["session_id"]).first.wait_for()


def test_charts_speak_to_screen_readers(still: Visit):
    """Each figure is an image with its key numbers in words, each table has a name."""
    labels = still.page.locator('[role="img"]').evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert all(label and re.search(r"\d", label) for label in labels)
    assert any("Highest median" in label for label in labels)
    for name in ALL:
        still.view(name, "table")
        assert still.sheet(name).get_by_role("region").count() == 1


def test_dark_pages_have_light_letters(browser: Browser, base: str):
    """In the dark the ground of figures is the page's, and their letters are light."""
    with visiting(browser, f"{base}/latency", dark=True) as visit:
        visit.settled("over-time")
        visit.page.locator(".bk-Figure").first.wait_for()
        look = "e => (s => [s.backgroundColor, s.getPropertyValue('--argus-text')])(getComputedStyle(e))"
        ground, text = visit.page.locator(".bk-Figure").first.evaluate(look)
        assert ground == "rgb(20, 23, 27)"
        assert text.strip() == "#dfe3e8"


def test_nothing_matches_is_said(browser: Browser, base: str):
    """A range without spans has words instead of empty charts, and gets them back when it is cleared."""
    with visiting(browser, f"{base}/latency?since=2020-01-01T00:00Z&until=2020-01-02T00:00Z") as visit:
        visit.page.get_by_text("Nothing matches these choices").wait_for()
        visit.page.get_by_role("button", name="Clear").click()
        visit.settled(*CHARTS)


def test_tools_have_no_first_token(browser: Browser, base: str):
    """A chart without anything to draw says why; the others are there."""
    with visiting(browser, f"{base}/latency?component=mcp") as visit:
        visit.settled("over-time", "first-token")
        label = visit.page.locator('[aria-label^="Time to first token"]').first.get_attribute("aria-label")
        assert "No model calls with a known time" in label


def test_new_spans_appear_by_themselves(browser: Browser, pages: Callable[..., Any], tmp_path: Path):
    """While the page is open, spans that arrive are in its numbers; what was brushed stays."""
    place = str(tmp_path / "lake")
    write_rows(place, [make_span(n, duration_ms=10.0 + n, start_time=NOON) for n in range(20)])
    with visiting(browser, f"{pages(place).url}/latency") as visit:
        visit.settled(*CHARTS)
        visit.page.locator(".switches dd").first.filter(has_text="20").wait_for()
        write_rows(place, [make_span(n, duration_ms=10.0, start_time=NOON) for n in range(20, 25)])
        visit.page.locator(".switches dd").first.filter(has_text="25").wait_for(timeout=10_000)


FIRST = """const models = [...Bokeh.documents[0]._all_models.values()];
  const model = models.find((each) => each.html_attributes?.["aria-label"]?.startsWith("Latency over time")
    && each.title?.text?.text);"""
ZOOMED = (
    "(figure) => {"
    + FIRST
    + """
  const view = Bokeh.index.find_one(model);
  const range = view.model.x_range, wide = range.end - range.start;
  const nearer = { start: range.start + wide / 4, end: range.end - wide / 4 };
  view.update_range({ xrs: new Map([[range, nearer]]), yrs: new Map() }, { panning: true });
  figure.mark = "the same";
}"""
)
SEEN = f"(figure) => {{ {FIRST} return [figure.mark, model.x_range.start, model.x_range.end]; }}"


def test_a_figure_stays_and_shows_all_of_what_is_chosen(visit: Visit):
    """Who chooses something else sees it in the figure that is there, whole, wherever they had zoomed to."""
    figure = visit.page.locator('.bk-Figure[aria-label^="Latency over time"]').first
    _, start, end = figure.evaluate(SEEN)
    figure.evaluate(ZOOMED)
    _, nearer, _ = figure.evaluate(SEEN)
    assert nearer > start
    visit.page.get_by_role("button", name="Status", exact=True).click()
    visit.page.get_by_role("checkbox", name="ERROR").check()
    visit.page.wait_for_url(re.compile("status=ERROR"))
    visit.settled(*CHARTS)
    visit.page.wait_for_function(
        f"(nearer) => {{ {FIRST} return model.x_range.start < nearer; }}", arg=nearer
    )
    mark, first, last = figure.evaluate(SEEN)
    assert mark == "the same"
    assert first >= start
    assert last <= end


def _title(visit: Visit) -> Image.Image:
    """The titles of the first chart, which stand on a canvas."""
    box = visit.page.locator('[role="img"]').first.bounding_box()
    assert box is not None
    visit.page.mouse.move(2, 2)  # a toolbar shows where the mouse is
    clip: Any = {"x": box["x"], "y": box["y"], "width": box["width"], "height": 60}
    return Image.open(io.BytesIO(visit.page.screenshot(clip=clip))).convert("L")


def _differing(one: Image.Image, other: Image.Image) -> int:
    """How many pixels differ by more than the smoothing of letters."""
    return sum(ImageChops.difference(one, other).histogram()[128:])


def test_a_chart_drawn_in_place_has_its_titles(browser: Browser, base: str, visit: Visit):
    """Other numbers in the same figure: its titles say on the screen what those of a new one say."""
    before = _title(visit)
    visit.page.get_by_role("button", name="Status", exact=True).click()
    visit.page.get_by_role("checkbox", name="ERROR").check()
    visit.page.wait_for_url(re.compile("status=ERROR"))
    visit.settled(*CHARTS)
    visit.page.keyboard.press("Escape")
    with visiting(browser, f"{base}/latency?status=ERROR") as fresh:
        fresh.settled(*CHARTS)
        wanted = _title(fresh)
    assert _differing(before, wanted) > 40
    visit.page.wait_for_timeout(300)  # a canvas paints when it has time
    assert _differing(_title(visit), wanted) < 10


def test_a_browser_that_draws_nothing_gets_all_charts(visit: Visit):
    """In a tab that nobody looks at nothing is drawn: what waits for that comes all the same."""
    visit.page.evaluate("window.requestAnimationFrame = () => 0")
    visit.page.get_by_role("button", name="Status", exact=True).click()
    visit.page.locator('input[data-value="ERROR"]').check()
    visit.page.wait_for_url("**status=ERROR**")
    visit.settled(*CHARTS)
