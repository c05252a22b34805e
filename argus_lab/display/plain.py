"""The same for a terminal: trees and tables that align, with nothing in them that a terminal would obey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from argus_lab.display.folding import Line
from argus_lab.display.units import UNKNOWN, count, duration, moment, plural
from argus_lab.display.visible import brief, fitted, width

if TYPE_CHECKING:
    from argus_lab.display.taken import Steps

__all__ = ["LINES", "facts_line", "plain_table", "plain_tree", "titled", "trace_facts"]

LINES = 60
"""Lines of a tree or table; a terminal is no place for more."""
LABEL = 52
WORDS = 60


def facts_line(facts: Sequence[tuple[str, Any]]) -> str:
    """Facts on one line; unknown ones are left out.

    Examples
    --------
    >>> facts_line([("spans", "12"), ("errors", "0"), ("cost", None)])
    'spans 12 · errors 0'
    """
    known = ((name, value) for name, value in facts if value not in (None, "", UNKNOWN))
    return " · ".join(f"{name} {brief(value, 80)}" for name, value in known)


def plain_tree(steps: Steps, found: list[Line]) -> str:
    """The lines of a waterfall: label, duration, tokens, and what went wrong."""
    shown = found[:LINES]
    labels = [_label(steps, line) for line in shown]
    most = min(LABEL, max(map(width, labels), default=0))
    rows = [_line(steps, line, fitted(label, most)) for line, label in zip(shown, labels, strict=True)]
    hidden = len(steps) - sum(line.spans for line in shown)
    if hidden > 0:
        rows.append(f"… {plural(hidden, 'more span')}")
    return "\n".join(rows)


def _line(steps: Steps, line: Line, label: str) -> str:
    place = line.place
    if line.folded:
        return f"{label}  {duration(sum(steps.duration[at] or 0.0 for at in line.folded)):>12}"
    sent, got = steps.tokens[place]
    tokens = "" if sent is None and got is None else f"{count(sent)} → {count(got)}"
    took = duration(steps.duration[place])
    return f"{label}  {took:>12}  {tokens:>15}  {_words(steps, place)}".rstrip()


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows under a head, columns as wide as they need; those in ``right`` end at one line.

    Examples
    --------
    >>> print(plain_table(["metric", "a"], [["median", "1.2 s"], ["p95", "14 s"]], right=[1]))
    metric      a
    median  1.2 s
    p95      14 s
    """
    every = [list(head), *([brief(cell, WORDS) for cell in row] for row in rows[:LINES])]
    widths = [max(width(row[at]) for row in every) for at in range(len(head))]
    told = [
        "  ".join(
            " " * (widths[at] - width(cell)) + cell if at in right else fitted(cell, widths[at])
            for at, cell in enumerate(row)
        ).rstrip()
        for row in every
    ]
    if len(rows) > LINES:
        told.append(f"… {plural(len(rows) - LINES, 'more row')}")
    return "\n".join(told)


def titled(title: str, facts: Sequence[tuple[str, Any]], *below: str) -> str:
    """A title, its facts, and what follows after an empty line."""
    first = "\n".join(part for part in (brief(title, 160), facts_line(facts)) if part)
    return "\n\n".join([first, *(part for part in below if part)])


def trace_facts(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """What a trace or session is told by first."""
    return [
        ("started", moment(row.get("start_time"))),
        ("took", duration(row.get("duration_ms"))),
        ("spans", count(row.get("spans"))),
        ("model calls", count(row.get("model_calls"))),
        ("tokens in", count(row.get("input_tokens"))),
        ("out", count(row.get("output_tokens"))),
        ("errors", count(row.get("errors"))),
    ]


def _label(steps: Steps, line: Line) -> str:
    mark = "✗ " if not line.folded and line.place in steps.is_wrong else ""
    times = f"×{count(line.times)} " if line.folded else ""
    return f"{line.guides}{mark}{times}{brief(line.label, 80)}"


def _words(steps: Steps, place: int) -> str:
    if place not in steps.is_wrong:
        return ""
    told = [brief(steps.text(name, place), WORDS) for name in ("error_type", "error_message")]
    return ": ".join(part for part in told if part) or "failed"
