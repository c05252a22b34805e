"""Captured payloads in which several spans tell one call: every measure counts it once."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from argus_lab.conventions import admit
from argus_lab.display.facts import facts_of
from argus_lab.lake.rows import arrow_table, span_rows
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.traces import traces
from argus_lab.otlp import decode
from argus_lab.schema import SPANS
from tests.conventions.rows import NOW
from tests.measures.engines import ENGINES, rows_of
from tests.otlp import sent

STREAMED = "logfire_openai_stream_pair"


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


def test_what_a_streamed_call_answered_is_kept():
    """The answer is a session's last words, and stands among the rounds with its tokens."""
    said = "It is 18°C and sunny in Paris. "
    assert said in [row["last_answer"] for row in rows_of(sessions(_sample(STREAMED)))]
    (row,) = (row for row in rows_of(rounds(_sample(STREAMED))) if row["result_text"] == said)
    assert (row["input_tokens"], row["output_tokens"]) == (131, 12)
