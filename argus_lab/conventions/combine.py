"""All dialects together: the derived columns of one span.

A span may speak several dialects at once. It is named after the first of :data:`DIALECTS` that it
speaks, except that explicit ``argus.*`` always wins; that dialect's table goes first, the others
fill what it leaves open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from argus_lab.conventions import argus
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.dialects import COMMON, DIALECTS
from argus_lab.conventions.errors_of import error_columns
from argus_lab.conventions.kinds import KINDS, Kind
from argus_lab.conventions.own_rules import OwnRules
from argus_lab.conventions.readers import is_absent, text
from argus_lab.conventions.rules import Plan, filled, plan_of
from argus_lab.conventions.usage import with_inclusive_input
from argus_lab.otlp import Scope, Span
from argus_lab.otlp.values import dump

__all__ = ["Spoken", "columns", "spoken"]

_JSON = frozenset({"input", "output", "tool_definitions", "metadata"})
_KIND_OF_STEP = {"llm_call": "llm", "tool_call": "tool"}
MOST_KEYS = 500
"""Spans with more attributes are worked out one by one."""

_NO_SCOPE = Scope()
_NO_COLUMNS: frozenset[str] = frozenset()


class Spoken(NamedTuple):
    """What follows from a span's shape alone."""

    dialects: tuple[Dialect, ...]
    plan: Plan
    readers: tuple[Dialect, ...]
    """Those that have something to read in it."""


@lru_cache(maxsize=4096)
def spoken(shape: Shape, own: OwnRules | None = None) -> Spoken:
    """The dialects of spans with this shape, and what they have to say."""
    found = tuple(dialect for dialect in DIALECTS if dialect.is_spoken(shape))
    others = tuple(dialect for dialect in DIALECTS if dialect not in found)
    tables = [d.own + d.rules for d in found] + [COMMON] + [d.rules for d in others]
    if own is not None:
        tables = [argus.DIALECT.rules, own.rules, *tables]
    readers = tuple(dialect for dialect in found if dialect.reads_any(shape))
    return Spoken(found, plan_of(tables, shape.keys), readers)


def _known(shape: Shape, own: OwnRules | None) -> Spoken:
    # Shapes that large do not come again, and four thousand of them would fill the memory.
    return spoken(shape, own) if len(shape.keys) <= MOST_KEYS else spoken.__wrapped__(shape, own)


def columns(span: Span, scope: Scope = _NO_SCOPE, own: OwnRules | None = None) -> dict[str, Any]:
    """What the span's attributes and events say, by column; columns without a value are left out.

    ``own`` rules go after explicit ``argus.*`` and before every dialect, which then neither corrects nor
    replaces what they filled. ``unread`` of the span is extended by values that were sent for a column but
    cannot be held by it.

    Examples
    --------
    >>> found = columns(Span("a" * 32, "b" * 16, attributes={"gen_ai.operation.name": "chat"}))
    >>> found["step_kind"], found["span_type"], found["dialect"]
    ('llm_call', 'llm', 'otel_genai')
    """
    events = tuple([event["name"] or "" for event in span.events])
    known = _known(Shape(tuple(span.attributes), events, scope.name or ""), own)
    found, origins = filled(span.attributes, known.plan, span.unread)
    for column in _JSON & found.keys():
        found[column] = _json(found[column])
    view = View(span.attributes, span.events, found, span.name or "", scope.name or "", span.start)
    kept = own.filled(origins) if own is not None else _NO_COLUMNS
    _correct(found, origins, view, known.dialects, kept)
    _classify(found, view, known.dialects)
    _add_readings(found, view, known.readers)
    _finish(found, origins, span, kept if "argus.error" not in events else _NO_COLUMNS)
    found["dialect"] = known.dialects[0].name if known.dialects else None
    return found


def _correct(
    found: dict[str, Any],
    origins: dict[str, str],
    view: View,
    dialects: tuple[Dialect, ...],
    kept: frozenset[str],
) -> None:
    for dialect in dialects:
        for column, value in dialect.correct(view).items():
            if kept and (column in kept or (column == "usage_source" and "input_tokens" in kept)):
                continue
            if value is None:
                found.pop(column, None)
                origins.pop(column, None)
            elif column == "usage_source":
                origins["input_tokens"] = value
            else:
                found[column] = value


def _classify(found: dict[str, Any], view: View, dialects: tuple[Dialect, ...]) -> None:
    """Explicit ``argus.*`` wins; what the other dialects say of the kind fills what it left open."""
    claimed = _claimed(view, dialects)
    step, component = found.get("step_kind"), found.get("component_type")
    if step is None and component is None:
        kind = claimed
    else:
        if component == "llm":
            step = found.setdefault("step_kind", "llm_call")
        own = KINDS.get(_KIND_OF_STEP.get(step or "", ""), Kind(None))
        # A span that its sender called a user message stays one, whatever operation it names.
        agrees = step is None or claimed.step_kind == step
        kind = claimed if agrees else Kind(None)
        kind = kind._replace(span_type=own.span_type or claimed.span_type)
    for column, value in zip(Kind._fields, kind, strict=True):
        if value is not None:
            found.setdefault(column, value)


def _claimed(view: View, dialects: tuple[Dialect, ...]) -> Kind:
    for dialect in dialects:
        word = dialect.kind(view)
        if word is not None:
            return KINDS[_refined(word, view)]
    return Kind(None)


def _refined(word: str, view: View) -> str:
    """Tools that are called through MCP or belong to a skill, whatever convention calls them tools."""
    if word == "tool":
        if "gen_ai.skill.name" in view.attributes:
            return "skill"
        if view.columns.get("mcp_method"):
            return "mcp_tool"
    return word


def _add_readings(found: dict[str, Any], view: View, dialects: tuple[Dialect, ...]) -> None:
    for dialect in dialects:
        for column, value in dialect.read(view).items():
            if not is_absent(value) and value != [] and (dialect.wins or column not in found):
                found[column] = _json(value) if column in _JSON else value


def _json(value: Any) -> str | None:
    """JSON text; nothing for what is nested too deeply to be written. It is in the raw columns."""
    try:
        return dump(value)
    except RecursionError:
        return None


def _finish(found: dict[str, Any], origins: dict[str, str], span: Span, kept: frozenset[str]) -> None:
    told = error_columns(span)
    for column in kept & told.keys():
        del told[column]
    if told.get("error_type") == "Exception" and "error_type" in found:
        del told["error_type"]  # it says less than what the dialect found in the message
    found.update(told)
    if span.status == "ERROR" and "output_tokens" not in found:
        _forget_echo(found)
    usage = origins.get("input_tokens") or origins.get("output_tokens")
    if usage:
        found["usage_source"] = usage
    with_inclusive_input(found)
    if "time_to_first_token_ms" in found:
        found.setdefault("streaming", True)
    _add_names(found, span)
    found.setdefault("session_source", "attribute" if "session_id" in found else "trace")
    found.setdefault("session_id", span.trace_id)


def _forget_echo(found: dict[str, Any]) -> None:
    """Some senders repeat the model that was asked for where none has answered."""
    if found.get("response_model") == found.get("request_model"):
        found.pop("response_model", None)


def _add_names(found: dict[str, Any], span: Span) -> None:
    """tool_name of tools and component_name of everything, where only the other one is known."""
    span_type = found.get("span_type")
    if span_type == "tool" and found.get("component_name"):
        found.setdefault("tool_name", found["component_name"])
    name = None
    if span_type == "tool":
        name = text(span.attributes.get("gen_ai.skill.name")) or found.get("tool_name")
    elif span_type in {"llm", "embedding", "reranker"}:
        name = found.get("request_model") or found.get("response_model")
    elif span_type == "agent":
        name = found.get("agent_name")
    elif span_type == "retriever":
        name = text(span.attributes.get("gen_ai.data_source.id"))
    elif found.get("component_type") == "mcp":
        name = found.get("tool_name")
    if name:
        found.setdefault("component_name", name)
