"""Costs: by hand for one call, and call by call as the price library computes them."""

from __future__ import annotations

import genai_prices
import pyarrow as pa
import pytest
from hypothesis import given

from argus_lab.measures.costs import costs
from argus_lab.testing import make_span
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import tables
from tests.measures.samples import spans_of, support_sessions

PARTS = ("fresh_input_cost_usd", "cache_read_cost_usd", "cache_write_cost_usd", "output_cost_usd")


def test_one_call_of_the_sample_by_hand():
    """Claude Sonnet 4.5 in May 2026: 3, 0.30, 3.75 and 15 dollars a million tokens."""
    call = next(row for row in rows_of(costs(support_sessions())) if row["provider"] == "anthropic")
    read, kept = call["cache_read_tokens"] or 0, call["cache_write_tokens"] or 0
    fresh = call["input_tokens"] - read - kept
    by_hand = fresh * 3e-6 + read * 0.3e-6 + kept * 3.75e-6 + call["output_tokens"] * 15e-6
    assert kept > 0
    assert call["cost_usd"] == pytest.approx(by_hand, rel=1e-12)
    assert call["price_source"] == "anthropic/claude-sonnet-4-5"
    assert call["why_unpriced"] is None


def test_calls_of_the_sample_each_as_the_library_has_them():
    """940 calls priced one by one; 246 of the local model are not, and say why."""
    rows = rows_of(costs(support_sessions()))
    priced = [row for row in rows if row["cost_usd"] is not None]
    assert (len(rows), len(priced)) == (1186, 940)
    for row in priced:
        usage = genai_prices.Usage(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cache_read_tokens=row["cache_read_tokens"] or 0,
            cache_write_tokens=row["cache_write_tokens"] or 0,
        )
        whole = genai_prices.calc_price(
            usage,
            row["response_model"],
            provider_id=row["provider"],
            genai_request_timestamp=row["start_time"],
        )
        assert row["cost_usd"] == pytest.approx(float(whole.total_price), rel=1e-9)
        assert row["cost_usd"] == pytest.approx(sum(row[part] for part in PARTS) + row["request_cost_usd"])
    assert {row["why_unpriced"] for row in rows if row["cost_usd"] is None} == {
        "ollama runs models on machines of your own: there is no list price"
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(engine: str):
    """The same rows in the same order from every engine."""
    assert rows_of(costs(ENGINES[engine](support_sessions()))) == rows_of(costs(support_sessions()))
    assert rows_of(costs(ENGINES[engine](support_sessions().slice(0, 0)))) == []


@pytest.mark.parametrize(
    ("columns", "why", "known"),
    [
        ({"input_tokens": None}, "input tokens are not known", "output_cost_usd"),
        ({"output_tokens": None}, "output tokens are not known", "fresh_input_cost_usd"),
        ({"cache_read_tokens": 5000}, "more cached tokens than input", "output_cost_usd"),
        ({"start_time": None}, "no start time", None),
    ],
)
def test_half_known_usage_has_no_total(columns, why, known):
    """A sum of which a part is unknown is unknown; the part that is known stands there."""
    call = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 10}
    (row,) = rows_of(costs(spans_of(make_span(1, **call | columns))))
    assert why in row["why_unpriced"]
    assert row["cost_usd"] is None
    assert [part for part in (PARTS[0], PARTS[3]) if row[part] is not None] == ([known] if known else [])


def test_embeddings_have_no_output_to_pay_for():
    """Their missing output is no unknown."""
    call = {"span_type": "embedding", "provider": "openai", "request_model": "text-embedding-3-small"}
    (row,) = rows_of(costs(spans_of(make_span(1, **call, input_tokens=1_000_000, output_tokens=None))))
    assert row["cost_usd"] == pytest.approx(0.02)


def test_a_wrapper_is_not_paid_twice():
    """A span around a call that repeats its usage is no call of its own."""
    outer = make_span(0, span_type="llm", provider="openai", input_tokens=1200, output_tokens=80)
    inner = make_span(1, provider="openai", request_model="gpt-4o")
    assert [row["span_id"] for row in rows_of(costs(spans_of(outer, inner)))] == [inner["span_id"]]


@given(spans=tables())
def test_a_cost_or_a_reason(spans: pa.Table):
    """Of any spans, each call has either a cost, which is its parts' sum, or a reason why not."""
    for row in rows_of(costs(spans)):
        assert (row["cost_usd"] is None) == (row["why_unpriced"] is not None)
        if row["cost_usd"] is not None:
            assert row["cost_usd"] == pytest.approx(
                sum(row[part] for part in PARTS) + row["request_cost_usd"], abs=1e-15
            )
            assert row["cost_usd"] >= 0
