"""From a picture to spans, and to Python: what was brushed as conditions, as rows, and as lines to copy.

What is drawn shows rows of a measured frame. A row stands for a *piece* of the spans: those of a stretch of
time, of a length, of a model. Pieces that are brushed become one DuckDB condition with bound values, the same
for the tables behind a page and for ``lake.spans(where=...)``; so what is shown and what the lines return is
the same. Names of columns are ours; values of others are never part of a condition's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from argus_lab.dashboards.choices import Choices, code_of, selection_of, window_of
from argus_lab.schema import SPANS

__all__ = ["Among", "Beside", "Brush", "Fact", "Piece", "Within", "brush_of", "pieces_of"]

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


@dataclass(frozen=True, slots=True)
class Brush:
    """What was brushed: in which view, and which pieces of it.

    ``calls``: model calls whose usage counts are meant, each once, with what they cost.
    """

    choices: Choices
    pieces: tuple[Piece, ...]
    calls: bool = False

    def condition(self) -> tuple[str, dict[str, Any]]:
        """The condition on the spans of the view, with its parameters."""
        text, params = _condition(self.pieces)
        return (f"is_counted AND ({text})", params) if self.calls else (text, params)

    def selection(self) -> dict[str, Any]:
        """The arguments of ``lake.spans()`` that give these spans; calls, and those that repeat their usage."""
        asked = [tuple(test for test in piece if not _is_of_agents(test)) for piece in self.pieces]
        pieces, since, until = _windowed(_joined(asked), *window_of(self.choices))
        choices = replace(self.choices, since=_written(since), until=_written(until))
        given = selection_of(choices)
        text, params = _condition(pieces)
        told = [given.pop("where", ""), text if text != "true" else "", FACTS["usage"] if self.calls else ""]
        bound = given.pop("params", {}) | params
        if any(told):
            given["where"] = " AND ".join(f"({part})" for part in told if part)
        return given | ({"params": bound} if bound else {})

    def code(self, lake: str | None = None) -> str:
        """Python that returns exactly the frame that is shown, as ``spans`` or ``calls``.

        Examples
        --------
        >>> slow = (Within("duration_ms", 1000.0, 2000.0), Among("service", ("support's", None)))
        >>> print(Brush(Choices(project=("shop",)), (slow,)).code())
        import argus_lab as al
        <BLANKLINE>
        lake = al.open()
        spans = lake.spans(
            project="shop",
            where="(duration_ms >= $b1 AND duration_ms < $b2 AND (service IN $b3 OR service IS NULL))",
            params={"b1": 1000.0, "b2": 2000.0, "b3": ["support's"]},
            order="oldest",
        )
        """
        given = self.selection()
        if not self.calls:
            return code_of(Choices(), lake=lake, more=given | {"order": "oldest"})
        head = code_of(Choices(), lake=lake, more=given | {"columns": ["trace_id", "span_id"]})
        head = head.replace("\nspans = ", "\nchosen = ", 1)
        traces = 'lake.spans(trace=chosen["trace_id"].unique())'
        if not any(_is_of_agents(test) for piece in self.pieces for test in piece):
            return f"{head}\ntraces = {traces}{WHOLE}\ncalls = al.costs(traces).merge(chosen)"
        named = 'traces[["trace_id", "span_id", "agent_name"]]'
        lines = [head, f"traces = al.with_agents({traces}){WHOLE}"]
        lines += [
            f"calls = al.costs(traces).merge(chosen).merge({named})",
            f"calls = calls[{_mask(self.pieces)}]",
        ]
        return "\n".join(lines)


WHOLE = "  # whole traces tell which calls repeat others"


def brush_of(choices: Choices, pieces: Iterable[Piece], *, calls: bool = False) -> Brush:
    """A brush in this view, as it is now: "the last 24 hours" ends at a moment, and pieces that touch are joined.

    Examples
    --------
    >>> low, high = (Within("duration_ms", 1.0, 2.0),), (Within("duration_ms", 2.0, 4.0),)
    >>> brush_of(Choices(), [low, high]).pieces
    ((Within(column='duration_ms', low=1.0, high=4.0),),)
    """
    since, until = window_of(choices)
    fixed = replace(choices, since=_written(since), until=_written(until))
    return Brush(fixed, _joined(pieces), calls=calls)


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


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces, those as one that differ in one stretch only and touch, then those that differ in one value."""
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
            values = dict.fromkeys(value for piece in group for value in piece[-1].values)  # type: ignore[union-attr]
            found.append((*group[0][:-1], group[0][-1]._replace(values=tuple(values))))  # type: ignore[call-arg]
    return found


def _windowed(
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


def _condition(pieces: Sequence[Piece]) -> tuple[str, dict[str, Any]]:
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
    known = [value for value in test.values if value is not None]
    has_null = len(known) < len(test.values)
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
        return f"${_bound(params, _written(value))}::TIMESTAMPTZ"
    return f"${_bound(params, value)}"


def _bound(params: dict[str, Any], value: Any) -> str:
    name = f"b{len(params) + 1}"
    params[name] = value
    return name


def _is_of_agents(test: Test) -> bool:
    return isinstance(test, Among | Beside) and test.column == "agent_name"


def _mask(pieces: Sequence[Piece]) -> str:
    """The same condition for a frame ``calls``, as far as it has the columns."""
    told = []
    for piece in pieces:
        tests = []
        for test in piece:
            if isinstance(test, Fact):
                continue
            column = f'calls["{test.column}"]'
            if isinstance(test, Within):
                tests += [
                    f'({column} >= "{test.low.isoformat()}")',
                    f'({column} < "{test.high.isoformat()}")',
                ]
            else:
                found = f"{column}.isin({list(test.values)!r})"
                tests.append(f"~{found}" if isinstance(test, Beside) else found)
        told.append(f"({' & '.join(tests)})")
    return " | ".join(told)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
