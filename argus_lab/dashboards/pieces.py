"""Pieces of spans: what rows of a measured frame stand for, and the condition that selects them.

A row of a measure stands for the spans of a stretch of time, of a length, of a model. Pieces become one
DuckDB condition with bound values, the same for the tables behind a page and for ``lake.spans(where=...)``.
Names of columns are ours; values of others are never part of a condition's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from argus_lab.schema import SPANS

__all__ = [
    "FACTS",
    "TIME",
    "Among",
    "Beside",
    "Fact",
    "Piece",
    "Test",
    "Within",
    "condition",
    "joined",
    "pieces_of",
    "windowed",
    "written",
]

TIME = "start_time"
FACTS = {
    "call": "(span_type = 'llm' OR step_kind = 'llm_call')",
    "usage": "(input_tokens IS NOT NULL OR output_tokens IS NOT NULL)",
    "duration": "duration_ms IS NOT NULL",
    "first token": "time_to_first_token_ms IS NOT NULL",
    "error": "status = 'ERROR'",
}
"""What pieces may ask of a span beside values of columns."""


class Within(NamedTuple):
    """Numbers or times from ``low``, included, to ``high``, excluded; ``None`` is without end."""

    column: str
    low: Any
    high: Any


class Among(NamedTuple):
    """One of these values; ``None`` among them is null."""

    column: str
    values: tuple[Any, ...]


class Beside(NamedTuple):
    """None of these values: what a figure calls others."""

    column: str
    values: tuple[Any, ...]


class Fact(NamedTuple):
    """One of :data:`FACTS`."""

    name: str


Test = Within | Among | Beside | Fact
Piece = tuple[Test, ...]
"""What a span has to be, all of it, to be one of those that a mark of a figure stands for."""


def pieces_of(rows: pd.DataFrame, by: Sequence[str], every: pd.Timedelta | None = None) -> list[Piece]:
    """What rows of a measured frame stand for: their stretch of time, their length, their group.

    Examples
    --------
    >>> measured = pd.DataFrame({"service": ["shop", None], "low": [1.0, 10.0], "high": [10.0, 100.0]})
    >>> pieces_of(measured, ["service"])[1]
    (Within(column='duration_ms', low=10.0, high=100.0), Among(column='service', values=(None,)))
    """
    found: list[Piece] = []
    for row in rows.to_dict("records"):
        piece: list[Test] = []
        if every is not None:
            start = row["time"].to_pydatetime()
            piece.append(Within(TIME, start, start + every.to_pytimedelta()))
        if "low" in row:
            is_known = pd.notna(row["low"])
            piece.append(
                Within("duration_ms", float(row["low"]), float(row["high"]))
                if is_known
                else Within("duration_ms", None, NOTHING)
            )
        piece += [Among(name, (None if pd.isna(row[name]) else row[name],)) for name in by]
        found.append(tuple(piece))
    return found


NOTHING = 5e-324
"""The smallest number above 0: what is below it is 0 or negative."""


def joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces, fewer: those as one that touch, then those that differ in one value.

    Examples
    --------
    >>> joined([(Among("service", ("a",)),), (Among("service", ("b",)),)])
    ((Among(column='service', values=('a', 'b')),),)
    """
    return tuple(_merged(_touching(dict.fromkeys(pieces))))


def _touching(pieces: Iterable[Piece]) -> list[Piece]:
    for column in (TIME, "duration_ms"):
        alike: dict[Piece, list[Within]] = {}
        others: list[Piece] = []
        for piece in pieces:
            stretch = next((t for t in piece if isinstance(t, Within) and t.column == column), None)
            if stretch is None or stretch.low is None or stretch.high is None:
                others.append(piece)
            else:
                alike.setdefault(tuple(t for t in piece if t is not stretch), []).append(stretch)
        pieces = [*others, *((each, *rest) for rest, found in alike.items() for each in _runs(found))]
    return list(pieces)


def _runs(stretches: Sequence[Within]) -> list[Within]:
    ordered = sorted(stretches, key=lambda each: each.low)
    found = [ordered[0]]
    for _, after in pairwise(ordered):
        if (
            after.low <= found[-1].high * (1 + 1e-12)
            if isinstance(after.low, float)
            else after.low <= found[-1].high
        ):
            found[-1] = found[-1]._replace(high=max(found[-1].high, after.high))
        else:
            found.append(after)
    return found


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces that differ in the values of one column as one."""
    alike: dict[tuple[Any, ...], list[Piece]] = {}
    for piece in pieces:
        last = piece[-1] if piece else None
        key = (*piece[:-1], last.column) if isinstance(last, Among) else (object(),)
        alike.setdefault(key, []).append(piece)
    found: list[Piece] = []
    for group in alike.values():
        if len(group) == 1:
            found += group
        else:
            values = dict.fromkeys(value for piece in group for value in _last(piece).values)  # noqa: PD011  no frame
            found.append((*group[0][:-1], _last(group[0])._replace(values=tuple(values))))
    return found


def _last(piece: Piece) -> Among:
    """The last test of a piece that ends with values."""
    last = piece[-1]
    assert isinstance(last, Among)  # noqa: S101  such pieces are grouped
    return last


def windowed(
    pieces: tuple[Piece, ...], since: datetime | None, until: datetime | None
) -> tuple[tuple[Piece, ...], datetime | None, datetime | None]:
    """The pieces without the stretch of time that all share, which becomes the window."""
    found = [next((t for t in piece if isinstance(t, Within) and t.column == TIME), None) for piece in pieces]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return pieces, since, until
    low, high = min(each.low for each in known), max(each.high for each in known)
    since = max(low, since) if since else low
    until = min(high, until) if until else high
    if len(set(known)) == 1:
        pieces = tuple(
            tuple(t for t in piece if t is not own) for piece, own in zip(pieces, known, strict=True)
        )
    return pieces, since, until


def condition(pieces: Sequence[Piece]) -> tuple[str, dict[str, Any]]:
    """What a span has to be to be in one of the pieces: a condition, and its parameters.

    Examples
    --------
    >>> condition([(Among("service", ("shop", None)),)])
    ('(service IN $b1 OR service IS NULL)', {'b1': ['shop']})
    """
    params: dict[str, Any] = {}
    told = [" AND ".join(_test(test, params) for test in piece) or "true" for piece in pieces]
    if not told:
        return "false", params
    if "true" in told:
        return "true", {}
    return (told[0] if len(told) == 1 else " OR ".join(f"({part})" for part in told)), params


def _test(test: Test, params: dict[str, Any]) -> str:
    if isinstance(test, Fact):
        return FACTS[test.name]
    column = test.column
    if column not in SPANS.names:
        raise ValueError(f"{column!r} is no column of the span table")
    if isinstance(test, Within):
        ends = [(sign, value) for sign, value in ((">=", test.low), ("<", test.high)) if value is not None]
        return " AND ".join(f"{column} {sign} {_end(params, value)}" for sign, value in ends)
    known = [value for value in test[1] if value is not None]
    has_null = len(known) < len(test[1])
    if isinstance(test, Among):
        told = [f"{column} IN ${_bound(params, known)}"] if known else []
        return f"({' OR '.join([*told, *[f'{column} IS NULL'] * has_null])})"
    told = [f"{column} IS NOT NULL"] if has_null else []
    if known:
        null = "" if has_null else f" OR {column} IS NULL"
        told.append(f"({column} NOT IN ${_bound(params, known)}{null})")
    return " AND ".join(told) or "true"


def _end(params: dict[str, Any], value: Any) -> str:
    """A bound of a stretch; moments are written down as texts, which Python can show."""
    if isinstance(value, datetime):
        return f"${_bound(params, written(value))}::TIMESTAMPTZ"
    return f"${_bound(params, value)}"


def _bound(params: dict[str, Any], value: Any) -> str:
    name = f"b{len(params) + 1}"
    params[name] = value
    return name


def written(moment: datetime | None) -> str | None:
    """A moment as it is written in Python and in conditions."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
