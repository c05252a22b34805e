"""Small lakes for tests, written the way the keeper writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from argus_lab.lake.rows import arrow_table, sorted_spans
from argus_lab.lake.table import commit, open_table, write_files
from argus_lab.schema import REFUSED, SPANS, Table
from argus_lab.testing import NOON, make_span

Rows = Sequence[Mapping[str, Any]]

TINY_TRACE = "0af7651916cd43dd8448eb211c80319c"


def write(lake: str, rows: Rows, *, table: Table = SPANS) -> int:
    """Commit rows, in one file a partition; makes the tables if need be. The new version."""
    for each in (SPANS, REFUSED):
        open_table(lake, each, create=True)
    found = open_table(lake, table)
    if rows:
        made = arrow_table(table, [tuple(map(row.get, table.names)) for row in rows])
        commit(found, write_files(lake, table, sorted_spans(made) if table is SPANS else made), {})
    return found.version()


def write_one_by_one(lake: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """A commit a row: as many files as rows."""
    for row in rows:
        write(lake, [row])


def refusal(n: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of the refused table."""
    received = columns.get("received_at", NOON + timedelta(seconds=n))
    return {
        "refusal_id": f"{n:024x}",
        "received_at": received,
        "date": received.date(),
        "reason": "no_project",
        "message": "the resource names no argus.project",
        "path": f"resourceSpans[0].scopeSpans[0].spans[{n}]",
        "service": "gateway",
        "name": f"span {n}",
        "encoding": "json",
        "body": "{}",
    } | columns


def tiny_rows() -> list[dict[str, Any]]:
    """Eight spans: a session of two traces in customer-bot, a trace in shop-bot."""
    first = {"project": "customer-bot", "trace_id": TINY_TRACE, "session_id": "session-1"}
    second = first | {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    other = {"project": "shop-bot", "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2", "session_id": "session-9"}
    tool = {"duration_ms": 700.0, "service": "tools"}
    return [
        make_span(0, **first, name="user.message", service="gateway"),
        make_span(1, **first),
        make_span(2, **first, **tool),
        make_span(3, **first, input_tokens=1600),
        make_span(4, **second, name="user.message", service="gateway"),
        make_span(5, **second, input_tokens=1500, duration_ms=900.0),
        make_span(6, **other, service="tools", name="execute_tool search"),
        make_span(7, **other),
    ]
