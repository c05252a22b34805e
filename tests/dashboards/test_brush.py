"""From a picture to code: what is brushed, what is shown of it, and what the lines return, are one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.dashboards import latency_charts, latency_periods, tokens_charts
from argus_lab.dashboards.brushed import brushed
from argus_lab.dashboards.brushing import Brush, brush_of
from argus_lab.dashboards.charts import Chart
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.pieces import Among, Beside, Fact, Piece, Within, condition, joined, pieces_of
from tests.dashboards.support_lake import awkward_rows, write_rows, write_support

SHOP = 'the "shop"\\'
VIEWS = {
    "everything": Choices(),
    "a project": Choices(project=(SHOP, "customer-bot")),
    "a window": Choices(since="2026-05-05T00:00Z", until="2026-05-12T00:00Z"),
    "models": Choices(model=("gpt-5-mini", "qwen3:8b")),
    "tools": Choices(component=("custom_tool", "mcp")),
    "errors": Choices(status=("ERROR",)),
}
MOST = 100_000


@pytest.fixture(scope="module", params=["support", "awkward"])
def digest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Digest]:
    """The digest of a lake of sample sessions, and of one in which what counts is not plain."""
    place = str(tmp_path_factory.mktemp("brushed") / "it's a lake")
    if request.param == "support":
        write_support(place)
    else:
        write_rows(place, awkward_rows())
    found = Digest(place)
    found.wait()
    yield found
    del found


def _time(digest: Digest, choices: Choices, by: str | None, which: int) -> Chart | None:
    whole = latency_charts.first_look(digest, choices, by, "6h").chart
    return latency_charts.first_tokens(digest, choices, whole) if which and whole else whole


def _used(digest: Digest, choices: Choices, by: str | None, every: str, values: Any) -> Chart | None:
    return tokens_charts.first_look(digest, choices, by, every, values).chart


CHARTS: dict[str, Callable[[Digest, Choices], Chart | None]] = {
    "over time": lambda d, c: _time(d, c, None, 0),
    "over time by service": lambda d, c: _time(d, c, "service", 0),
    "first token": lambda d, c: _time(d, c, None, 1),
    "first token by model": lambda d, c: _time(d, c, "request_model", 1),
    "by component": lambda d, c: latency_charts.by_group(d, c, None),
    "by agent": lambda d, c: latency_charts.by_group(d, c, "agent_name"),
    "spread by agent": lambda d, c: latency_charts.how_spread(d, c, "agent_name"),
    "first token by agent": lambda d, c: _time(d, c, "agent_name", 1),
    "spread": lambda d, c: latency_charts.how_spread(d, c, None),
    "spread by type": lambda d, c: latency_charts.how_spread(d, c, "component_type"),
    "periods": lambda d, c: latency_periods.compared(d, c, latency_charts.facts_of(d, c)),
    "tokens": lambda d, c: _used(d, c, None, "6h", "tokens"),
    "tokens by model": lambda d, c: _used(d, c, "request_model", "1d", "tokens"),
    "tokens by agent": lambda d, c: _used(d, c, "agent_name", "1d", "tokens"),
    "cost by project": lambda d, c: _used(d, c, "project", "1d", "cost"),
    "answers": lambda d, c: tokens_charts.answering(d, c, None, "1d"),
    "answers by model": lambda d, c: tokens_charts.answering(d, c, "request_model", "1d"),
    "growth": lambda d, _: _growth(d),
}
"""Every chart of both pages, with and without groups."""


def _growth(digest: Digest) -> Chart | None:
    first = digest.sessions(Choices(), limit=1).rows[0]
    return tokens_charts.growth(digest, first["session_id"], first["project"])


def _returned(code: str) -> pd.DataFrame:
    """The frame that the lines return."""
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  this is what a reader does with them
    return names["calls"] if "calls" in names else names["spans"]


def _ids(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return sorted(zip(frame["trace_id"], frame["span_id"], strict=True))


def _brushes(chart: Chart, choices: Choices) -> Iterator[tuple[list[int], Brush]]:
    rows = list(range(len(chart.numbers)))
    chance = random.Random(5)  # noqa: S311  no secret
    assert chart.pieces is not None
    for chosen in (rows[len(rows) // 3 : len(rows) // 2] or rows[:1], chance.sample(rows, min(4, len(rows)))):
        pieces = chart.pieces(chart.numbers.iloc[chosen])
        yield chosen, brush_of(chart.view or choices, pieces, calls=chart.calls)


OTHERS = [name for name in VIEWS if name != "everything"]


@pytest.mark.parametrize(
    ("name", "view"),
    [(name, view) for n, name in enumerate(CHARTS) for view in ("everything", OTHERS[n % len(OTHERS)])],
)
def test_the_lines_return_what_is_shown(name: str, view: str, digest: Digest):
    """Of every chart, in one view and another: the rows of the page are those of the frame of the lines."""
    choices = VIEWS[view]
    chart = CHARTS[name](digest, choices)
    if chart is None or not len(chart.numbers):
        return
    for chosen, brush in _brushes(chart, choices):
        shown = brushed(digest, brush, MOST)
        assert shown.count == len(shown.rows)
        frame = _returned(brush.code(digest.address))
        assert _ids(frame) == _ids(shown.keys), (chosen, brush.code(digest.address))


@pytest.mark.parametrize("name", CHARTS)
def test_words_say_no_missing_value_of_pandas(name: str, digest: Digest):
    """What a screen reader says of a chart names a group without a name as the chart does."""
    chart = CHARTS[name](digest, Choices())
    assert chart is None or not re.search(r"\b(nan|NaN|None|NaT|NA)\b", chart.words), chart and chart.words


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("over time", "count"),
        ("over time by service", "count"),
        ("first token by model", "ttft_count"),
        ("by component", "count"),
        ("spread", "count"),
        ("spread by type", "count"),
        ("tokens", "calls"),
        ("tokens by agent", "calls"),
        ("tokens by model", "calls"),
    ],
)
def test_as_many_are_selected_as_the_mark_counts(name: str, size: str, digest: Digest):
    """A mark that says so many spans or calls selects so many, those of unknown length beside."""
    chart = CHARTS[name](digest, Choices())
    assert chart is not None
    assert chart.pieces is not None
    for row in range(0, len(chart.numbers), 11):
        pieces = chart.pieces(chart.numbers.iloc[[row]])
        if size == "count":
            pieces = [(*piece, Fact("duration")) for piece in pieces]
        found = brushed(digest, brush_of(Choices(), pieces, calls=chart.calls), MOST)
        assert found.count == chart.numbers[size].iloc[row], chart.numbers.iloc[row]


def test_tokens_of_brushed_calls_add_up(digest: Digest):
    """The sum over the frame that the lines return is the height of the bar: nothing is counted twice."""
    chart = CHARTS["tokens by model"](digest, Choices())
    assert chart is not None
    assert chart.pieces is not None
    for row in range(len(chart.numbers)):
        brush = brush_of(Choices(), chart.pieces(chart.numbers.iloc[[row]]), calls=True)
        calls = _returned(brush.code(digest.address))
        bar = chart.numbers.iloc[row]
        assert calls["input_tokens"].sum() == bar["input_tokens"]
        assert calls["cost_usd"].sum() == pytest.approx(0.0 if pd.isna(bar["cost_usd"]) else bar["cost_usd"])


NASTY = [
    "'",
    '"',
    "\\",
    "'; DROP TABLE spans; --",
    "{x}",
    "$b1",
    "\u202e\x00\n",
    "\ud800",
    "x' OR '1'='1",
    '"""',
    "a\\'",
]


@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_hostile_values_stay_values(value: str, tmp_path: Path):
    """Quotes, line ends and SQL in names are bound and quoted: the lines run, and select nothing else."""
    text = value.replace("\ud800", "?") if "\ud800" in value else value
    choices = Choices(project=(value,), service=(value,), model=(value,))
    brush = brush_of(choices, [(Among("name", (value, None)),), (Beside("service", (value,)),)])
    code = brush.code(str(tmp_path / f"lake{text.replace(chr(0), '')}"))
    compile(code, "brush", "exec")
    assert "\x00" not in code
    assert "\u202e" not in code
    plain = code.replace("import argus_lab as al", "").replace("al.open", "str").replace("lake.spans", "dict")
    given: dict[str, Any] = {}
    exec(plain, given)  # noqa: S102  the lines with nothing behind them
    assert given["spans"]["project"] == value
    assert given["spans"]["params"]["model"] == value
    assert [value] in given["spans"]["params"].values()


def test_hostile_names_select_their_own_spans(digest: Digest):
    """A project of quotes and a backslash, an agent of SQL: found by the lines as by the page."""
    for choices, by in ((Choices(project=(SHOP,)), "agent_name"), (Choices(project=(SHOP,)), "project")):
        chart = _used(digest, choices, by, "1d", "tokens")
        if chart is None or not len(chart.numbers):
            continue
        assert chart.pieces is not None
        brush = brush_of(choices, chart.pieces(chart.numbers), calls=True)
        assert len(_returned(brush.code(digest.address))) == 40


def test_a_view_of_the_last_hours_becomes_moments():
    """What "the last 24 hours" were is written down, so that the lines return the same tomorrow."""
    brush = brush_of(Choices(since="24h"), [()])
    assert brush.selection()["since"].endswith("Z")


def test_stretches_that_touch_become_one_window():
    """Bars next to each other are since and until, not a list of conditions."""
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    hours = [
        (Within("start_time", noon + timedelta(hours=n), noon + timedelta(hours=n + 1)),) for n in range(3)
    ]
    assert brush_of(Choices(), hours).selection() == {
        "since": "2026-05-04T12:00:00Z",
        "until": "2026-05-04T15:00:00Z",
    }


def test_only_columns_of_the_span_table_are_asked():
    """A piece about anything else is a mistake of ours, and stops."""
    with pytest.raises(ValueError, match="no column"):
        brush_of(Choices(), [(Among("name) OR (true", ("x",)),)]).condition()


def test_rows_without_a_group_are_those_with_null():
    """A null among the groups is asked for as null, and a number without bounds as 0 or below."""
    rows = pd.DataFrame({"service": ["a", None], "low": [None, 1.0], "high": [None, 2.0]})
    first, second = pieces_of(rows, ["service"])
    assert first[0] == Within("duration_ms", None, 5e-324)
    assert second[1] == Among("service", (None,))


def _some(*values: str | None) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)


TESTS = st.one_of(
    st.builds(Within, st.just("duration_ms"), st.floats(0, 10), st.floats(10, 1e4)),
    st.builds(Among, st.just("service"), _some("agent", "support-agent", None)),
    st.builds(Beside, st.just("name"), _some("chat", "turn", None)),
    st.builds(Fact, st.sampled_from(["call", "usage", "first token", "error"])),
)


@given(pieces=st.lists(st.lists(TESTS, max_size=3).map(tuple), min_size=1, max_size=4))
def test_any_brush_is_the_union_of_its_pieces(pieces: list[Piece], awkward_frame: pd.DataFrame):
    """However pieces are joined, the condition selects the spans that meet one of them."""
    import duckdb

    text, params = condition(joined(pieces))
    session = duckdb.connect()
    session.register("spans", awkward_frame)
    found = session.execute(f"SELECT span_id FROM spans WHERE {text}", params).fetchall()  # noqa: S608  what is tested
    wanted = awkward_frame[
        [any(_meets(row, piece) for piece in pieces) for row in awkward_frame.to_dict("records")]
    ]
    assert sorted(span for (span,) in found) == sorted(wanted["span_id"])


def _meets(row: dict[str, Any], piece: Piece) -> bool:
    return all(_is(row, test) for test in piece)


def _is(row: dict[str, Any], test: Any) -> bool:
    if isinstance(test, Fact):
        return {
            "call": row["span_type"] == "llm" or row["step_kind"] == "llm_call",
            "usage": pd.notna(row["input_tokens"]) or pd.notna(row["output_tokens"]),
            "first token": pd.notna(row["time_to_first_token_ms"]),
            "error": row["status"] == "ERROR",
        }[test.name]
    value = None if pd.isna(row[test.column]) else row[test.column]
    if isinstance(test, Within):
        return value is not None and test.low <= value < test.high
    return (value in set(test[1])) == isinstance(test, Among)


@pytest.fixture(scope="module")
def awkward_frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The awkward spans as a frame."""
    place = str(tmp_path_factory.mktemp("frame") / "lake")
    write_rows(place, awkward_rows())
    columns = ["span_id", "service", "name", "duration_ms", "status", "span_type", "step_kind"]
    return al.open(place).spans(columns=[*columns, "input_tokens", "output_tokens", "time_to_first_token_ms"])
