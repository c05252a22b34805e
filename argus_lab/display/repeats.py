"""What a model call repeats of the one before: prompts are sent again and again, and need to be read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from argus_lab.display.conversation import messages_of
from argus_lab.display.markup import Html, element

__all__ = ["repeated_or_full", "same_as_before"]

Row = dict[str, Any]

REPEATED = ("system_prompt", "tool_definitions")
"""Columns that most model calls repeat from the one before."""


def repeated_or_full(row: Row, column: str, words: str, full: Html) -> Html:
    """What a column holds, or that it was told above; the row's ``same`` names the columns that were."""
    if column in row.get("same", ()):
        return element("p", f"{words} as shown above", cls="al-note")
    return full


def same_as_before(rows: Iterable[Row]) -> Iterator[Row]:
    """Steps in order, each with what it repeats of the call before: ``same`` columns, ``resent`` messages."""
    before: Row = {}
    for row in rows:
        same = frozenset(name for name in REPEATED if row.get(name) and row[name] == before.get(name))
        yield row | {"same": same, "resent": _resent(before.get("input"), row.get("input"))}
        if any(row.get(name) for name in REPEATED):
            before = row


def _resent(before: Any, sent: Any) -> int:
    """How many messages of a prompt are the whole prompt of the call before."""
    if not isinstance(before, str) or not isinstance(sent, str) or not sent.startswith(before[:-1]):
        return 0
    found = messages_of(before)
    return len(found) if found and messages_of(sent) else 0
