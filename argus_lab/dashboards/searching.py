"""Texts that visitors look for in messages: which spans hold them, newest days first, each looked for once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Search", "Searches"]


@dataclass(frozen=True, slots=True)
class Search:
    """A text that is looked for: the number of its hits in the table, and how far the look has come."""

    number: int
    text: str
    read: int = 0
    total: int = 0


class Searches:
    """The searches of one digest."""
