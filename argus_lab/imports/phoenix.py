"""Phoenix's spans: rows of its data frames, and the records of its client and its REST interface.

Phoenix nests attributes as it takes them in (``{"llm": {"model_name": ...}}``, lists for numbered keys)
and parses those that hold JSON. Both are undone here, so that a span has the attributes it was sent with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from argus_lab.errors import MalformedPayload
from argus_lab.imports.plain import Fields, json_text, span_of
from argus_lab.otlp import Span, decode

__all__ = ["is_otlp", "is_row", "read_otlp", "read_row"]

KIND = "openinference.span.kind"
_ATTRIBUTES, _CONTEXT = "attributes.", "context."
_FIELDS = frozenset({"name", "span_kind", "parent_id", "start_time", "end_time", "status_code"}) | {
    "status_message",
    "attributes",
    "events",
    "context",
    "__index_level_0__",
}
_JSON = ("document.metadata", "llm.prompt_template.variables", "metadata", "tool.parameters")
"""Attributes that Phoenix parses: they were sent as JSON text."""
_TAKEN_APART = re.compile(
    r"(metadata|tool\.parameters|llm\.prompt_template\.variables|.+?\.document\.metadata)\.(.+)"
)
"""The same attributes, flattened by the REST interface, which does not know that they were JSON text."""
_NO_KIND = frozenset({"", "UNKNOWN"})


def is_row(record: Mapping[str, Any]) -> bool:
    """Whether it is a span as the data frames and the client write it."""
    context = record.get("context")
    if isinstance(context, Mapping):
        return "span_id" in context and "span_kind" in record
    ids = [record.get("context.span_id"), record.get("context.trace_id")]
    return not any(isinstance(value, Mapping | None) for value in ids)


def is_otlp(record: Mapping[str, Any]) -> bool:
    """Whether it is a span as ``/spans/otlpv1`` writes it."""
    return "start_time_unix_nano" in record and isinstance(record.get("attributes"), list | None)


def read_row(row: Mapping[str, Any]) -> Span:
    """The span of a row."""
    context = row.get("context")
    ids = context if isinstance(context, Mapping) else {}
    attributes = _put_together(dict(_sent(row)))
    kind = row.get("span_kind")
    if isinstance(kind, str) and kind not in _NO_KIND:
        attributes.setdefault(KIND, kind)
    return span_of(
        Fields(
            ids.get("trace_id", row.get("context.trace_id")),
            ids.get("span_id", row.get("context.span_id")),
            row.get("parent_id"),
            row.get("name"),
            row.get("start_time"),
            row.get("end_time"),
            row.get("status_code"),
            row.get("status_message"),
            attributes,
            row.get("events"),
        )
    )


def _sent(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for column, value in row.items():
        if value is None or column in _FIELDS or column in {"context.trace_id", "context.span_id"}:
            continue
        if column.startswith(_ATTRIBUTES):
            yield from _flat(column[len(_ATTRIBUTES) :], value)
        else:  # annotations, and whatever else stands beside a span
            yield f"phoenix.{column}", value if isinstance(value, str | int | float) else json_text(value)
    nested = row.get("attributes")
    if isinstance(nested, Mapping):
        for key, value in nested.items():
            yield from _flat(key, value)


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Attributes under their whole names; ``a.0.b`` for a list of maps, other lists as they are.

    Examples
    --------
    >>> dict(_flat("llm", {"messages": [{"role": "user"}], "tags": ["x"], "metadata": {"n": 1}}))
    {'llm.messages.0.role': 'user', 'llm.tags': ['x'], 'llm.metadata': '{"n":1}'}
    """
    if value is None:
        return
    is_json = key.endswith(_JSON)
    if is_json and isinstance(value, Mapping | list):
        yield key, json_text(value)
    elif isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(f"{key}.{name}", item)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            yield from _flat(f"{key}.{place}", item)
    else:
        yield key, value


def read_otlp(record: Mapping[str, Any]) -> Span:
    """The span of a record that is nearly OTLP/JSON: snake case, and null for what is not there."""
    ids = span_of(Fields(record.get("trace_id"), record.get("span_id"), record.get("parent_span_id")))
    named = {"trace_id": ids.trace_id, "span_id": ids.span_id, "parent_span_id": ids.parent_span_id}
    request = {"resource_spans": [{"scope_spans": [{"spans": [_present({**record, **named})]}]}]}
    export = decode(msgspec.json.encode(request, enc_hook=str), "json")
    if export.broken:
        path, message = export.broken[0].issues[0]
        raise MalformedPayload(f"{path.rpartition('spans[0].')[2]}: {message}", export.broken[0].issues)
    (_, _, parsed), *_ = export.spans()
    span = export.read(parsed)
    span.attributes = {**_put_together(span.attributes), **ids.attributes}
    return span


def _put_together(sent: dict[str, Any]) -> dict[str, Any]:
    """Attributes that were JSON text as JSON text again.

    Examples
    --------
    >>> _put_together({"metadata.tier": "gold", "metadata.who.id": 3, "other": 1})
    {'other': 1, 'metadata': '{"tier":"gold","who":{"id":3}}'}
    """
    made: dict[str, Any] = {}
    apart: dict[str, dict[str, Any]] = {}
    for key, value in sent.items():
        found = _TAKEN_APART.fullmatch(key)
        if found is None or found[1] in sent:
            made[key] = value
        else:
            apart.setdefault(found[1], {})[found[2]] = value
    return {**made, **{name: json_text(_nested(fields)) for name, fields in apart.items()}}


def _nested(fields: Mapping[str, Any]) -> Any:
    """A map of maps; a list where the names are numbers from 0 on. Names in each other's way stay whole."""
    made: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for key, value in fields.items():
        head, dot, rest = key.partition(".")
        if dot and head not in fields:
            inner.setdefault(head, {})[rest] = value
        else:
            made[key] = value
    made |= {head: _nested(rest) for head, rest in inner.items()}
    if made and inner.keys() == made.keys() == {str(number) for number in range(len(made))}:
        return [made[str(number)] for number in range(len(made))]
    return made


def _present(sent: Any) -> Any:
    """Without nulls; an attribute whose value is nothing but nulls is null itself."""
    if isinstance(sent, Mapping):
        return {key: _present(value) for key, value in sent.items() if value is not None}
    return [_present(item) for item in sent] if isinstance(sent, list) else sent
