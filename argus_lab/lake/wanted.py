"""The sessions that a query asks for by name, as far as its text says so.

Of a query that looks at nothing but a few sessions, such as ``... FROM spans WHERE session_id = 'chat-7'``,
only the spans of these need to be worked out. DuckDB's parser tells the conditions. What is not surely
understood counts as a query of all sessions, which is slower and as right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from argus_lab.lake.parsing import STRANGE, VIEW, Node, is_view, nodes

__all__ = ["sessions_wanted"]

Params = Sequence[Any] | Mapping[str, Any] | None
Sessions = frozenset[str] | None
"""Rows of other sessions fail a condition; None: it says nothing of sessions."""

COLUMN = "session_id"
GENERATORS = frozenset({"generate_series", "range", "unnest"})
"""Table functions that surely read no view."""

JOINS = frozenset({"INNER", "LEFT", "RIGHT"})


class _Unclear(Exception):
    """The query may look at spans of any session."""


def sessions_wanted(tree: Node | None, params: Params) -> tuple[str, ...] | None:
    """The sessions of all spans that a query can see, by its tree; None if it may look at any.

    Examples
    --------
    >>> import duckdb
    >>> from argus_lab.lake.parsing import parsed
    >>> query = "SELECT count(*) FROM spans s WHERE s.session_id IN ('a', $more) AND input_tokens > 0"
    >>> sorted(sessions_wanted(parsed(duckdb.connect(), query), {"more": "b"}))
    ['a', 'b']
    >>> query = "FROM spans WHERE session_id = 'a' OR status = 'ERROR'"
    >>> sessions_wanted(parsed(duckdb.connect(), query), None)
    """
    try:
        return None if tree is None else tuple(sorted(_Query(params).sessions(tree)))
    except (_Unclear, *STRANGE):
        return None


class _Query:
    """A query with the values of its parameters."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def sessions(self, whole: Node) -> frozenset[str]:
        """What all places where it reads spans ask for together."""
        selects = [node for node in nodes(whole) if node.get("type") == "SELECT_NODE"]
        found = [sessions for node in selects for sessions in self._of_select(node)]
        reads = [node for node in nodes(whole) if node.get("type") == "BASE_TABLE" and is_view(node)]
        others = [node.get("cte_map", {}).get("map", ()) for node in nodes(whole)]
        is_hidden = VIEW in {str(each.get("key")).lower() for made in others for each in made}
        if len(found) != len(reads) or not reads or is_hidden:
            raise _Unclear
        return frozenset().union(*found)

    def _of_select(self, node: Node) -> Iterator[frozenset[str]]:
        """What is asked for of each view of spans that stands in the FROM of a SELECT."""
        tables = list(_tables(node["from_table"]))
        names = [str(table.get("alias") or table.get("table_name", "")).lower() for table in tables]
        for table, name in zip(tables, names, strict=True):
            if table.get("type") != "BASE_TABLE" or not is_view(table):
                continue
            columns = [[name, COLUMN], *([[COLUMN]] if len(tables) == 1 else [])]
            kept = self._kept(node.get("where_clause", {}), columns)
            if kept is None or names.count(name) > 1 or "sample" in node or _is_changed(table):
                raise _Unclear
            yield kept

    def _kept(self, test: Node, columns: Sequence[Sequence[str]]) -> Sessions:
        """The sessions that rows have of which a condition is true."""
        kind = test.get("type")
        if kind == "CONJUNCTION_AND":
            found = (self._kept(each, columns) for each in test["children"])
            return min((each for each in found if each is not None), key=len, default=None)
        if kind == "CONJUNCTION_OR":
            parts = [self._kept(each, columns) for each in test["children"]]
            return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
        if kind == "COMPARE_EQUAL":
            sides = (test["left"], test["right"])
            return self._among(*sides, columns=columns) or self._among(*sides[::-1], columns=columns)
        if kind == "COMPARE_IN":
            return self._among(*test["children"], columns=columns)
        return None

    def _among(self, column: Node, *values: Node, columns: Sequence[Sequence[str]]) -> Sessions:
        """These values, if all are texts that are known and it is the column that is compared with them."""
        is_own = [str(name).lower() for name in column.get("column_names", ())] in columns
        texts = [self._text(value) for value in values]
        known = [text for text in texts if text is not None]
        return frozenset(known) if is_own and known and len(known) == len(texts) else None

    def _text(self, value: Node) -> str | None:
        if value.get("type") == "VALUE_CONSTANT":
            text = _literal(value)
        elif value.get("type") == "VALUE_PARAMETER":
            text = self._given(value["identifier"])
        else:
            text = None
        return text if isinstance(text, str) else None

    def _given(self, name: str) -> object:
        if isinstance(self._params, Mapping):
            return self._params.get(name)
        place = int(name) - 1 if name.isdigit() else -1
        return self._params[place] if self._params is not None and 0 <= place < len(self._params) else None


def _literal(constant: Node) -> object:
    """A constant's text, as DuckDB 2 writes it, or as 1.5 does; None for what is no text."""
    new, old = constant.get("literal", {}), constant.get("value", {})
    if new.get("kind") == "STRING":
        return new.get("text")
    return old.get("value") if old.get("type", {}).get("id") == "VARCHAR" else None


def _tables(place: Node) -> Iterator[Node]:
    """What a FROM joins, each table by itself; what rows are joined must follow from a row's own columns."""
    kind = place.get("type")
    if kind == "JOIN":
        if place.get("join_type") not in JOINS or place.get("ref_type") not in {"REGULAR", "CROSS"}:
            raise _Unclear
        yield from _tables(place["left"])
        yield from _tables(place["right"])
    elif kind == "TABLE_FUNCTION":
        if place["function"].get("function_name") not in GENERATORS:
            raise _Unclear
        yield place
    elif kind in {"BASE_TABLE", "SUBQUERY", "EMPTY", "EXPRESSION_LIST"}:
        yield place
    else:
        raise _Unclear


def _is_changed(table: Node) -> bool:
    """Whether it is a part of the view that is read, or its columns have other names there."""
    return not {"sample", "column_name_alias", "at_clause"}.isdisjoint(table)
