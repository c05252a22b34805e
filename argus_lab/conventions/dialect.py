"""What a dialect is: how it is recognised, a table of columns, and what no table can say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
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
    name: str
    scope: str
    start: int | None
    """Nanoseconds since 1970."""

    def since_start(self, moment: Any) -> float | None:
        """Milliseconds from the span's start to a moment in nanoseconds; none that are negative."""
        if not isinstance(moment, int) or self.start is None or moment < self.start:
            return None
        return (moment - self.start) / 1_000_000


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

    ``rules`` are names that mean the same on any span; ``own`` are plain words (``model``,
    ``input_tokens``) that mean it only on spans of this dialect. ``correct`` gives columns that
    attributes are known to fill wrongly: its values replace theirs, ``None`` empties a column.
    ``content`` tells for people and for ``unmapped`` what ``read`` reads: by column, attributes and
    events, best first; a name that ends in ``*`` stands for all that begin so. ``read`` is called
    for spans that have one of them; without ``content``, for every span of the dialect.
    """

    name: str
    is_spoken: Callable[[Shape], bool]
    rules: tuple[Rule, ...] = ()
    kind: Callable[[View], str | None] = _unclear
    read: Callable[[View], dict[str, Any]] = _nothing
    wins: bool = False
    own: tuple[Rule, ...] = ()
    correct: Callable[[View], dict[str, Any]] = _nothing
    content: tuple[tuple[str, tuple[str, ...]], ...] = ()
    kinds: Mapping[str, str] = MappingProxyType({})
    """The sender's words for kinds, and ours; ``kind`` knows more than words."""

    def reads_any(self, shape: Shape) -> bool:
        """Whether spans of this shape have anything for ``read``."""
        if not self.content:
            return self.read is not _nothing
        names = [name for _, names in self.content for name in names]
        begun = tuple(name[:-1] for name in names if name.endswith("*"))
        exact = {name for name in names if not name.endswith("*")}
        return any(name in exact or name.startswith(begun) for name in (*shape.keys, *shape.events))
