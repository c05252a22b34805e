"""What a dialect is: how it is recognised, a table of columns, and what no table can say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from argus_lab.conventions.rules import Rule

__all__ = ["Dialect", "Shape", "View"]


class Shape(NamedTuple):
    """The names in a span, without their values: what a dialect is recognised by.

    Spans of one kind share a shape, so everything that follows from it is worked out once.
    """

    keys: tuple[str, ...]
    events: tuple[str, ...]
    scope: str

    def has(self, *keys: str) -> bool:
        """Whether any of these attributes is there."""
        return any(key in self.keys for key in keys)

    def has_prefix(self, *prefixes: str) -> bool:
        """Whether any attribute begins so."""
        return any(key.startswith(prefixes) for key in self.keys)


class View(NamedTuple):
    """A span as a dialect sees it."""

    attributes: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    columns: Mapping[str, Any]
    """What the tables have filled so far."""


def _nothing(_view: View) -> dict[str, Any]:
    return {}


def _unclear(_view: View) -> str | None:
    return None


class Dialect(NamedTuple):
    """A way of naming things on spans.

    ``kind`` gives a word of :data:`argus_lab.conventions.kinds.KINDS` that the span claims for
    itself. ``read`` gives columns that take more than one attribute: content, parameters in JSON,
    usage in buckets; ``input``, ``output``, ``tool_definitions`` and ``metadata`` as values, not
    yet as JSON text. Values of ``read`` fill what no table has filled; those of a dialect that
    ``wins`` stand in any case.
    """

    name: str
    is_spoken: Callable[[Shape], bool]
    rules: tuple[Rule, ...] = ()
    kind: Callable[[View], str | None] = _unclear
    read: Callable[[View], dict[str, Any]] = _nothing
    wins: bool = False
