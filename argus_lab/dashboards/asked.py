"""Choices as conditions on the tables of a digest."""

# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.dashboards.choices import window_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from argus_lab.dashboards.choices import Choices

__all__ = ["COLUMNS", "ORDERS", "Asked", "asked", "beside", "share_of", "sorted_by", "values_of"]

MOST_OPTIONS = 500
"""Values of a choice that a list shows, the most frequent first; others can stand in an address."""

Asked = tuple[str, dict[str, Any]]
"""A condition on the table ``spans`` with its parameters."""

COLUMNS = {
    "project": "project",
    "service": "service",
    "model": "coalesce(request_model, response_model)",
    "component": "component_type",
    "status": "status",
}


ORDERS = {
    "started": "start_time",
    "duration": "duration_ms",
    "turns": "turns",
    "tokens": "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)",
    "cost": "coalesce(reported_cost_usd, list_cost_usd)",
    "errors": "errors",
    "steps": "spans",
    "first": "first_user_message",
    "models": "models",
}
"""What sessions are sorted by: name in an address, expression over ``sessions``."""


def asked(choices: Choices, search: int | None = None) -> Asked:
    """What the choices ask of a row of ``spans``; ``search`` is the number of the search for their text.

    Examples
    --------
    >>> from argus_lab.dashboards.choices import Choices
    >>> asked(Choices(project=("shop",), status=("ERROR",)))
    ('list_contains($project, project) AND list_contains($status, status)',
     {'project': ['shop'], 'status': ['ERROR']})
    >>> asked(Choices())
    ('true', {})
    """
    tests: list[str] = []
    params: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        values = getattr(choices, name)
        if values:
            tests.append(f"list_contains(${name}, {column})")
            params[name] = list(values)
    for name, moment, sign in zip(("since", "until"), window_of(choices), (">=", "<"), strict=True):
        if moment is not None:
            tests.append(f"start_time {sign} ${name}")
            params[name] = moment
    if search is not None:
        tests.append("(trace_id, span_id) IN (SELECT (trace_id, span_id) FROM hits WHERE search = $search)")
        params["search"] = search
    return " AND ".join(tests) or "true", params


def share_of(choices: Choices, options: Mapping[str, Sequence[tuple[str, int]]], spans: int) -> float:
    """Which share of the spans has the values that are chosen, at most; ``options`` tell of how many.

    Examples
    --------
    >>> from argus_lab.dashboards.choices import Choices
    >>> options = {"status": [("OK", 90), ("ERROR", 10)], "model": [("a", 60), ("b", 20)]}
    >>> share_of(Choices(), options, 100), share_of(Choices(status=("OK",), model=("a", "b")), options, 100)
    (1.0, 0.8)
    """
    chosen = {name: getattr(choices, name) for name in COLUMNS}
    counts = [
        sum(count for value, count in options.get(name, ()) if value in values)
        for name, values in chosen.items()
        if values
    ]
    return min(counts, default=spans) / max(spans, 1)


def sorted_by(order: str, *, descending: bool) -> str:
    """By what sessions are sorted, ties included, so that pages of them never overlap."""
    return f"{ORDERS[order]} {'DESC' if descending else 'ASC'} NULLS LAST, session_id, project"


def beside(which: str, order: str, *, descending: bool) -> str:
    """A query for the numbers of the sessions before and after ``$session``, so sorted, of those meant.

    Who sorts all of them to find two takes four times as long.
    """
    way, back, sign = ("DESC", "ASC", ">") if descending else ("ASC", "DESC", "<")
    is_before = f"""CASE WHEN meant.value IS NOT DISTINCT FROM here.value
        THEN (meant.session_id, meant.project) < (here.session_id, here.project)
        ELSE coalesce(meant.value {sign} here.value, here.value IS NULL) END"""
    told = f"session, session_id, project, {ORDERS[order]} AS value"
    return f"""
        WITH here AS (SELECT {told} FROM sessions WHERE session = $session),
        meant AS MATERIALIZED (SELECT {told} FROM sessions WHERE {which})
        (SELECT 0 AS place, meant.session FROM meant, here WHERE {is_before}
            ORDER BY meant.value {back} NULLS FIRST, meant.session_id DESC, meant.project DESC LIMIT 1)
        UNION ALL
        (SELECT 1 AS place, meant.session FROM meant, here
            WHERE meant.session <> here.session AND NOT ({is_before})
            ORDER BY meant.value {way} NULLS LAST, meant.session_id, meant.project LIMIT 1)
    """


def values_of(cursor: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, int]]:
    """The values of a column of ``spans`` with how many spans have each."""
    query = f"""
        SELECT {column} AS value, count(*) AS spans FROM spans WHERE value IS NOT NULL
        GROUP BY value ORDER BY spans DESC, value LIMIT {MOST_OPTIONS}
    """
    found = cursor.sql(query).to_arrow_table()
    return list(zip(found["value"].to_pylist(), found["spans"].to_pylist(), strict=True))
