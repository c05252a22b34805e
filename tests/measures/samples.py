"""The sample sessions as a table, read once; and spans made by hand."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from argus_lab.conventions import admit
from argus_lab.lake.rows import arrow_table, sorted_spans, span_rows
from argus_lab.otlp import decode
from argus_lab.schema import SPANS
from tests.conventions.rows import NOW

DATASETS = Path(__file__).parents[2] / "datasets"


@cache
def support_sessions() -> pa.Table:
    """The 5,024 spans of the support bot, as a lake would hold them."""
    tables = []
    for path in sorted((DATASETS / "support-sessions").glob("*.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            export = decode(line, "json")
            rows = list(span_rows(export, admit(export, project="customer-bot"), NOW))
            tables.append(arrow_table(SPANS, rows))
    return sorted_spans(pa.concat_tables(tables))


def spans_of(*rows: dict[str, Any]) -> pa.Table:
    """Rows of the span table as Arrow."""
    return arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows])
