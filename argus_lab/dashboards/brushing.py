"""From a picture to spans, and to Python: what was brushed as a selection, and as lines to copy.

What is drawn shows rows of a measured frame, and rows stand for pieces of the spans
(:mod:`argus_lab.dashboards.pieces`). What the page shows of a brush and what the lines return is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from argus_lab.dashboards.choices import Choices, code_of, selection_of, window_of
from argus_lab.dashboards.pieces import (
    FACTS,
    Among,
    Beside,
    Fact,
    Piece,
    Test,
    Within,
    condition,
    joined,
    windowed,
    written,
)

__all__ = ["Brush", "brush_of"]

WHOLE = "  # whole traces tell which calls repeat others, and which agent it was"
TRACES = 'lake.spans(trace=chosen["trace_id"].unique())'
NAMED = 'traces[["trace_id", "span_id", "agent_name"]]'


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
        text, params = condition(self.pieces)
        return (f"is_counted AND ({text})", params) if self.calls else (text, params)

    def selection(self) -> dict[str, Any]:
        """The arguments of ``lake.spans()`` that give these spans: of calls, those that repeat them too."""
        asked = [tuple(test for test in piece if not _is_of_agents(test)) for piece in self.pieces]
        pieces, since, until = windowed(joined(asked), *window_of(self.choices))
        choices = replace(self.choices, since=written(since), until=written(until))
        given = selection_of(choices)
        text, params = condition(pieces)
        told = [given.pop("where", ""), text if text != "true" else "", FACTS["usage"] if self.calls else ""]
        bound = given.pop("params", {}) | params
        if any(told):
            given["where"] = " AND ".join(f"({part})" for part in told if part)
        return given | ({"params": bound} if bound else {})

    def code(self, lake: str | None = None) -> str:
        """Python that returns exactly the frame that is shown, as ``spans`` or ``calls``.

        Examples
        --------
        >>> from argus_lab.dashboards.pieces import Among, Within
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
        by_agent = any(_is_of_agents(test) for piece in self.pieces for test in piece)
        if not self.calls and not by_agent:
            return code_of(Choices(), lake=lake, more=given | {"order": "oldest"})
        more = {"columns": ["trace_id", "span_id"]} if self.calls else {"order": "oldest"}
        head = code_of(Choices(), lake=lake, more=given | more).replace("\nspans = ", "\nchosen = ", 1)
        traces = f"al.with_agents({TRACES})" if by_agent else TRACES
        lines = [head, f"traces = {traces}{WHOLE}"]
        if self.calls:
            lines.append("calls = al.costs(traces).merge(chosen)" + f".merge({NAMED})" * by_agent)
        else:
            lines.append(f'spans = chosen.drop(columns="agent_name").merge({NAMED})')
        if by_agent:
            name = "calls" if self.calls else "spans"
            lines.append(f"{name} = {name}[{_mask(self.pieces, name)}]")
        return "\n".join(lines)


def brush_of(choices: Choices, pieces: Iterable[Piece], *, calls: bool = False) -> Brush:
    """A brush in this view, as it is now: "the last 24 hours" becomes moments; pieces that touch are joined.

    Examples
    --------
    >>> low, high = (Within("duration_ms", 1.0, 2.0),), (Within("duration_ms", 2.0, 4.0),)
    >>> brush_of(Choices(), [low, high]).pieces
    ((Within(column='duration_ms', low=1.0, high=4.0),),)
    """
    since, until = window_of(choices)
    fixed = replace(choices, since=written(since), until=written(until))
    return Brush(fixed, joined(pieces), calls=calls)


def _is_of_agents(test: Test) -> bool:
    return isinstance(test, Among | Beside) and test.column == "agent_name"


def _mask(pieces: Sequence[Piece], frame: str) -> str:
    """The same condition for a frame of that name; facts are left out, which all pieces of a chart share."""
    told = []
    for piece in pieces:
        tests = [_masked(test, f'{frame}["{test.column}"]') for test in piece if not isinstance(test, Fact)]
        told.append(f"({' & '.join(tests)})")
    return " | ".join(told)


def _masked(test: Within | Among | Beside, column: str) -> str:
    if isinstance(test, Within):
        ends = [(sign, value) for sign, value in ((">=", test.low), ("<", test.high)) if value is not None]
        return " & ".join(
            f"({column} {sign} {value if isinstance(value, float) else repr(written(value))})"
            for sign, value in ends
        )
    known = [value for value in test[1] if value is not None]
    told = [f"{column}.isin({known!r})"] if known else []
    told += [f"{column}.isna()"] * (len(known) < len(test[1]))
    found = f"({' | '.join(told)})"
    return f"~{found}" if isinstance(test, Beside) else found
