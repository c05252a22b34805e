"""Answers and agents: sums over traces against plain Python, whatever the spans."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from argus_lab.measures.agents import with_agents
from argus_lab.measures.answers import answers
from argus_lab.measures.counted import counted
from argus_lab.measures.tokens import tokens, tokens_of_calls
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, differences, rows_of
from tests.measures.generated import conversations, tables
from tests.measures.samples import spans_of, support_sessions


@pytest.mark.parametrize("engine", ["pandas", "polars lazy", "duckdb"])
@given(spans=tables())
def test_any_spans(engine: str, spans: pa.Table):
    """Answers, calls and quantiles are those of sums in Python over the calls that count."""
    (row,) = rows_of(answers(ENGINES[engine](spans))) or [None]
    each: dict[str, list[int]] = defaultdict(list)
    for call in counted(spans).to_pylist():
        each[call["trace_id"]].append((call["input_tokens"] or 0) + (call["output_tokens"] or 0))
    if not each:
        assert row is None
        return
    sums = [sum(found) for found in each.values()]
    assert row is not None
    assert (row["answers"], row["calls"]) == (len(each), sum(map(len, each.values())))
    assert row["total_tokens_p90"] == pytest.approx(np.quantile(sums, 0.9))
    assert row["total_tokens_max"] == max(sums)


def test_answers_start_with_their_first_call():
    """An answer whose calls are of two days is one of the first day."""
    rows = rows_of(answers(support_sessions(), every="1d"))
    assert sum(row["answers"] for row in rows) == rows_of(answers(support_sessions()))[0]["answers"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_nearest_agent_above(engine: str):
    """Below an agent without a name of one's own; what an agent hands to another is the other's."""
    top = make_span(0, agent_name="mira", parent_span_id=None)
    call = make_span(1, parent_span_id=top["span_id"])
    other = make_span(2, parent_span_id=call["span_id"], agent_name="otto")
    below = make_span(3, parent_span_id=other["span_id"])
    alone = make_span(4, parent_span_id="f" * 16)
    rows = [row | {"tags": None} for row in (below, alone, other, call, top)]
    found = rows_of(with_agents(ENGINES[engine](spans_of(*rows).drop(["tags"]))))
    assert {row["span_id"]: row["agent_name"] for row in found} == {
        top["span_id"]: "mira",
        call["span_id"]: "mira",
        other["span_id"]: "otto",
        below["span_id"]: "otto",
        alone["span_id"]: None,
    }


@given(spans=conversations())
def test_circles_and_orphans_end_the_search(spans: pa.Table):
    """Whatever the parents, DuckDB finds the agents that the arrays find, and keeps every row once."""
    given = spans.drop(["tags"])
    found, wanted = rows_of(with_agents(ENGINES["duckdb"](given))), rows_of(with_agents(given))
    key = lambda row: row["span_id"]  # noqa: E731  said twice
    assert [row["agent_name"] for row in sorted(found, key=key)] == [
        row["agent_name"] for row in sorted(wanted, key=key)
    ]


@pytest.mark.parametrize("by", [None, "request_model", "service"])
def test_calls_that_are_known_to_count_give_the_same(by: str | None):
    """Sums of calls that are marked and priced already are those of al.tokens."""
    from argus_lab.measures.costs import costs

    spans = support_sessions()
    price = {(row["trace_id"], row["span_id"]): row["cost_usd"] for row in rows_of(costs(spans))}
    calls = counted(spans)
    keys = zip(calls["trace_id"].to_pylist(), calls["span_id"].to_pylist(), strict=True)
    calls = calls.append_column("paid", pa.array([price[key] for key in keys], pa.float64()))
    for every in (None, "1d"):
        found = tokens_of_calls(calls, by=by, every=every, cost="paid").to_pylist()
        assert not differences(found, rows_of(tokens(spans, by=by, every=every)))
