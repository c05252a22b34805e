"""Frames of many: the sessions of many spans and how to narrow; tables of sessions, traces and rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argus_lab.display.markup import element
from argus_lab.display.page import Piece, code, cut_note, head, note
from argus_lab.display.plain import plain_table, titled
from argus_lab.display.tables import Field, cells, present, table
from argus_lab.display.taken import call
from argus_lab.display.units import count, moment, plural
from argus_lab.display.visible import brief

__all__ = ["frame_page", "frame_text", "overview_facts"]

Row = dict[str, Any]

MOST_ROWS = 60
"""More rows than that are a frame's matter, not a page's."""


def overview_facts(rows: Sequence[Row]) -> list[tuple[str, Any]]:
    """Sums over sessions or traces, and when they were."""
    failed = _sum(rows, "errors")
    return [
        ("Spans", count(_sum(rows, "spans"))),
        ("Model calls", count(_sum(rows, "model_calls"))),
        ("Tool calls", count(_sum(rows, "tool_calls"))),
        ("Tokens in", count(_sum(rows, "input_tokens"))),
        ("Tokens out", count(_sum(rows, "output_tokens"))),
        ("Errors", element("span", count(failed), cls="al-wrong") if failed else count(failed)),
    ]


def frame_page(
    kind: str, fields: Sequence[Field], rows: list[Row], told: dict[str, Any], most: int
) -> list[Piece]:
    """The pieces of a table's page; ``kind`` is what a row is."""
    shown = rows[: min(most, MOST_ROWS)]
    facts = overview_facts(rows) if kind != "round" else []
    pieces: list[Piece] = [head(plural(len(rows), kind), _where_and_when(rows), facts)]
    if rows:
        pieces.append(table(present(fields, shown), shown))
    hidden = len(rows) - len(shown)
    if hidden:
        pieces.append(note(f"{plural(hidden, f'more {kind}')}, see the frame: ", code(f"al.{kind}s(spans)")))
    pieces.append(_narrower(kind, rows))
    return [*pieces, cut_note(told)]


def frame_text(kind: str, fields: Sequence[Field], rows: list[Row]) -> str:
    """The same for a terminal."""
    chosen = present(fields, rows)
    right = [at for at, field in enumerate(chosen) if field.is_number]
    lines = plain_table([field.title for field in chosen], [cells(chosen, row) for row in rows], right=right)
    facts = overview_facts(rows) if kind != "round" else []
    plain = [(name.lower(), value) for name, value in facts if name != "Errors"]
    plain.append(("errors", count(_sum(rows, "errors")) if kind != "round" else None))
    return titled(plural(len(rows), kind), plain, lines if rows else "nothing here")


def _narrower(kind: str, rows: list[Row]) -> Piece:
    if not rows:
        return note("The frame is empty. ", code("lake.projects()"), " says what there is, and when.")
    first = rows[0]
    if kind == "session":
        return note("One of them, as it went: ", code(f"al.show({call('session', first.get('session_id'))})"))
    if kind == "trace":
        return note("One of them, step by step: ", code(f"al.show({call('trace', first.get('trace_id'))})"))
    return note("As they went: ", code(f"al.show({call('session', first.get('session_id'))})"))


def _where_and_when(rows: list[Row]) -> str:
    names = list(dict.fromkeys(row["project"] for row in rows if row.get("project")))
    starts = [row["start_time"] for row in rows if row.get("start_time") is not None]
    when = f"{moment(min(starts))} to {moment(max(starts))}" if starts else ""
    where = brief(", ".join(brief(name, 60) for name in names[:8]), 200)
    return " · ".join(part for part in (where, when) if part)


def _sum(rows: Sequence[Row], name: str) -> int | None:
    known = [row[name] for row in rows if row.get(name) is not None]
    return sum(known) if known else None
