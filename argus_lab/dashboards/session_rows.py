"""The rows of the table of sessions, as words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.display.units import UNKNOWN, count, duration, usd
from argus_lab.display.visible import brief

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ROWS_A_PAGE", "key_of", "table_of"]

ROWS_A_PAGE = 50
FIRST, MODELS, NAMED = 220, 60, 40


def key_of(row: Mapping[str, Any]) -> str:
    """What tells a session from all others."""
    return f"{row['project']}/{row['session_id']}"


def table_of(
    rows: Sequence[Mapping[str, Any]], calls: Mapping[int, Sequence[Any]], *, with_project: bool
) -> list[dict[str, Any]]:
    """What the table shows of sessions: texts, and the model calls as lengths with whether they failed.

    Examples
    --------
    >>> row = dict.fromkeys(("first_user_message", "models", "reported_cost_usd", "list_cost_usd"))
    >>> row |= {"session": 0, "session_id": "s", "project": "p", "turns": 2, "spans": 12, "errors": 0}
    >>> row |= {"duration_ms": 3210.0, "input_tokens": 1200, "output_tokens": None, "start_time": None}
    >>> made = table_of([row], {}, with_project=False)[0]
    >>> made["duration"], made["tokens"], made["turns"]
    ('3.21 s', '1,200 → –', '2')
    """
    return [_row(row, calls.get(row["session"], ()), with_project=with_project) for row in rows]


def _row(row: Mapping[str, Any], calls: Sequence[Any], *, with_project: bool) -> dict[str, Any]:
    first = row["first_user_message"]
    started = row["start_time"]
    is_reported = row["reported_cost_usd"] is not None
    sent, got = row["input_tokens"], row["output_tokens"]
    return {
        "key": key_of(row),
        "id": row["session_id"],
        "project": row["project"],
        "first": brief(first, FIRST) if first else "",
        "title": brief(first or row["session_id"], FIRST),
        "of": brief(row["project"], NAMED) if with_project else "",
        "models": brief(row["models"], MODELS) if row["models"] else "",
        "turns": count(row["turns"]),
        "steps": count(row["spans"]),
        "duration": duration(row["duration_ms"]),
        "tokens": UNKNOWN if sent is None and got is None else f"{count(sent)} → {count(got)}",
        "cost": usd(row["reported_cost_usd"] if is_reported else row["list_cost_usd"]),
        "cost_words": "As reported by the sender"
        if is_reported
        else "By list price, of the calls that have one",
        "errors": count(row["errors"]),
        "calls": [list(call) for call in calls],
        "started": f"{started:%Y-%m-%d %H:%M}" if started else UNKNOWN,
    }
