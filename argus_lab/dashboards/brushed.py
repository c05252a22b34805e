"""The spans that were brushed, as a page shows them."""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.dashboards.brushing import Brush
    from argus_lab.dashboards.digest import Digest

__all__ = ["SHOWN", "Brushed", "brushed"]

SHOWN = 200
"""Rows that a page shows of a selection; the lines of Python return all."""
SPANS = (
    *("start_time", "service", "name", "component_name", "request_model", "duration_ms"),
    *("time_to_first_token_ms", "input_tokens", "output_tokens", "status"),
)
CALLS = (
    *("start_time", "project", "service", "agent_name", "request_model", "input_tokens", "cache_read_tokens"),
    *("output_tokens", "reasoning_tokens", "list_cost_usd", "status"),
)
KEYS = ("project", "session_id", "trace_id", "span_id")


@dataclass(frozen=True)
class Brushed:
    """How many spans there are, and the first of them with the keys that tell where they are."""

    count: int
    rows: pd.DataFrame
    keys: pd.DataFrame


def brushed(digest: Digest, brush: Brush, most: int = SHOWN) -> Brushed:
    """The spans of a brush, the oldest first.

    Examples
    --------
    >>> from argus_lab.dashboards.brushing import brush_of
    >>> from argus_lab.dashboards.choices import Choices
    >>> from argus_lab.dashboards.digests import digest_of
    >>> from argus_lab.dashboards.pieces import Among
    >>> found = brushed(digest_of(tiny_lake), brush_of(Choices(), [(Among("service", ("tools",)),)]))
    >>> found.count, found.rows["name"].tolist()
    (2, ['execute_tool search', 'execute_tool search'])
    """
    condition, bound = brush.condition()
    whole = digest.query(f"SELECT count(*) AS n FROM chosen WHERE {condition}", brush.choices, bound)
    columns = CALLS if brush.calls else SPANS
    asked = ", ".join(f"c.{name}" for name in dict.fromkeys((*columns, "trace_id", "span_id", "project")))
    found = digest.query(
        f"""
        SELECT {asked}, s.session_id
        FROM (
            SELECT * FROM chosen WHERE {condition} ORDER BY start_time, trace_id, span_id LIMIT {int(most)}
        ) c
        LEFT JOIN sessions s USING (session)
        ORDER BY c.start_time, c.trace_id, c.span_id
        """,
        brush.choices,
        bound,
    )
    return Brushed(int(whole["n"].iloc[0]), found[list(columns)], found[list(KEYS)])
