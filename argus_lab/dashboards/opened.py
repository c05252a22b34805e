"""A session that somebody looks at: its rounds and steps, and what is known of each, ready to be shown."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from argus_lab.dashboards.once import Once
from argus_lab.display.details import NEEDED, detail, model_facts
from argus_lab.display.markup import Html, element
from argus_lab.display.rounds_view import (
    Round,
    executions_of_round,
    failure_of_round,
    request_of_round,
    result_of_round,
)
from argus_lab.display.session_page import Session
from argus_lab.display.sessions_read import WORDS, read_session
from argus_lab.display.style import ROOT
from argus_lab.display.taken import Steps, call, frame_of, of_detail, spans_of
from argus_lab.display.whole import whole
from argus_lab.errors import ArgusError
from argus_lab.measures.in_rounds import in_rounds
from argus_lab.measures.membership import members
from argus_lab.measures.rounds import rounds as rounds_of
from argus_lab.measures.steps import steps as steps_of
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.dashboards.digest import Digest

__all__ = ["PARTS", "Opened", "opened"]

WITH_CONTENT = 1_500
"""Sessions of so many spans are read with their messages; of larger ones a step's, when it is chosen."""
KEPT = 6
"""Sessions that stay in memory, for those who go back to one, or rest on one and open it."""
CHARACTERS = 20_000
"""Of any one text; what is longer says how much more there is and where to read it."""
PARTS = ("request", "execution", "result", "raw")
"""What a round's detail is divided into."""
NOTHING_RAN = "Nothing ran because of this answer."


@dataclass(frozen=True)
class Opened:
    """A session with its rounds, its steps in reading order, and the round that each step belongs to."""

    row: Mapping[str, Any]
    spans: pa.Table
    session: Session
    steps: Steps
    round_of: list[int | None]
    has_content: bool
    digest: Digest

    @property
    def rounds(self) -> list[Round]:
        """The rounds, in order."""
        return self.session.rounds

    def round_detail(self, at: int, part: str) -> Html:
        """One part of a round."""
        each = self._filled(self.rounds[at])
        where = call("trace", each.row.get("trace_id"))
        failure = failure_of_round(each, CHARACTERS, where)
        if part == "execution":
            ran = executions_of_round(each, CHARACTERS, where)
            return _framed(ran or element("p", NOTHING_RAN, cls="al-note"))
        if part == "result":
            return _framed(
                failure, model_facts(each.row | each.span), result_of_round(each, CHARACTERS, where)
            )
        if part == "raw":
            return _framed(whole(self._row(each.row), CHARACTERS, where))
        return _framed(failure, model_facts(each.row | each.span), request_of_round(each, CHARACTERS, where))

    def step_detail(self, at: int, *, raw: bool) -> Html:
        """A step as its kind of component is best told, or all that is stored of it."""
        row = self.steps.rows([at])[at]
        where = self.steps.where(row)
        if raw:
            return _framed(whole(self._row(row), CHARACTERS, where))
        return _framed(detail(row | self._content(row), CHARACTERS, where))

    def whole_session(self) -> Session:
        """The session with its messages, read now if it was opened without."""
        return self.session if self.has_content else _session(self.digest, self.row, content=True)[1]

    def place_of(self, span_id: str) -> int | None:
        """The step of a span."""
        ids = self.steps.table["span_id"].to_pylist()
        return ids.index(span_id) if span_id in ids else None

    def _content(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a step's detail needs and was not read with the session."""
        if self.has_content:
            return {}
        return {name: value for name, value in self._row(row).items() if name in NEEDED and value is not None}

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Every column of a span, read now."""
        found = self.digest.span(row["trace_id"], row["span_id"])
        return found if found is not None else dict(row)

    def _filled(self, each: Round) -> Round:
        if self.has_content:
            return each
        return Round(each.row, self._row(each.row), each.messages, each.executions)


_OPENED: Once[Opened] = Once(KEPT)


def opened(digest: Digest, row: Mapping[str, Any]) -> Opened:
    """The session of a row of the digest's table; those looked at last are kept, for all visitors."""
    return _OPENED.of((digest.address, digest.generation, row["session"]), lambda: _read(digest, row))


def aimed(digest: Digest, session: Mapping[str, Any], *, is_sure: bool) -> None:
    """Read a session that is likely to be opened next, if there is one; a large one only if it is sure."""
    with contextlib.suppress(ArgusError):  # what is wrong with the lake is told to whoever opens it
        row = digest.session(session["session"], session.get("of"))
        if row is not None and (is_sure or row["spans"] <= WITH_CONTENT):
            opened(digest, row)


def _read(digest: Digest, row: Mapping[str, Any]) -> Opened:
    has_content = row["spans"] <= WITH_CONTENT
    spans, session = _session(digest, row, content=has_content)
    taken = frame_of(spans)
    light = members(spans_of(taken, SPANS.light))
    table = steps_of(light)
    rounds = pa.Table.from_pylist([each.row for each in session.rounds], schema=_schema())
    return Opened(
        row, spans, session, Steps(table, of_detail(taken)), in_rounds(table, rounds), has_content, digest
    )


def _session(digest: Digest, row: Mapping[str, Any], *, content: bool) -> tuple[pa.Table, Session]:
    """The spans of a session, and the session as they tell it."""
    columns = dict.fromkeys((*SPANS.light, *NEEDED, *WORDS)) if content else SPANS.light
    spans = digest.session_rows(row, [name for name in columns if name in SPANS.names])
    taken = frame_of(spans)
    return spans, read_session(taken, members(spans_of(taken, SPANS.light)), set(spans.column_names), {})


@cache
def _schema() -> pa.Schema:
    """That of rounds, however few there are."""
    found: pa.Table = rounds_of(spans_of(frame_of(SPANS.arrow().empty_table()), SPANS.light))
    return found.schema


def _framed(*parts: Html) -> Html:
    """Pieces in the element that the style sheet of this room's HTML is for."""
    inner = "".join(part for part in parts if part)
    return Html(f'<div class="{ROOT}">{inner}</div>')
