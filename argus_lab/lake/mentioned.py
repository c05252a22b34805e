"""The columns that a query can look at, as far as its text says so.

DuckDB binds each column of a view at each query, though few are asked for: of seventy columns, joined with
what is known of sessions, that takes as long as a small answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from argus_lab.lake.parsing import STRANGE, nodes

if TYPE_CHECKING:
    from argus_lab.lake.parsing import Node

__all__ = ["mentioned"]

NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"}
ORDERS = {"ORDER_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "ORDER_ASCENDING", "ORDER_DESCENDING"}
TABLES = {"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST"}
VALUES = {"COLUMN_REF", "FUNCTION", "CONSTANT", "PARAMETER", "COMPARISON", "CONJUNCTION", "OPERATOR", "CASE"}
MORE = {"CAST", "TYPE", "WINDOW", "BETWEEN", "COLLATE"}
KINDS = frozenset(NODES | ORDERS | TABLES | VALUES | MORE)
"""What a query may consist of that names each column that it looks at. A star does not, nor does a macro that
is called as a table."""


def mentioned(tree: Node | None, columns: Sequence[str]) -> tuple[str, ...] | None:
    """Those of a table's columns that a query may look at, by its tree; None: maybe all.

    Examples
    --------
    >>> import duckdb
    >>> from argus_lab.lake.parsing import parsed
    >>> tree = parsed(duckdb.connect(), "SELECT count(*) FROM spans AS s WHERE s.Status = 'ERROR'")
    >>> mentioned(tree, ["name", "status"])
    ('status',)
    >>> mentioned(parsed(duckdb.connect(), "FROM spans"), ["name", "status"])
    """
    if tree is None:
        return None
    try:
        if tree["type"] not in NODES:
            return None
        every = list(nodes(tree))
        tables = [node for node in every if node.get("type") == "BASE_TABLE"]
        rows = {str(table.get(name, "")).lower() for table in tables for name in ("alias", "table_name")}
        if not all(_names_its_columns(node, rows) for node in every):
            return None
        words = {word.lower() for node in every for word in _words(node)}
    except STRANGE:
        return None
    return tuple(column for column in columns if column in words)


def _names_its_columns(node: Node, rows: set[str]) -> bool:
    """Whether this part of a query looks at no column that it does not name; ``rows`` names whole rows."""
    kind = node.get("class", node.get("type", "EMPTY"))
    if kind == "COLUMN_REF":
        return node["column_names"][-1].lower() not in rows
    is_by_place = "column_name_alias" in node or node.get("ref_type", "REGULAR") not in {"REGULAR", "CROSS"}
    # DuckDB 1.5 tells the type of a value in the same place.
    return not is_by_place and (isinstance(kind, Mapping) or kind in KINDS)


def _words(value: Any) -> Iterator[str]:
    """Every text in it, in lists as well."""
    for each in value.values() if isinstance(value, Mapping) else value:
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            yield from _words(each)
