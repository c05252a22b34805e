"""Tokens: sums as SQL has them, costs as the calls' own, in every engine, whatever the spans."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given

import argus_lab as al
from argus_lab.measures.costs import costs
from argus_lab.measures.tokens import ORDER, tokens
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, differences, rows_of
from tests.measures.generated import tables
from tests.measures.samples import DATASETS, spans_of, support_sessions

SQL = """
SELECT {key} AS key, count(*) AS calls, sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens, sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
    sum(input_tokens - coalesce(cache_read_tokens, 0) - coalesce(cache_write_tokens, 0))::BIGINT
        AS fresh_input_tokens,
    sum(input_tokens + output_tokens)::BIGINT AS total_tokens
FROM spans WHERE span_type = 'llm' AND input_tokens IS NOT NULL GROUP BY ALL ORDER BY key NULLS LAST
"""
USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("column", ["request_model", "service_version", "provider"])
def test_the_sample_as_sql_has_it(engine: str, column: str, *, priced: bool):
    """Calls and tokens by a column, with and without prices, in every engine."""
    session = duckdb.connect()
    session.register("spans", support_sessions())
    expected = session.sql(SQL.format(key=column)).to_arrow_table().to_pylist()
    found = rows_of(tokens(ENGINES[engine](support_sessions()), by=column, prices=priced))
    assert not differences([{"key": row.pop(column)} | row for row in found], expected)


def test_the_sample_as_its_facts_have_it():
    """What the generator wrote down beside the data."""
    facts = json.loads((DATASETS / "support-sessions.facts.json").read_text())["models"]
    for row in rows_of(tokens(support_sessions(), by="request_model")):
        known = facts[row["request_model"]]
        assert row["calls"] == known["calls"] - known["failed_calls"]
        assert {name: row[name] for name in USAGE} == {name: known[name] for name in USAGE}


@pytest.mark.parametrize("engine", ENGINES)
def test_costs_are_the_calls_own(engine: str):
    """By day and model, the sum of what each call costs; local models are listed, not 0."""
    expected: dict[Any, float] = defaultdict(float)
    for call in rows_of(costs(support_sessions())):
        key = (call["start_time"].date(), call["request_model"])
        expected[key] += call["cost_usd"] or 0
    found = rows_of(tokens(ENGINES[engine](support_sessions()), by="request_model", every="1d"))
    assert {(row["time"].date(), row["request_model"]) for row in found} == expected.keys()
    for row in found:
        is_local = row["request_model"] == "qwen3:8b"
        assert row["unpriced_models"] == ("qwen3:8b" if is_local else None)
        assert (row["priced_calls"], row["unpriced_calls"])[is_local] == row["calls"]
        key = (row["time"].date(), row["request_model"])
        assert row["cost_usd"] == (None if is_local else pytest.approx(expected[key], rel=1e-9))


@pytest.mark.parametrize("engine", ["pandas", "polars lazy", "duckdb"])
@given(spans=tables())
def test_any_spans(engine: str, spans: pa.Table):
    """The whole is the sum of the calls that count; a sum over no known number is null."""
    calls = rows_of(costs(spans))
    found = rows_of(tokens(ENGINES[engine](spans)))
    if not calls:
        assert found == []
        return
    (row,) = found
    for name in (*USAGE, "cost_usd", "reported_cost_usd"):
        known = [call[name] for call in calls if call[name] is not None]
        assert row[name] == (pytest.approx(sum(known)) if known else None)
    assert row["calls"] == len(calls) == row["priced_calls"] + row["unpriced_calls"]
    unpriced = {
        c["response_model"] or c["request_model"] or "(no model)" for c in calls if c["cost_usd"] is None
    }
    assert row["unpriced_models"] == (", ".join(sorted(unpriced)) or None)


def test_reported_cost_stands_beside_the_priced_one():
    """What the sender says it cost is summed for itself."""
    rows = [
        make_span(n, provider="openai", request_model="gpt-4o", cost_usd=cost)
        for n, cost in ((1, 0.5), (3, 0.25))
    ]
    (row,) = rows_of(tokens(spans_of(*rows)))
    assert row["reported_cost_usd"] == pytest.approx(0.75)
    assert row["cost_usd"] == pytest.approx(2 * 1200 * 2.5e-6 + 2 * 80 * 10e-6 + 400 * 2.5e-6, rel=0.5)


def test_a_bill_by_the_right_tier():
    """Two short prompts do not cost what one long prompt does, also where the engine sums them up."""
    call = {"provider": "anthropic", "request_model": "claude-sonnet-4-5", "output_tokens": 0}
    short = spans_of(*(make_span(n, **call, input_tokens=150_000) for n in (1, 3)))
    long = spans_of(make_span(1, **call, input_tokens=300_000))
    bills = [rows_of(tokens(frame))[0]["cost_usd"] for frame in (short, long)]
    assert bills == [pytest.approx(0.9), pytest.approx(1.8)]


def test_without_prices_a_lazy_frame_stays_lazy():
    """Without prices nothing is read before one asks; the columns of prices are not there."""
    result = tokens(ENGINES["polars lazy"](support_sessions()), prices=False)
    names = [
        name
        for name in ORDER
        if name not in {"cost_usd", "priced_calls", "unpriced_calls", "unpriced_models"}
    ]
    assert result.collect_schema().names() == names


@pytest.mark.parametrize("engine", ENGINES)
def test_no_spans_no_groups(engine: str):
    """An empty frame gives an empty one with all columns."""
    empty = ENGINES[engine](support_sessions().slice(0, 0))
    for result in (tokens(empty), tokens(empty, by="name", every="1d"), tokens(empty, prices=False)):
        assert rows_of(result) == []
    assert tokens(support_sessions().slice(0, 0)).column_names == ORDER


def test_a_group_may_not_be_called_like_a_result():
    """Two columns of one name would be one."""
    with pytest.raises(al.InvalidArgument, match="rename yours"):
        tokens(support_sessions(), by="input_tokens")
