"""MLflow's traces: ``Trace.to_dict`` and ``to_json``, rows of ``search_traces``, ``traces.json`` artifacts.

MLflow 3 writes spans nearly as OTLP does, with base64 ids; MLflow 2 writes ``context`` and hex, and some
events' times in microseconds. What belongs to the trace goes to its root: metadata under its own name,
tags as ``mlflow.traceTag.*``, the rest as ``mlflow.traceInfo.*``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from argus_lab.errors import MalformedPayload
from argus_lab.imports.plain import Fields, json_text, parsed_json, span_of
from argus_lab.otlp import Span
from argus_lab.otlp.values import attribute_map

__all__ = ["experiment", "is_span", "is_trace", "read_span", "read_trace", "trace_of"]

_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id", "name", "events", "status", "attributes"}) | {
    "start_time_unix_nano",
    "end_time_unix_nano",
    "links",
    "context",
    "parent_id",
    "start_time",
    "end_time",
    "status_code",
    "status_message",
}
_METADATA = ("trace_metadata", "request_metadata")
_ALREADY_SAID = frozenset({"spans", "trace", "request", "response"})
"""Columns of a row that repeat the trace."""


def is_trace(record: Mapping[str, Any]) -> bool:
    """Whether it is a trace, its data alone, or a row of ``search_traces``."""
    data = record.get("data")
    if isinstance(record.get("info"), Mapping) and isinstance(data, Mapping):
        return isinstance(data.get("spans"), list)
    spans = record.get("spans")
    if isinstance(spans, list):
        return all(isinstance(span, Mapping) and is_span(span) for span in spans)
    return isinstance(record.get("trace"), str) and ("trace_id" in record or "request_id" in record)


def is_span(record: Mapping[str, Any]) -> bool:
    """Whether it is a span alone."""
    context = record.get("context")
    if isinstance(context, Mapping):
        return "span_id" in context and "span_kind" not in record
    return "span_id" in record and "start_time_unix_nano" in record and not _is_list(record)


def _is_list(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("attributes"), list)


def trace_of(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is said of the trace, and its data.

    Raises
    ------
    MalformedPayload
        If the trace of a row is no JSON.
    """
    if "info" in record and "data" in record:
        return _parts(record)
    text = record.get("trace")
    if isinstance(text, str):
        inner = parsed_json(text)
        if isinstance(inner, Mapping) and is_trace(inner) and "info" in inner:
            return _parts(inner)
    if "tags" in record or "request_id" in record or "trace_id" in record:  # a row
        info = {key: value for key, value in record.items() if key not in _ALREADY_SAID}
        return info, {"spans": record.get("spans") or []}
    return {}, record


def _parts(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    info, data = record["info"], record["data"]
    if isinstance(info, Mapping) and isinstance(data, Mapping):
        return info, data
    raise MalformedPayload("'info' and 'data' of an MLflow trace have to be JSON objects")


def experiment(info: Mapping[str, Any]) -> str | None:
    """The id of the experiment that a trace belongs to."""
    location = info.get("trace_location")
    inner = location.get("mlflow_experiment") if isinstance(location, Mapping) else None
    found = inner.get("experiment_id") if isinstance(inner, Mapping) else info.get("experiment_id")
    return None if found is None else str(found)


def read_trace(info: Mapping[str, Any], data: Mapping[str, Any]) -> list[Span]:
    """The spans of a trace."""
    sent = data.get("spans")
    if not isinstance(sent, list) or not all(isinstance(span, Mapping) for span in sent):
        raise MalformedPayload("its spans are no list of objects")
    spans = [read_span(span) for span in sent]
    if spans:
        root = _root(spans)
        told = {**_of_trace(info), **_rest("mlflow.traceData", data, frozenset({"spans"}))}
        root.attributes = attribute_map(list({**told, **root.attributes}.items()))
    return spans


def _root(spans: Sequence[Span]) -> Span:
    return next((span for span in spans if span.parent_span_id is None), spans[0])


def _of_trace(info: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in _METADATA:
        made |= _texts(info.get(name), "")
    made |= _texts(info.get("tags"), "mlflow.traceTag.")
    if info.get("assessments"):
        made["mlflow.assessments"] = json_text(info["assessments"])
    return {**made, **_rest("mlflow.traceInfo", info, frozenset({*_METADATA, "tags", "assessments"}))}


def _texts(sent: Any, prefix: str) -> dict[str, Any]:
    if isinstance(sent, list):  # as MLflow's REST interface and Arrow's maps write a map
        sent = {item.get("key"): item.get("value") for item in sent if isinstance(item, Mapping)}
    if not isinstance(sent, Mapping):
        return {}
    return {f"{prefix}{key}": json_text(value) for key, value in sent.items() if value is not None}


def _rest(prefix: str, sent: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    left = {key: value for key, value in sent.items() if key not in known and value is not None}
    return {
        f"{prefix}.{key}": value if isinstance(value, str | int | float) else json_text(value)
        for key, value in left.items()
    }


def read_span(sent: Mapping[str, Any]) -> Span:
    """One span, as MLflow 2 or 3 writes it."""
    context, status = sent.get("context"), sent.get("status")
    ids = context if isinstance(context, Mapping) else sent
    said = status if isinstance(status, Mapping) else {"code": sent.get("status_code", status)}
    attributes = sent.get("attributes")
    return span_of(
        Fields(
            ids.get("trace_id"),
            ids.get("span_id"),
            sent.get("parent_span_id", sent.get("parent_id")),
            sent.get("name"),
            sent.get("start_time_unix_nano", sent.get("start_time")),
            sent.get("end_time_unix_nano", sent.get("end_time")),
            said.get("code"),
            said.get("message", sent.get("status_message")),
            {
                **(attributes if isinstance(attributes, Mapping) else {}),
                **_rest("mlflow.span", sent, _FIELDS),
            },
            sent.get("events"),
            sent.get("links"),
        )
    )
