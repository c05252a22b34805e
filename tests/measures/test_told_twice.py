"""Captured payloads in which several spans tell one call: every measure counts it once."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given

from argus_lab.conventions import admit
from argus_lab.display.facts import facts_of
from argus_lab.lake.rows import arrow_table, span_rows
from argus_lab.measures.context_growth import context_growth
from argus_lab.measures.messages import messages
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.streamed import joined
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.traces import traces
from argus_lab.otlp import decode
from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.conventions.rows import NOW
from tests.measures.engines import ENGINES, rows_of
from tests.measures.generated import ANSWER, conversations
from tests.otlp import sent

STREAMED = "logfire_openai_stream_pair"
SAID = "It is 18°C and sunny in Paris. "


@cache
def _sample(name: str) -> pa.Table:
    export = decode(json.dumps(sent.sample(f"dialects/{name}.json")).encode(), "json")
    return arrow_table(SPANS, list(span_rows(export, admit(export, project="sample"), NOW)))


def _sum(result: Any, name: str) -> int:
    return sum(row[name] or 0 for row in rows_of(result))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_call_over_mcp_is_one_for_every_measure(engine: str):
    """FastMCP tells each of two calls thrice: its client, the request that it sends, its server."""
    spans = ENGINES[engine](_sample("mcp_fastmcp"))
    assert len(rows_of(tool_calls(spans))) == 2
    for found in (sessions(spans), traces(spans), throughput(spans, every="1d")):
        assert _sum(found, "tool_calls") == 2
    assert [row["tools"] for row in rows_of(traces(spans))] == ["boom, get_weather"]
    assert facts_of(_sample("mcp_fastmcp"))["tool_calls"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_streamed_call_is_one_and_its_usage_counts(engine: str):
    """Logfire tells a streamed call in a request without usage and a log with the answer: no second call."""
    spans = ENGINES[engine](_sample(STREAMED))
    for found in (sessions(spans), traces(spans), throughput(spans, every="1d")):
        assert _sum(found, "model_calls") == 3
        assert _sum(found, "input_tokens") == 82 + 131 + 6
        assert _sum(found, "output_tokens") == 17 + 12
    told = facts_of(_sample(STREAMED))
    assert (told["model_calls"], told["input_tokens"], told["output_tokens"]) == (3, 219, 29)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_streamed_call_is_one_round_with_its_answer(engine: str):
    """The round is the request's, with the tokens, the answer and the time of both."""
    found = rows_of(rounds(ENGINES[engine](_sample(STREAMED))))
    assert len(found) == 3
    (row,) = (row for row in found if row["result_text"] == SAID)
    request, answer = (_sample(STREAMED).slice(place, 1).to_pylist()[0] for place in (1, 2))
    assert (row["span_id"], row["trace_id"]) == (request["span_id"], request["trace_id"])
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (131, 12, 64)
    assert (row["finish_reason"], row["reported_cost_usd"]) == ("stop", answer["cost_usd"])
    assert row["duration_ms"] == (answer["start_unix_nano"] - request["start_unix_nano"]) / 1e6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_streamed_prompt_is_sent_once(engine: str):
    """Its messages stand once, and what fills its prompt is told once, with its tokens."""
    request = _sample(STREAMED)["span_id"][1].as_py()
    spans = ENGINES[engine](_sample(STREAMED))
    said = [(row["role"], row["text"]) for row in rows_of(messages(spans)) if row["span_id"] == request]
    assert said == [
        ("system", "You are a weather assistant."),
        ("user", "What is the weather in Paris?"),
        ("assistant", SAID),
    ]
    assert len(rows_of(messages(spans))) == 8
    assert [row["input_tokens"] for row in rows_of(context_growth(spans))] == [82, 131, None]


def test_an_answer_without_its_request_is_a_round():
    """A frame of the answer's trace alone shows what is known of the call."""
    (row,) = rows_of(rounds(_sample(STREAMED).slice(2, 1)))
    assert (row["result_text"], row["input_tokens"]) == (SAID, 131)
    assert SAID in [row["last_answer"] for row in rows_of(sessions(_sample(STREAMED)))]


def _half(n: int, prompt: str, start: float, **columns: Any) -> dict[str, Any]:
    request = {"input_tokens": None, "output_tokens": None, "input": prompt, "parent_span_id": None}
    moment = NOON + timedelta(seconds=start)
    return make_span(1, span_id=f"{n:016x}", start_time=moment, duration_ms=10.0, **(request | columns))


def _answer(n: int, prompt: str, start: float, said: str, **columns: Any) -> dict[str, Any]:
    return _half(n, prompt, start, **({"output_text": said, "output_tokens": n, **ANSWER} | columns))


def _rounds(*rows: dict[str, Any]) -> list[tuple[int, str | None]]:
    found = rows_of(rounds(pa.Table.from_pylist(list(rows), SPANS.arrow())))
    return [(int(row["span_id"], 16), row["result_text"]) for row in found]


def test_parallel_streams_are_told_apart_by_their_prompts():
    """Each answer goes to the request with its prompt, in whatever order they end."""
    one, two = _half(1, "a", 0), _half(2, "b", 0.1)
    assert _rounds(one, two, _answer(3, "b", 1, "B"), _answer(4, "a", 2, "A")) == [(1, "A"), (2, "B")]


def test_an_answer_goes_to_the_last_request_before_it():
    """A try that was given up has none; what comes before every request has a round of its own."""
    rows = [_half(1, "a", 0), _half(2, "a", 1), _answer(3, "a", 2, "A"), _answer(4, "a", -1, "lost")]
    assert _rounds(*rows) == [(4, "lost"), (1, None), (2, "A")]


@pytest.mark.parametrize(
    "other",
    [
        {"session_id": "other"},
        {"project": "other"},
        {"component_name": "other"},
        {"input": "other"},
        {"parent_span_id": "b" * 16},
    ],
)
def test_what_differs_is_another_call(other: dict[str, str]):
    """In another trace, an answer of another session, project, model, prompt or parent is not this call's."""
    same = {"trace_id": "e" * 32}
    assert len(_rounds(_half(1, "a", 0), _answer(2, "a", 1, "A", **same))) == 1
    assert len(_rounds(_half(1, "a", 0), _answer(2, "a", 1, "A", **same, **other))) == 2


def test_a_request_with_usage_waits_for_no_answer():
    """Only a request that does not tell its usage is half of a call."""
    assert len(_rounds(_half(1, "a", 0, input_tokens=5), _answer(2, "a", 1, "A"))) == 2


@given(conversations())
def test_what_is_joined_is_neither_lost_nor_doubled(spans: pa.Table):
    """Every other row stays as it is; the sum of the tokens is the same."""
    found = joined(spans)
    for name in ("input_tokens", "output_tokens"):
        assert pc.sum(found[name]) == pc.sum(spans[name])
    gone = {row["span_id"] for row in spans.to_pylist()} - {row["span_id"] for row in found.to_pylist()}
    assert all(row["step_kind"] is None for row in spans.to_pylist() if row["span_id"] in gone)
    before = {row["span_id"]: row for row in spans.to_pylist()}
    changed = [row for row in found.to_pylist() if row != before[row["span_id"]]]
    assert len(changed) <= len(gone)
