"""Every figure on the sample sessions, on hostile texts and on nothing: what it says, that it is valid."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from bokeh.core.validation import check_integrity
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, HoverTool, LinearAxis, LogScale, PlainText
from bokeh.plotting import figure

from argus_lab import figures
from argus_lab.errors import InvalidArgument
from argus_lab.figures.bars import laid_out
from argus_lab.figures.collapsing import rows
from argus_lab.frames import pandas_of
from argus_lab.measures.compare import compare
from argus_lab.measures.critical_path import critical_path
from argus_lab.measures.steps import steps
from argus_lab.testing import make_span
from tests.measures.samples import spans_of, support_sessions

HOSTILE = "<script>alert(1)</script> $$x^2$$ @{name}{safe} \x1b[31m\u202e" + "y" * 10_000


@cache
def _sample() -> pd.DataFrame:
    return pandas_of(support_sessions())


def _session(name: str) -> pd.DataFrame:
    return _sample()[_sample()["session_id"] == name]


def _largest_trace() -> pd.DataFrame:
    sample = _sample()
    return sample[sample["trace_id"] == sample["trace_id"].value_counts().index[0]]


def _compared() -> pd.DataFrame:
    return compare(_sample(), by="request_model", values=("gpt-5-mini", "qwen3:8b"), resamples=20)


FIGURES = {
    "waterfall": lambda: figures.waterfall(_largest_trace(), max_rows=20),
    "latency_over_time": lambda: figures.latency_over_time(_sample(), every="6h"),
    "latency_over_time by": lambda: figures.latency_over_time(
        _sample(), every="1d", by=["service", "status"]
    ),
    "latency_distribution": lambda: figures.latency_distribution(_sample()),
    "latency_distribution by": lambda: figures.latency_distribution(_sample(), by="name"),
    "tokens": lambda: figures.tokens_over_time(_sample(), every="1d"),
    "tokens by": lambda: figures.tokens_over_time(_sample(), every="1d", by="request_model"),
    "cost": lambda: figures.tokens_over_time(_sample(), every="1d", by="request_model", values="cost"),
    "session_timeline": lambda: figures.session_timeline(_session("story-gives-up")),
    "context_growth": lambda: figures.context_growth(_session("story-context-overflow")),
    "comparison": lambda: figures.comparison(_compared()),
}
TAKE_SPANS = {name: getattr(figures, name) for name in figures.__all__ if name != "comparison"}
UNITS = re.compile(r"\((?:ms|s|min|h)\b.*\)|\(UTC\)|UTC;|spans|tokens|dollars|number|log scale")


@cache
def _made(name: str) -> Any:
    return FIGURES[name]()


def _plots(made: Any) -> list[figure]:
    found = list(made.select({"type": figure})) or [made]
    return sorted(found, key=lambda plot: not plot.title.text.text)


def _hostile() -> pd.DataFrame:
    given = {"name": HOSTILE, "component_name": HOSTILE, "service": HOSTILE, "error_message": HOSTILE}
    given |= {"trace_id": "a" * 32, "session_id": HOSTILE, "request_model": HOSTILE, "status": "ERROR"}
    root = make_span(0, **given)
    others = [make_span(n, **given, parent_span_id=root["span_id"]) for n in range(1, 40)]
    return pandas_of(spans_of(root, *others))


def _texts(made: Any) -> list[str]:
    """Everything that a browser is given, texts of columns and labels alike."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for part in [*value.keys(), *value.values()]:
                walk(part)
        elif isinstance(value, list | tuple):
            for part in value:
                walk(part)

    walk(json.loads(json.dumps(json_item(made))))
    return found


@pytest.fixture(params=FIGURES)
def made(request: pytest.FixtureRequest) -> Any:
    """Each figure on the sample data."""
    return _made(request.param)


def test_figures_are_valid(made: Any, caplog: pytest.LogCaptureFixture):
    """Bokeh serialises each figure and finds nothing to warn about."""
    with caplog.at_level(logging.WARNING, logger="bokeh"):
        check_integrity(made.references())
        assert json_item(made)["doc"]
    assert not caplog.records


def test_figures_name_themselves_and_their_units(made: Any):
    """A title, for screen readers too; every axis that shows numbers says of what."""
    plots = _plots(made)
    assert plots[0].title.text.text
    assert plots[0].html_attributes["aria-label"].startswith(plots[0].title.text.text)
    for plot in plots:
        numbered = [axis for axis in plot.axis if axis.visible and not axis.major_label_overrides]
        assert all(UNITS.search(axis.axis_label) for axis in numbered), [a.axis_label for a in numbered]


def test_figures_have_tooltips_of_columns_that_are_there(made: Any):
    """What a tooltip asks for is in the data of every glyph that it is for; nothing goes unescaped."""
    tools = list(made.select({"type": HoverTool}))
    assert tools
    for tool in tools:
        names = re.findall(r"@\{(\w+)\}", tool.tooltips)
        assert names
        assert "{safe}" not in tool.tooltips
        assert all(set(names) <= set(shown.data_source.column_names) for shown in tool.renderers)


def test_figures_need_no_network_and_run_no_script_of_ours(made: Any):
    """No address and no callback is in what a browser is given."""
    text = json.dumps(json_item(made))
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "CustomJS" not in text


@pytest.mark.parametrize("name", TAKE_SPANS)
def test_nothing_is_said_in_words(name: str, caplog: pytest.LogCaptureFixture):
    """A frame without rows gives a figure with a sentence, not an exception, and a valid one."""
    made = TAKE_SPANS[name](_sample().iloc[:0])
    said = [label.text.text for label in made.center if hasattr(label, "text")]
    assert len(said[0].split()) > 6
    with caplog.at_level(logging.WARNING, logger="bokeh"):
        check_integrity(made.references())
    assert not caplog.records


def test_a_comparison_of_nothing_says_so():
    """The same for a comparison without rows."""
    made = figures.comparison(_compared().iloc[:0])
    assert "Neither side" in made.center[-1].text.text


@pytest.mark.parametrize("name", TAKE_SPANS)
def test_hostile_texts_are_short_and_only_text(name: str):
    """Ten kilobytes of markup, formulas and control characters: shortened, and never parsed."""
    made = TAKE_SPANS[name](_hostile(), **({"by": "name"} if "latency" in name or "tokens" in name else {}))
    own = [text for text in _texts(made) if "yyy" in text]
    assert max(map(len, own), default=0) < 700
    assert not any("\x1b" in text or "\u202e" in text for text in own)
    for plot in _plots(made):
        assert isinstance(plot.title.text, PlainText)
        for axis in plot.axis:
            assert all(isinstance(text, PlainText) for text in axis.major_label_overrides.values())


def test_several_traces_or_sessions_are_refused_with_advice():
    """The error says how many there are and shows how to choose one."""
    with pytest.raises(InvalidArgument, match=r"571.*spans\[spans.trace_id == '"):
        figures.waterfall(_sample())
    with pytest.raises(InvalidArgument, match=r"300.*spans\[spans.session_id == '"):
        figures.session_timeline(_sample())
    with pytest.raises(InvalidArgument, match="context_growth draws one session"):
        figures.context_growth(_sample())
    with pytest.raises(InvalidArgument, match="max_rows=2"):
        figures.waterfall(_largest_trace(), max_rows=2)
    with pytest.raises(InvalidArgument, match="'tokens' or 'cost'"):
        figures.tokens_over_time(_sample(), values="dollars")
    with pytest.raises(InvalidArgument, match=r"draws what al.compare gives, not spans"):
        figures.comparison(_sample())


@cache
def _many(count: int) -> pa.Table:
    """A trace of an agent, its workers, and thousands of searches and calls below them."""
    kinds = [{"component_name": "search"}, {"component_name": "chat"}, {"component_name": "fetch"}]
    same = {"trace_id": "b" * 32, "session_id": "s"}
    found = [make_span(0, **same, parent_span_id=None, component_name="agent")]
    workers = [make_span(n, **same, parent_span_id=found[0]["span_id"]) for n in range(1, 25)]
    found += [worker | {"component_name": f"worker {n}"} for n, worker in enumerate(workers)]
    for n in range(25, count):
        above = found[1 + n % 24]["span_id"]
        status = "ERROR" if n % 997 == 0 else "UNSET"
        found.append(make_span(n, **same, **kinds[n % 3], parent_span_id=above, status=status))
    return spans_of(*found)


def test_a_huge_trace_is_a_small_figure():
    """33,000 spans: bounded rows and glyphs, and the subtitle says how many spans are inside rows."""
    made = figures.waterfall(_many(33_000), max_rows=60)
    sources = made.select({"type": ColumnDataSource})
    assert sum(len(next(iter(source.data.values()))) for source in sources) < 60 * 2 * 48 + 60 + 1300
    left = made.yaxis[0]
    assert len(left.ticker.ticks) <= 60
    singles = sum(not re.search(r"×|more", text.text) for text in left.major_label_overrides.values())
    subtitle = next(
        title.text.text for title in made.above if title is not made.title and hasattr(title, "text")
    )
    assert "33,000 spans" in subtitle
    assert f"{33_000 - singles:,} of the spans are inside" in subtitle


def test_rows_of_a_waterfall_show_what_their_spans_did():
    """Extents, sums, errors and the critical path against sums over the same spans."""
    read = pandas_of(pa.table(steps(_many(2_000))))
    chosen = rows(read["depth"].tolist(), read["label"].tolist(), [1.0] * len(read), max_rows=30)
    shown = laid_out(read, pandas_of(pa.table(critical_path(_many(2_000)))), chosen)
    end = read["offset_ms"] + read["duration_ms"]
    for row, bar in zip(chosen, shown.bars.to_dict("records"), strict=True):
        assert bar["left"] == read["offset_ms"].iloc[row.members].min()
        assert bar["right"] == end.iloc[row.members].max()
        failed = int((read["status"].iloc[row.members] == "ERROR").sum())
        assert ("failed" in bar["label"]) == bool(failed)
    path = pandas_of(pa.table(critical_path(_many(2_000))))
    waited = path["duration_ms"][path["span_id"].notna()].sum()
    assert np.isclose((shown.path["right"] - shown.path["left"]).sum(), waited)
    assert shown.strips["alpha"].between(0.25, 1).all()


def test_the_waterfall_shows_durations_in_a_column():
    """Lengths stand at the right, formatted, as wide as each other."""
    made = _made("waterfall")
    right = next(axis for axis in made.right if isinstance(axis, LinearAxis))
    texts = [text.text for text in right.major_label_overrides.values()]
    assert len({len(text) for text in texts}) == 1
    assert all(re.search(r"\d (ms|s|µs|min)", text) for text in texts)


def test_latencies_use_a_log_axis_for_distributions():
    """Durations of milliseconds and of minutes are both seen."""
    assert isinstance(_made("latency_distribution by").x_scale, LogScale)


def test_what_is_left_out_is_said():
    """More groups than looks: the subtitle counts those not drawn."""
    subtitle = _made("latency_distribution by").html_attributes["aria-label"]
    assert re.search(r"the 12 largest of \d+ groups are drawn", subtitle)


def test_calls_without_a_price_are_counted():
    """The cost figure names the model that has no list price."""
    assert re.search(r"\d+ calls without a list price.*qwen3:8b", _made("cost").html_attributes["aria-label"])


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_figures_take_frames_of_any_engine(kind: str):
    """The same picture from pandas, Polars and Arrow."""
    table = pa.Table.from_pylist([], schema=support_sessions().schema)
    table = pa.concat_tables([table, support_sessions().slice(0, 400)])
    given = {"pandas": pandas_of, "arrow": lambda rows: rows}
    if kind == "polars":
        import polars as pl

        given["polars"] = pl.DataFrame
    assert figures.latency_distribution(given[kind](table)).title.text.text == "How long spans take"


def test_without_bokeh_the_line_that_installs_it_is_said():
    """The names can be listed without Bokeh; using one raises MissingExtra with the cure."""
    code = (
        "import sys; sys.modules['bokeh'] = None\n"
        "from argus_lab import figures; from argus_lab.errors import MissingExtra\n"
        "assert 'waterfall' in dir(figures)\n"
        "for name in figures.__all__:\n"
        "    try: getattr(figures, name)\n"
        "    except MissingExtra as error: assert \"pip install 'argus-lab[dash]'\" in str(error)\n"
        "    else: raise SystemExit(name)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_measures_need_no_bokeh():
    """Listing figures loads nothing that draws."""
    code = "import sys; from argus_lab import figures; dir(figures); assert 'bokeh' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
