"""Which system wrote a document, and the records in it; the file's name plays no part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from argus_lab.errors import MalformedPayload
from argus_lab.imports import mlflow, phoenix
from argus_lab.otlp import Span

__all__ = ["Imported", "SpanLike", "read_record", "records_of"]

SpanLike = Mapping[str, Any]
_COLUMNS = ("context.span_id", "spans", "trace")
"""One of these is a column of every data frame that is read."""


class Imported(NamedTuple):
    """The spans of a record, and the MLflow experiment it belongs to if it says one."""

    spans: list[Span]
    experiment: str | None = None


def records_of(document: Any) -> list[Any] | None:
    """The records of a document that Phoenix or MLflow wrote; ``None`` if none of them did.

    Records are spans of Phoenix, or traces or spans of MLflow: alone, in a list, under ``data``, or as a
    data frame's columns.

    Examples
    --------
    >>> row = {"name": "x", "context.span_id": "1", "context.trace_id": "2"}
    >>> records_of({"data": [row], "next_cursor": None}) == records_of([row]) == [row]
    True
    >>> frame = {"name": {"0": "x"}, "context.span_id": {"0": "1"}, "context.trace_id": {"0": "2"}}
    >>> records_of(frame) == [row]
    True
    >>> records_of({"resourceSpans": []}) is None
    True
    """
    if isinstance(document, list):
        return document if not document or _is_record(document[0]) else None
    if not isinstance(document, Mapping):
        return None
    if _is_record(document):
        return [document]
    rows = document.get("data")
    if isinstance(rows, list):
        known = rows or "next_cursor" in document
        return rows if known and (not rows or _is_record(rows[0])) else None
    return _rows(document)


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a data frame that was written column by column, as pandas does by default."""
    key = next((columns[name] for name in _COLUMNS if isinstance(columns.get(name), Mapping)), None)
    if key is None:
        return None
    rows = [
        {name: cells.get(label) for name, cells in columns.items() if isinstance(cells, Mapping)}
        for label in key
    ]
    return rows if not rows or _is_record(rows[0]) else None


def _is_record(record: Any) -> bool:
    if not isinstance(record, Mapping):
        return False
    is_mlflow = mlflow.is_trace(record) or mlflow.is_span(record)
    return is_mlflow or phoenix.is_row(record) or phoenix.is_otlp(record)


def read_record(record: Any) -> Imported:
    """The spans of one record.

    Raises
    ------
    MalformedPayload
        If it is no record of Phoenix or MLflow, or a span of it has no ids.
    """
    if not isinstance(record, Mapping):
        raise MalformedPayload(f"a span of Phoenix or a trace of MLflow is expected, not {_called(record)}")
    if phoenix.is_row(record):
        return Imported([phoenix.read_row(record)])
    if phoenix.is_otlp(record):
        return Imported([phoenix.read_otlp(record)])
    if mlflow.is_trace(record):
        info, data = mlflow.trace_of(record)
        return Imported(mlflow.read_trace(info, data), mlflow.experiment(info))
    if mlflow.is_span(record):
        return Imported([mlflow.read_span(record)])
    shown = ", ".join(sorted(str(key) for key in record)[:8]) or "no keys"
    raise MalformedPayload(f"it is neither a span of Phoenix nor a trace of MLflow ({shown})")


def _called(value: Any) -> str:
    return "null" if value is None else type(value).__name__
