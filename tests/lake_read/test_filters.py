"""Filters give the rows that plain pandas gives, whichever engine answers and whatever is pruned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.testing import NOON
from tests.lake_read.conftest import PROJECTS, SERVICES, SESSIONS

INJECTIONS = [
    "' OR '1'='1",
    "x'; DROP VIEW picked; --",
    "\\' OR 1=1 --",
    '" OR 1=1 --',
    "$1",
    "?",
    "{}",
    "%",
    "*",
    "NULL",
    "x\x00' OR 1=1 --",
    "customer-bot' --",
    "customer-bot/*",
]
COLUMN = {"project": "project", "service": "service", "session": "session_id", "trace": "trace_id"}
MOMENTS = st.integers(-86400, 5 * 86400).map(lambda s: NOON + timedelta(seconds=s))


def _one_or_several(values: list[str]) -> st.SearchStrategy[str | list[str]]:
    known = st.sampled_from([*values, "no such", ""])
    return known | st.lists(known, max_size=4)


TRACES = [f"{n:032x}" for n in range(0, 45, 3)]
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "project": _one_or_several(PROJECTS),
        "service": _one_or_several(SERVICES),
        "session": _one_or_several(SESSIONS),
        "trace": st.sampled_from(TRACES) | st.lists(st.sampled_from(TRACES), max_size=3),
        "since": MOMENTS,
        "until": MOMENTS,
        "where": st.sampled_from([None, "input_tokens >= 500"]),
    },
).filter(lambda s: not ("since" in s and "until" in s and s["until"] < s["since"]))


def expected(frame: pd.DataFrame, selection: dict[str, Any]) -> set[str]:
    """The span ids that the selection means, said in pandas."""
    kept = pd.Series(True, index=frame.index)
    for name, column in COLUMN.items():
        if name in selection:
            value = selection[name]
            kept &= frame[column].isin([value] if isinstance(value, str) else value)
    if "since" in selection:
        kept &= frame["start_time"] >= selection["since"]
    if "until" in selection:
        kept &= frame["start_time"] < selection["until"]
    if selection.get("where"):
        kept &= frame["input_tokens"] >= 500
    return set(frame["span_id"][kept])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(selection=SELECTIONS)
def test_every_selection_gives_what_pandas_gives(
    mixed_lake: al.Lake, mixed_frame: pd.DataFrame, selection: dict[str, Any]
):
    """spans() and count() agree with a pandas filter over the same rows, for any mix of filters."""
    wanted = expected(mixed_frame, selection)
    found = mixed_lake.spans(columns=["span_id"], **selection)
    assert set(found["span_id"]) == wanted
    assert len(found) == len(wanted)
    assert mixed_lake.count(**selection) == len(wanted)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(selection=SELECTIONS, limit=st.integers(0, 30), order=st.sampled_from(["stored", "oldest", "newest"]))
def test_a_limit_is_a_prefix_and_says_what_it_cut(
    mixed_lake: al.Lake, selection: dict[str, Any], limit: int, order: Any
):
    """limit=n gives the first n rows of the same call without it, and attrs tell the difference."""
    whole = mixed_lake.spans(columns=["span_id", "start_time"], order=order, **selection)
    cut = mixed_lake.spans(columns=["span_id", "start_time"], order=order, limit=limit, **selection)
    assert cut["span_id"].tolist() == whole["span_id"].tolist()[:limit]
    told = cut.attrs["argus"]
    assert (told["matched"], told["returned"]) == (len(whole), len(cut))
    assert told["cut"] == (len(cut) < len(whole))


@pytest.mark.parametrize("name", ["project", "service", "session"])
@pytest.mark.parametrize("text", INJECTIONS)
def test_values_are_never_read_as_sql(mixed_lake: al.Lake, name: str, text: str):
    """Hostile text in a filter matches nothing and breaks nothing, alone, listed, or beside where=."""
    for selection in ({name: text}, {name: [text, "x"]}, {name: text, "where": "true"}):
        assert mixed_lake.count(**selection) == 0
        assert len(mixed_lake.spans(order="newest", **selection)) == 0
    assert mixed_lake.count() == 400


@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_text_that_was_stored_is_found(tmp_path_factory: pytest.TempPathFactory, text: str):
    """The same texts, stored as project, service and session, are found exactly by each filter."""
    from argus_lab.testing import make_span
    from tests.lake_read.lakes import write

    place = str(tmp_path_factory.mktemp("hostile") / "lake")
    write(place, [make_span(0, project=text, service=text, session_id=text), make_span(1)])
    lake = al.open(place)
    for name in ("project", "service", "session"):
        assert lake.spans(**{name: text})["service"].tolist() == [text]
        assert lake.count(**{name: text}, where="true") == 1
    assert lake.session(text)["session_id"].tolist() == [text]
    assert text in lake.projects()["project"].tolist()
    assert lake.sql("SELECT count(*) AS n FROM spans WHERE project = $p", {"p": text})["n"][0] == 1


@pytest.mark.parametrize(
    "where", ["1=1) OR (1=1", "true; SELECT 1", "true UNION SELECT 1", "true LIMIT 1", "a, b", ""]
)
def test_where_is_one_condition(mixed_lake: al.Lake, where: str):
    """What would reach beyond the brackets of a condition is refused, with DuckDB's words."""
    with pytest.raises(al.InvalidArgument, match="DuckDB cannot run"):
        mixed_lake.count(project="customer-bot", where=where)


def test_where_may_end_in_a_comment(mixed_lake: al.Lake):
    """A comment at the end does not swallow the closing bracket or what follows."""
    rows = mixed_lake.spans(where="input_tokens = 500 -- only these", limit=1, order="oldest")
    assert rows["input_tokens"].tolist() == [500]


@pytest.mark.parametrize(
    ("where", "params"),
    [("input_tokens = $n", {"n": 500}), ("input_tokens = ?", [500]), ("input_tokens = $1", (500,))],
)
def test_parameters_are_bound(mixed_lake: al.Lake, mixed_frame: pd.DataFrame, where: str, params: Any):
    """Named and positional parameters reach the condition beside other filters."""
    found = mixed_lake.count(where=where, params=params, service=["tools", "gateway"])
    kept = mixed_frame["service"].isin(["tools", "gateway"]) & (mixed_frame["input_tokens"] == 500)
    assert found == kept.sum()


@pytest.mark.parametrize("params", [{"x": "' OR '1'='1"}, {"x": "x') OR (1=1"}])
def test_parameters_are_values(mixed_lake: al.Lake, params: dict[str, str]):
    """A parameter is never part of the condition's text."""
    assert mixed_lake.count(where="service = $x", params=params) == 0


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        ({"projct": "x"}, "did you mean 'project'"),
        ({"input_tokens": 5}, "where='input_tokens = "),
        ({"project": 5}, "text is expected"),
        ({"project": b"x"}, "text is expected"),
        ({"service": ["x", None]}, "got None"),
        ({"trace": "xyz"}, "32 hexadecimal digits"),
        ({"trace": ""}, "32 hexadecimal digits"),
        ({"params": [1]}, "no where= was given"),
        ({"where": 5}, "no text"),
        ({"where": "true", "params": "abc"}, "a list for"),
        ({"where": "nope > 1"}, "nope"),
        ({"where": "input_tokens > $x"}, "following parameters: x"),
        ({"where": "input_tokens > $x", "params": {"y": 1}}, "following parameters: x"),
        ({"since": "24h", "until": "48h"}, "before since"),
        ({"since": "2026-03-01"}, "no time zone"),
        ({"limit": -1}, "whole number"),
        ({"limit": 1.0}, "whole number"),
        ({"limit": True}, "whole number"),
        ({"order": "random"}, "'stored', 'oldest', 'newest'"),
        ({"columns": ["nme"]}, "did you mean 'name'"),
        ({"columns": "lite"}, "no such column: 'lite'"),
    ],
)
def test_wrong_arguments_are_told_apart(mixed_lake: al.Lake, selection: dict[str, Any], says: str):
    """Every misuse is InvalidArgument with the cure, never a silent empty answer or a foreign error."""
    with pytest.raises(al.InvalidArgument, match=says):
        mixed_lake.spans(**selection)


def test_lists_of_any_kind_are_taken(mixed_lake: al.Lake):
    """A tuple, a set, a NumPy array, a pandas Series and a generator all mean their values."""
    wanted = mixed_lake.count(service=["tools", "gateway"])
    names = ("tools", "gateway")
    for values in (names, set(names), np.array(names), pd.Series(names), (name for name in names)):
        assert mixed_lake.count(service=values) == wanted


def test_none_means_any_and_empty_means_none(mixed_lake: al.Lake):
    """None is the same as leaving a filter out; an empty list selects nothing."""
    assert mixed_lake.count(project=None, since=None, where=None, params=None) == 400
    assert mixed_lake.count(project=[]) == 0
    assert len(mixed_lake.spans(trace=[])) == 0


def test_trace_ids_are_found_in_any_spelling(mixed_lake: al.Lake, mixed_rows: list[dict[str, Any]]):
    """Upper case and UUID hyphens do not hide a trace from the filter."""
    plain = mixed_rows[0]["trace_id"]
    uuid = f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}".upper()
    assert mixed_lake.count(trace=uuid) == mixed_lake.count(trace=plain) > 0
