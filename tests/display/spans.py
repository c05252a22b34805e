"""Spans with whatever is to be shown in their texts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pandas as pd

from argus_lab.schema import SPANS
from argus_lab.testing import NOON, make_span

TRACE = "0af7651916cd43dd8448eb211c80319c"
SESSION = "session-1"
KINDS = ("llm", "mcp", "custom_tool", "external_resource", "skill", "middleware")
WORDS = tuple(
    column.name for column in SPANS.columns if column.type in {"string", "json"} and column.group != "timing"
)
"""Columns that hold text of strangers."""
IDS = ("org", "project", "trace_id", "span_id", "parent_span_id", "session_id", "session_source")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame, as one makes it by hand: texts as Python objects."""
    made = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in SPANS.names})
    for name in ("start_time", "end_time", "received_at"):
        made[name] = pd.to_datetime(made[name], utc=True)
    for column in SPANS.columns:
        if column.type in {"int64", "float64"}:
            made[column.name] = pd.to_numeric(made[column.name]).astype(
                "Int64" if column.type == "int64" else "float64"
            )
    return made


def trace(*, texts: dict[str, Any] | None = None, traces: int = 1) -> pd.DataFrame:
    """A root and one step of each kind, or several such traces of one session."""
    rows = []
    for at in range(traces):
        of_trace = {"trace_id": TRACE[:-1] + f"{at:x}", "session_id": SESSION}
        root = make_span(0, **of_trace, span_id=f"{at:08x}root0000", start_time=NOON + timedelta(minutes=at))
        rows.append(root)
        for number, kind in enumerate(KINDS):
            rows.append(_step(root, number, kind))
    for row in rows:
        row.update(texts or {})
    return frame(rows)


def _step(root: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
    is_call = kind == "llm"
    return make_span(
        1 if is_call else 2,
        trace_id=root["trace_id"],
        session_id=root["session_id"],
        span_id=root["span_id"][:8] + f"{number:08x}",
        parent_span_id=root["span_id"],
        start_time=root["start_time"] + timedelta(milliseconds=10 * number + 1),
        duration_ms=9.0,
        component_type=kind,
        component_name=f"{kind}-1",
        input=conversation("What is the weather?") if is_call else json.dumps({"city": "Oslo"}),
        output=conversation("**18** degrees", "assistant") if is_call else json.dumps({"degrees": 18}),
        attributes=json.dumps({"custom": "yes"}),
    )


def conversation(text: str, role: str = "user") -> str:
    """One message as a model call's column holds it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
