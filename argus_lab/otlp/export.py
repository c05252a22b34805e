"""The normal form: what a request says, whichever encoding it came in.

A request is read in two steps, because a receiver must answer before a lake can be written:
:func:`argus_lab.otlp.decode` parses the body and finds out which spans have an identity; the
function ``Export.read`` turns one parsed span into a :class:`Span`, which costs most of the time
and is done after the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Encoding = Literal["json", "protobuf"]


class Issue(NamedTuple):
    """A problem in a request: where, as a path such as ``resourceSpans[0].resource``, and what."""

    path: str
    message: str


class Ids(NamedTuple):
    """The identity of a span, lower-case hex. A parent that cannot be read is in ``unread``."""

    trace_id: str
    span_id: str


class Span(msgspec.Struct, gc=False):
    """One span as sent: ids in lower-case hex, times in nanoseconds, values as in ``values.py``.

    ``None`` where the sender gave nothing or 0 for "unknown". ``unread`` holds, by column name,
    what was sent but cannot be held by the column.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None
    name: str | None = None
    kind: str | None = None
    start: int | None = None
    end: int | None = None
    attributes: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    dropped: tuple[int | None, int | None, int | None] = (None, None, None)
    status: str | None = None
    status_message: str | None = None
    unread: dict[str, Any] = {}


class Resource(msgspec.Struct):
    """The resource of a group of spans."""

    attributes: dict[str, Any]
    dropped: int | None = None
    schema_url: str | None = None
    entity_refs: list[dict[str, Any]] | None = None


class Scope(msgspec.Struct):
    """The instrumentation scope of a group of spans."""

    name: str | None = None
    version: str | None = None
    attributes: dict[str, Any] = {}
    dropped: int | None = None
    schema_url: str | None = None


@dataclass(slots=True)
class Group:
    """Spans that share a resource and a scope.

    ``spans`` are parsed but not yet read (see ``Export.read``); ``places`` are their positions in
    the request's own list, where some before them were broken.
    """

    path: str
    resource: Resource
    scope: Scope
    spans: Sequence[Any]
    single: Callable[[Any], str]
    places: Sequence[int] | None = None

    def place(self, index: int) -> str:
        """The path of a span of this group."""
        at = index if self.places is None else self.places[index]
        return f"{self.path}.spans[{at}]"


@dataclass(slots=True)
class Broken:
    """A span that cannot be read, with why and with what was sent.

    ``write`` gives it as a request of its own. It is called only to keep the span: a thousand
    broken spans of a large resource would otherwise be a thousand copies of the resource.
    """

    issues: list[Issue]
    write: Callable[[], str]
    encoding: Encoding
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None

    @property
    def body(self) -> str:
        """The span as a request of its own."""
        return self.write()


@dataclass(slots=True)
class Export:
    """A parsed export request.

    ``identify`` gives a span's ids or the issue that denies it an identity (the issue's path is
    relative to the span); ``read`` gives the whole :class:`Span`.
    """

    encoding: Encoding
    groups: list[Group]
    identify: Callable[[Any], Ids | Issue]
    read: Callable[[Any], Span]
    broken: list[Broken] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    @property
    def span_count(self) -> int:
        """Spans in the request, broken ones included."""
        return sum(len(group.spans) for group in self.groups) + len(self.broken)

    def spans(self) -> Iterator[tuple[Group, int, Any]]:
        """Every parsed span with its group and its position there."""
        for group in self.groups:
            for index, span in enumerate(group.spans):
                yield group, index, span
