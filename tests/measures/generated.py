"""Traces as they should not be: orphans, circles, skewed clocks, unknown times, nothing known at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span
from tests.measures.samples import spans_of

MODELS = (("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet-4-5"), ("ollama", "qwen3:8b"), (None, None))
REQUIRED = ("org", "project", "service", "trace_id", "span_id", "received_at", "date")


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """A span among few traces and ids, so that they collide, miss each other and go in circles."""
    provider, model = draw(st.sampled_from(MODELS))
    count = st.none() | st.integers(0, 3000)
    start = draw(st.none() | st.integers(-5_000, 200_000))
    return make_span(
        1,
        trace_id=f"{draw(st.integers(1, 3)):032x}",
        parent_span_id=draw(st.none() | st.integers(1, 14).map(lambda n: f"{n:016x}")),
        session_id=draw(st.sampled_from([None, "s1", "s2"])),
        name=draw(st.sampled_from(["chat", "tool", "turn"])),
        start_time=None if start is None else NOON + timedelta(milliseconds=start),
        duration_ms=draw(st.none() | st.integers(0, 60_000).map(lambda us: us / 8)),
        status=draw(st.sampled_from([None, "UNSET", "OK", "ERROR"])),
        error_message=draw(st.sampled_from([None, "", "no answer in 5 s", "no answer in 7 s", "gone"])),
        error_type=draw(st.sampled_from([None, "TimeoutError"])),
        span_type=draw(st.sampled_from([None, "llm", "tool", "agent", "embedding"])),
        step_kind=draw(st.sampled_from([None, "llm_call", "tool_call"])),
        provider=provider,
        request_model=model,
        input_tokens=draw(count),
        output_tokens=draw(count),
        cache_read_tokens=draw(count),
        cache_write_tokens=draw(st.none() | st.just(0)),
        reasoning_tokens=draw(st.none() | st.integers(0, 100)),
        time_to_first_token_ms=draw(st.none() | st.integers(-10, 9000).map(float)),
    )


@st.composite
def nothing(draw: st.DrawFn) -> dict[str, Any]:
    """A span of which only the required columns are known."""
    span = draw(spans())
    return {name: span[name] if name in REQUIRED else None for name in SPANS.names}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Up to fourteen spans; their ids are unique in a trace, their parents need not be there."""
    rows = draw(st.lists(spans() | nothing(), max_size=14))
    return spans_of(*(row | {"span_id": f"{n:016x}"} for n, row in enumerate(rows, 1)))
