"""All dialects together: the derived columns of one span.

A span may speak several dialects at once. It is named after the first of :data:`DIALECTS` that it
speaks, except that explicit ``argus.*`` always wins; that dialect's table goes first, the others
fill what it leaves open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.dialects import COMMON, DIALECTS
from argus_lab.conventions.errors_of import error_columns
from argus_lab.conventions.kinds import KINDS, Kind
from argus_lab.conventions.readers import is_absent, text
from argus_lab.conventions.rules import Plan, filled, plan_of
from argus_lab.conventions.usage import with_inclusive_input
from argus_lab.otlp import Scope, Span
from argus_lab.otlp.values import dump

__all__ = ["columns"]

_JSON = frozenset({"input", "output", "tool_definitions", "metadata"})
_KIND_OF_STEP = {"llm_call": "llm", "tool_call": "tool"}
_NO_SCOPE = Scope()


class Spoken(NamedTuple):
    """What follows from a span's shape alone."""

    dialects: tuple[Dialect, ...]
    plan: Plan


@lru_cache(maxsize=4096)
def _spoken(shape: Shape) -> Spoken:
    found = tuple(dialect for dialect in DIALECTS if dialect.is_spoken(shape))
    others = tuple(dialect for dialect in DIALECTS if dialect not in found)
    tables = [d.rules for d in found] + [COMMON] + [d.rules for d in others]
    return Spoken(found, plan_of(tables, shape.keys))


def columns(span: Span, scope: Scope = _NO_SCOPE) -> dict[str, Any]:
    """What the span's attributes and events say, by column; columns without a value are left out.

    ``unread`` of the span is extended by values that were sent for a column but cannot be held by it.

    Examples
    --------
    >>> found = columns(Span("a" * 32, "b" * 16, attributes={"gen_ai.operation.name": "chat"}))
    >>> found["step_kind"], found["span_type"], found["dialect"]
    ('llm_call', 'llm', 'otel_genai')
    """
    events = tuple([event["name"] or "" for event in span.events])
    spoken = _spoken(Shape(tuple(span.attributes), events, scope.name or ""))
    found, origins = filled(span.attributes, spoken.plan, span.unread)
    for column in _JSON & found.keys():
        found[column] = dump(found[column])
    view = View(span.attributes, span.events, found)
    _classify(found, view, spoken.dialects)
    _add_readings(found, view, spoken.dialects)
    _finish(found, origins, span)
    found["dialect"] = spoken.dialects[0].name if spoken.dialects else None
    return found


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
            return KINDS[word]
    return Kind(None)


def _add_readings(found: dict[str, Any], view: View, dialects: tuple[Dialect, ...]) -> None:
    for dialect in dialects:
        for column, value in dialect.read(view).items():
            if not is_absent(value) and value != [] and (dialect.wins or column not in found):
                found[column] = dump(value) if column in _JSON else value


def _finish(found: dict[str, Any], origins: dict[str, str], span: Span) -> None:
    found.update(error_columns(span))
    usage = origins.get("input_tokens") or origins.get("output_tokens")
    if usage:
        found["usage_source"] = usage
    with_inclusive_input(found)
    if "time_to_first_token_ms" in found:
        found.setdefault("streaming", True)
    _add_names(found, span)
    found.setdefault("session_source", "attribute" if "session_id" in found else "trace")
    found.setdefault("session_id", span.trace_id)


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
