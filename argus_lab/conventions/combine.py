"""All dialects together: the derived columns of one span."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import argus, otel_genai
from argus_lab.conventions.readers import is_absent, text
from argus_lab.conventions.rules import by_attribute, filled
from argus_lab.otlp import Span
from argus_lab.otlp.values import dump

__all__ = ["columns"]

_SOURCES = by_attribute([argus.RULES, otel_genai.RULES])
_JSON = ("input", "output", "tool_definitions")
Payloads = dict[str, dict[str, Any]]
_TYPE_OF_STEP = {"llm_call": "llm", "tool_call": "tool"}


def columns(span: Span) -> dict[str, Any]:
    """What the span's attributes and events say, by column; columns without a value are left out.

    ``unread`` of the span is extended by values that were sent for a column but cannot be held by it.

    Examples
    --------
    >>> found = columns(Span("a" * 32, "b" * 16, attributes={"gen_ai.operation.name": "chat"}))
    >>> found["step_kind"], found["span_type"], found["dialect"]
    ('llm_call', 'llm', 'otel_genai')
    """
    found, origins = filled(span.attributes, _SOURCES, span.unread) if span.attributes else ({}, {})
    _classify(found, span)
    payloads = argus.payloads(span.events) if span.events else {}
    _add_content(found, span, payloads)
    _add_error(found, span, payloads)
    usage = origins.get("input_tokens") or origins.get("output_tokens")
    if usage:
        found["usage_source"] = usage
    if "time_to_first_token_ms" in found:
        found.setdefault("streaming", True)
    found["dialect"] = _dialect(span, payloads)
    found["session_source"] = "attribute" if "session_id" in found else "trace"
    found.setdefault("session_id", span.trace_id)
    return found


def _dialect(span: Span, payloads: Payloads) -> str | None:
    if payloads or argus.is_spoken(span.attributes):
        return "argus"
    return "otel_genai" if otel_genai.is_spoken(span.attributes) else None


def _classify(found: dict[str, Any], span: Span) -> None:
    """Explicit ``argus.*`` wins; the operation fills what it left open."""
    derived = otel_genai.classes(found, span.attributes)
    explicit = "step_kind" in found or "component_type" in found
    if found.get("component_type") == "llm":
        found.setdefault("step_kind", "llm_call")
    span_type = _TYPE_OF_STEP.get(found.get("step_kind", "")) if explicit else None
    if span_type:
        found["span_type"] = span_type
    for column, value in derived.items():
        # A span that its sender called a user message stays one, whatever operation it names.
        if not explicit or column == "span_type" or column in _open_columns(found, derived):
            found.setdefault(column, value)
    name = _component_name(found, span)
    if name:
        found.setdefault("component_name", name)


def _open_columns(found: dict[str, Any], derived: dict[str, str]) -> set[str]:
    agrees = found.get("step_kind", derived.get("step_kind")) == derived.get("step_kind")
    return {"component_type", "step_kind"} if agrees else set()


def _component_name(found: dict[str, Any], span: Span) -> str | None:
    span_type = found.get("span_type")
    if span_type == "tool":
        skill = text(span.attributes.get("gen_ai.skill.name"))
        return skill or found.get("tool_name")
    if span_type in {"llm", "embedding"}:
        return found.get("request_model") or found.get("response_model")
    if span_type == "agent":
        return found.get("agent_name")
    if span_type == "retriever":
        return text(span.attributes.get("gen_ai.data_source.id"))
    return found.get("tool_name")


def _add_content(found: dict[str, Any], span: Span, payloads: Payloads) -> None:
    generic = otel_genai.content(span.attributes, span.events)
    own = argus.content(payloads, found.get("step_kind")) if payloads else {}
    for column, value in {**generic, **{k: v for k, v in own.items() if not is_absent(v)}}.items():
        if is_absent(value):
            continue
        if column != "finish_reason":
            found[column] = dump(value) if column in _JSON else value
        elif is_absent(own.get(column)):
            # Inside a message the reason is a deprecated copy of the span's attribute.
            found.setdefault(column, value)
        else:
            found[column] = value
    if found.get("span_type") == "tool" and "tool_name" not in found and found.get("component_name"):
        found["tool_name"] = found["component_name"]


def _add_error(found: dict[str, Any], span: Span, payloads: Payloads) -> None:
    told: dict[str, Any] = {}
    if span.events:
        told = otel_genai.exception(span.events)
    if "argus.error" in payloads:
        told |= argus.error(payloads["argus.error"])
    kind = text(span.attributes.get("error.type"))
    if kind:
        told.setdefault("error_type", kind)
    if span.status == "ERROR" and span.status_message:
        told.setdefault("error_message", span.status_message)
    found.update(told)
