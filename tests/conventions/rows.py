"""A span's way into the span table, for tests: decode, admit, row."""

from __future__ import annotations

import json
from typing import Any

from argus_lab.conventions import admit
from argus_lab.lake.rows import arrow_table, span_rows
from argus_lab.otlp import Encoding, Resource, Span, decode, encode
from argus_lab.schema import SPANS

NOW = 1_790_000_000_000_000_000
OWNER = Resource({"argus.project": "bot", "service.name": "svc"})
JSON_COLUMNS = {column.name for column in SPANS.columns if column.type == "json"}


def rows_of(
    body: bytes, encoding: Encoding = "json", *, project: str | None = None
) -> dict[str, dict[str, Any]]:
    """By span id, the rows that a body becomes, JSON columns parsed."""
    export = decode(body, encoding)
    verdict = admit(export, project=project)
    assert not verdict.refusals
    table = arrow_table(SPANS, list(span_rows(export, verdict, NOW)))
    return {row["span_id"]: _parsed(row) for row in table.to_pylist()}


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.loads(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in row.items()
    }


def row_of(*events: tuple[str, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """The row of a span with these events, fields and ``attributes``."""
    sent = [{"time_unix_nano": 1, "name": name, "attributes": pairs} for name, pairs in events]
    span = Span(
        "a" * 32, "b" * 16, events=sent, kind="INTERNAL", **{"start": NOW, "status": "UNSET", **fields}
    )
    (row,) = rows_of(encode([span], resource=OWNER)).values()
    return row
