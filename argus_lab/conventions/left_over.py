"""Which names of a span no rule and no dialect reads: the other side of every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from argus_lab.conventions.combine import spoken
from argus_lab.conventions.dialect import Dialect, Shape
from argus_lab.conventions.errors_of import ATTRIBUTES as ERRORS
from argus_lab.conventions.own_rules import OwnRules

__all__ = ["RESOURCE", "left_over", "left_over_events"]

RESOURCE = frozenset(
    {
        "argus.project",
        "argus.service",
        "service.name",
        "service.version",
        "deployment.environment.name",
        "deployment.environment",
    }
)
"""The attributes of a resource that fill columns."""

_EXCEPTION = frozenset({"exception.type", "exception.message", "exception.stacktrace"})
_NAMES = frozenset({"gen_ai.skill.name", "gen_ai.data_source.id"})
"""Attributes that a span's component is named after, whatever dialect it speaks."""
_NOTEBOOK = "argus.notebook."
"""How the labels begin that `al.instrument` puts on the spans of a notebook; they need no column."""


def left_over(shape: Shape, own: OwnRules | None = None) -> list[str]:
    """The attributes of spans of this shape that fill nothing.

    Examples
    --------
    >>> left_over(Shape(("gen_ai.operation.name", "gen_ai.other"), (), ""))
    ['gen_ai.other']
    """
    known = spoken(shape, own)
    used = {candidate.attribute for _, candidates in known.plan for candidate in candidates}
    exact, begun = _declared(known.dialects)
    return [
        key
        for key in shape.keys
        if key not in used
        and key not in exact
        and key not in ERRORS
        and key not in _NAMES
        and not key.startswith((_NOTEBOOK, *begun))
    ]


def left_over_events(
    shape: Shape, pairs: Iterable[tuple[str, str]], own: OwnRules | None = None
) -> list[tuple[str, str]]:
    """Of (event, attribute) pairs those that fill nothing; an event that a dialect reads is read whole."""
    exact, begun = _declared(spoken(shape, own).dialects)
    return [
        (name, key)
        for name, key in pairs
        if name not in exact
        and not (begun and name.startswith(begun))
        and not (name == "exception" and key in _EXCEPTION)
    ]


def _declared(dialects: Sequence[Dialect]) -> tuple[frozenset[str], tuple[str, ...]]:
    """What dialects say that they read beside their tables: names, and beginnings of names."""
    names = [name for dialect in dialects for _, names in dialect.content for name in names]
    exact = frozenset(name for name in names if not name.endswith("*"))
    return exact, tuple(sorted({name[:-1] for name in names if name.endswith("*")}))
