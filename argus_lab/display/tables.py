"""Frames of one row each thing as tables: sessions, traces, rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from argus_lab.display.markup import Html, element, joined
from argus_lab.display.units import count, duration, moment, usd
from argus_lab.display.visible import brief

__all__ = ["ROUNDS", "SESSIONS", "TRACES", "Field", "cells", "present", "table"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a table: where it comes from, what it is called, how it is told."""

    name: str
    title: str
    told: Callable[[Any], str] = brief
    is_number: bool = False
    is_wrong: bool = False


def _id(value: Any) -> str:
    return brief(value, 40)


def _words(value: Any) -> str:
    return brief(value, 160)


def _few(value: Any) -> str:
    return "" if not value else count(value)


_TOKENS = (
    Field("input_tokens", "tokens in", count, is_number=True),
    Field("output_tokens", "out", count, is_number=True),
)
_CALLS = (
    Field("model_calls", "model calls", count, is_number=True),
    Field("tool_calls", "tools", count, is_number=True),
    Field("errors", "errors", _few, is_number=True, is_wrong=True),
)
SESSIONS = (
    Field("session_id", "session", _id),
    Field("start_time", "started", moment),
    Field("duration_ms", "duration", duration, is_number=True),
    Field("turns", "turns", count, is_number=True),
    *_CALLS,
    *_TOKENS,
    Field("reported_cost_usd", "cost reported", usd, is_number=True),
    Field("first_user_message", "first message", _words),
)
TRACES = (
    Field("trace_id", "trace", _id),
    Field("name", "name", _id),
    Field("start_time", "started", moment),
    Field("duration_ms", "duration", duration, is_number=True),
    Field("spans", "spans", count, is_number=True),
    *_CALLS,
    *_TOKENS,
    Field("reported_cost_usd", "cost reported", usd, is_number=True),
)
ROUNDS = (
    Field("round", "round", count, is_number=True),
    Field("trigger_name", "after", _id),
    Field("request_model", "model", _id),
    Field("duration_ms", "duration", duration, is_number=True),
    Field("time_to_first_token_ms", "first token", duration, is_number=True),
    *_TOKENS,
    Field("executions", "executions", _few, is_number=True),
    Field("requested_tools", "asks for", _id),
    Field("finish_reason", "stopped", _id),
    Field("error_message", "error", _words, is_wrong=True),
    Field("result_text", "answer", _words),
)


def present(fields: Sequence[Field], rows: Sequence[Row]) -> list[Field]:
    """The fields that have a value in any row; the first one always."""
    return [field for at, field in enumerate(fields) if not at or any(row.get(field.name) for row in rows)]


def cells(fields: Sequence[Field], row: Row) -> list[str]:
    """A row in words."""
    return [field.told(row.get(field.name)) for field in fields]


def table(fields: Sequence[Field], rows: Sequence[Row]) -> Html:
    """Rows as a table."""
    head = element("tr", *(element("th", field.title, scope="col", cls=_side(field)) for field in fields))
    body = [
        element("tr", *(_cell(field, told) for field, told in zip(fields, cells(fields, row), strict=True)))
        for row in rows
    ]
    return element("table", element("thead", head), joined([element("tbody", *body)]), cls="al-wide")


def _cell(field: Field, told: str) -> Html:
    content = element("span", told, cls="al-wrong") if field.is_wrong and told else told
    return element("td", content, cls=_side(field), dir=None if field.is_number else "auto")


def _side(field: Field) -> str | None:
    if field.is_number:
        return "al-right"
    return "al-keep" if field.told in {moment, _id} else None
