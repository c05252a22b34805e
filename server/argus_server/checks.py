"""The outcome of one check of ``argus-lab doctor``."""

from __future__ import annotations

from dataclasses import dataclass

from rich.markup import escape

__all__ = ["Check", "failed", "noted", "passed"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, what was found, and the cure if it is not well. ``ok`` None is only a note."""

    name: str
    ok: bool | None
    found: str
    cure: str = ""

    @property
    def mark(self) -> str:
        """The outcome in a word, coloured."""
        return {True: "[green]ok[/]", False: "[red]fail[/]", None: "[yellow]note[/]"}[self.ok]


def passed(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, True, escape(found))


def noted(name: str, found: str) -> Check:
    """Worth knowing, and no failure."""
    return Check(name, None, escape(found))


def failed(name: str, found: str, cure: str) -> Check:
    """Not well, and what to do about it."""
    return Check(name, False, escape(found), escape(cure))
