"""A query as the tree that DuckDB's own parser makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

__all__ = ["STRANGE", "VIEW", "Node", "is_view", "nodes", "parsed"]

Node = Mapping[str, Any]

PARSE = "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)"
VIEW = "spans"

STRANGE = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
"""What a tree leads to whose form is not known, as another version of DuckDB may write it, or is too deep."""


def parsed(cursor: duckdb.DuckDBPyConnection, query: str) -> Node | None:
    """The tree of one SELECT; None if the text is no such query, or the parser says nothing of it.

    If there is something wrong with the query, its answer says so.
    """
    try:
        ((text,),) = cursor.execute(PARSE, [query]).fetchall()
        whole = json.loads(text)
        found: Node | None = whole["statements"][0]["node"]
        return None if whole["error"] or len(whole["statements"]) != 1 else found
    except (duckdb.Error, *STRANGE):
        return None


def nodes(value: Any) -> Iterator[Node]:
    """Every object in a tree."""
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from nodes(each)


def is_view(table: Node) -> bool:
    """Whether a table in a tree is the one of spans."""
    return str(table.get("table_name", "")).lower() == VIEW
