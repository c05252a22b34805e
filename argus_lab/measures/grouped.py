"""Groups in DuckDB's words: what one pass is cheap for in one, and each of the others by itself.

Several distinct lists in one pass would make DuckDB keep all rows; so would lists of spans. Each by itself
reads two columns.
"""
# ruff: noqa: S608  names of columns are quoted

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.measures.engines import queried, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_lab.measures.aggregates import Of

__all__ = ["in_duckdb"]


def in_duckdb(spans: Any, keys: Sequence[str], wanted: Mapping[str, Of], plain: Any) -> Any:
    """A relation of the groups: see :func:`argus_lab.measures.aggregates.aggregated`."""
    have = set(plain.columns)
    at = ", ".join(map(quoted, keys))
    made, tables, columns = [at], [], [f"g.{quoted(key)}" for key in keys]
    counts: dict[str, list[str | None]] = {}
    for number, (new, of) in enumerate(wanted.items()):
        name, table = quoted(new), f"t{number}"
        source = "beside" if of.column in have else "frame"
        if of.how == "head":
            made += _only(new, of)
            tables.append((table, _heads(at, new, of)))
            columns.append(_head(table, new, of))
        elif of.how == "within":
            tables.append((table, _lost(at, of)))
            columns.append(f"{table}.found IS NULL AS {name}")
        elif of.how == "names" and source == "beside":
            tables.append((table, _names(at, of)))
            columns.append(f"{table}.found AS {name}")
        elif of.how == "distinct" and source == "beside":
            flags = counts.setdefault(of.column, [])
            columns.append(f"coalesce(c{list(counts).index(of.column)}.found{len(flags)}, 0) AS {name}")
            flags.append(of.where)
        else:
            made.append(f"{_simple(of)} AS {name}")
            columns.append(f"g.{name}")
    tables += [(f"c{place}", _counts(at, *each)) for place, each in enumerate(counts.items())]
    if not tables:  # DuckDB puts a query over a relation together anew, which takes as long as a small query
        return spans.aggregate(", ".join(made), at)
    return queried(spans, _told(at, keys, made, tables, columns), plain)


def _told(
    at: str, keys: Sequence[str], made: list[str], tables: list[tuple[str, str]], columns: list[str]
) -> str:
    groups = f"groups AS MATERIALIZED (SELECT {', '.join(made)} FROM frame GROUP BY {at})"
    named = ", ".join([groups, *(f"{table} AS ({sql})" for table, sql in tables)])
    joins = [f"LEFT JOIN {table} ON {_same(keys, 'g', table)}" for table, _ in tables]
    return f"WITH {named} SELECT {', '.join(columns)} FROM groups g {' '.join(joins)}"


def _same(keys: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{key} IS NOT DISTINCT FROM {right}.{key}" for key in map(quoted, keys))


def _names(at: str, of: Of) -> str:
    column = quoted(of.column)
    values = f"SELECT DISTINCT {at}, {column} AS value FROM beside WHERE {column} IS NOT NULL"
    return (
        f"SELECT {at}, array_to_string(list_sort(list(value)), ', ') AS found FROM ({values}) GROUP BY {at}"
    )


def _counts(at: str, name: str, flags: Sequence[str | None]) -> str:
    """How many distinct values there are, and how many with each flag, in one pass."""
    column = quoted(name)
    tests = ["true" if flag is None else f"bool_or({quoted(flag)})" for flag in flags]
    held = ", ".join(f"{test} AS held{n}" for n, test in enumerate(tests))
    found = ", ".join(f"count(*) FILTER (held{n}) AS found{n}" for n in range(len(flags)))
    values = f"SELECT {at}, {held} FROM beside WHERE {column} IS NOT NULL GROUP BY {at}, {column}"
    return f"SELECT {at}, {found} FROM ({values}) GROUP BY {at}"


def _only(new: str, of: Of) -> list[str]:
    """The fields of the head if the first column of the order puts one row alone in front: nearly always."""
    first = f"FILTER ({quoted(of.order[0])} = 0)"
    fields = [f"any_value({quoted(field)}) {first} AS {quoted(f'{field} of {new}')}" for field in of.fields]
    return [f"count(*) {first} AS {quoted(f'heads of {new}')}", *fields]


def _head(table: str, new: str, of: Of) -> str:
    only = ", ".join(f"{quoted(field)} := g.{quoted(f'{field} of {new}')}" for field in of.fields)
    is_only = f"g.{quoted(f'heads of {new}')} = 1"
    return f"CASE WHEN {is_only} THEN struct_pack({only}) ELSE {table}.found END AS {quoted(new)}"


def _heads(at: str, new: str, of: Of) -> str:
    """The heads of the other groups."""
    fields = ", ".join(f"{name} := {name}" for name in map(quoted, of.fields))
    order = f"row({', '.join(map(quoted, of.order))})"
    others = f"SELECT {at} FROM groups WHERE {quoted(f'heads of {new}')} <> 1"
    return f"""
        SELECT {at}, arg_min(struct_pack({fields}), {order}) AS found
        FROM beside SEMI JOIN ({others}) others USING ({at}) GROUP BY {at}
    """


def _lost(at: str, of: Of) -> str:
    """The groups with a value that is no span of theirs."""
    column = quoted(of.column)
    return f"""
        SELECT DISTINCT {at}, true AS found
        FROM (SELECT DISTINCT {at}, {column} AS span FROM beside WHERE {column} IS NOT NULL) named
        ANTI JOIN beside USING ({at}, span)
    """


def _simple(of: Of) -> str:
    column, row = quoted(of.column), f"row({', '.join(map(quoted, of.order))})"
    known = f"list(DISTINCT {column}) FILTER ({column} IS NOT NULL)"  # null where there is none
    made: dict[str, str] = {
        "rows": "count(*)",
        "count": f"count({column})",
        "distinct": f"count(DISTINCT {column}) FILTER ({'true' if of.where is None else quoted(of.where)})",
        "sum": f"sum({column})",
        "least": f"min({column})",
        "most": f"max({column})",
        "names": f"array_to_string(list_sort({known}), ', ')",
        "first": f"arg_min({column}, {row})",
        "last": f"arg_max({column}, {row})",
    }
    return made[of.how]
