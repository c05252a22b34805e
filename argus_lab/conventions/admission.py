"""Who is taken in: the one verdict on a request, the same before the answer and in the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from argus_lab.conventions.resource import Owner, owner_of, service_of
from argus_lab.otlp import Issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from argus_lab.otlp import Broken, Encoding, Export, Group

__all__ = ["Admission", "Admitted", "Refusal", "admit"]

SHOWN = 10
"""Most problems of one span that its refusal's message names."""


class Admitted(NamedTuple):
    """Spans of one group that are taken in, with their owner."""

    owner: Owner
    group: Group
    spans: list[Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A span that is not taken in: why, and what is known of it."""

    path: str
    reason: str
    message: str
    encoding: Encoding
    write: Callable[[], str]
    project: str | None = None
    service: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None

    def text(self) -> str:
        """The span as an OTLP request of its own, see the column ``body`` of the refused table."""
        return self.write()


@dataclass(slots=True)
class Admission:
    """The verdict on a request."""

    admitted: list[Admitted] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Spans taken in."""
        return sum(len(part.spans) for part in self.admitted)

    @property
    def by_project(self) -> dict[str, int]:
        """Spans taken in, by project."""
        counts: Counter[str] = Counter()
        for part in self.admitted:
            counts[part.owner.project] += len(part.spans)
        return dict(counts)


def admit(export: Export, *, project: str | None = None) -> Admission:
    """Which spans of a request are taken in, and why the others are not.

    A span is taken in if its trace id and span id are valid and its resource names a project and a
    service. Nothing else refuses a span: what a column cannot hold stays in the raw columns.

    Parameters
    ----------
    export
        The parsed request.
    project
        Project for resources that name none (a request header or a setting).

    Examples
    --------
    >>> from argus_lab.otlp import decode
    >>> body = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}'
    >>> verdict = admit(decode(body, "json"), project="bot")
    >>> verdict.accepted, [issue.path for issue in verdict.issues]
    (0, ['resourceSpans[0].resource', 'resourceSpans[0].scopeSpans[0].spans[0].traceId'])
    """
    verdict = Admission(warnings=list(export.warnings))
    told: set[Issue] = set()
    for group in export.groups:
        if group.spans:
            _admit_group(export, group, project, verdict, told)
    for broken in export.broken:
        new = [issue for issue in broken.issues if issue not in told]
        told.update(new)
        verdict.issues += new
        verdict.refusals.append(_unreadable(broken))
    return verdict


def _unreadable(broken: Broken) -> Refusal:
    shown = [f"{issue.path}: {issue.message}" for issue in broken.issues[:SHOWN]]
    if len(broken.issues) > SHOWN:
        shown.append(f"and {len(broken.issues) - SHOWN} more")
    return Refusal(
        broken.issues[0].path,
        "unreadable",
        "; ".join(shown),
        broken.encoding,
        broken.write,
        trace_id=broken.trace_id,
        span_id=broken.span_id,
        name=broken.name,
    )


def _admit_group(
    export: Export, group: Group, project: str | None, verdict: Admission, told: set[Issue]
) -> None:
    owner = owner_of(group.resource.attributes, project)
    ownerless = owner if isinstance(owner, Issue) else None
    if ownerless:
        issue = Issue(f"{group.path.partition('.')[0]}.resource", ownerless.message)
        if issue not in told:  # once a resource, not once a span
            told.add(issue)
            verdict.issues.append(issue)
    taken = []
    for index, span in enumerate(group.spans):
        ids = export.identify(span)
        nameless = Issue(group.place(index) + ids.path, ids.message) if isinstance(ids, Issue) else None
        if nameless:
            verdict.issues.append(nameless)
        if nameless or ownerless:
            refused = _refusal(export, group, index, owner, nameless)
            verdict.refusals.append(refused)
        else:
            taken.append(span)
    if taken and isinstance(owner, Owner):
        verdict.admitted.append(Admitted(owner, group, taken))


def _refusal(
    export: Export, group: Group, index: int, owner: Owner | Issue, nameless: Issue | None
) -> Refusal:
    span, place = group.spans[index], group.place(index)
    ids = export.identify(span)
    known = (None, None) if isinstance(ids, Issue) else ids
    attributes = group.resource.attributes
    project = owner.project if isinstance(owner, Owner) else attributes.get("argus.project")
    if isinstance(owner, Issue):
        reason, message = _REASONS[owner.path], owner.message
        message = f"{message}; and {nameless.message}" if nameless else message
    else:
        reason, message = "invalid_id", nameless.message if nameless else ""
    return Refusal(
        place,
        reason,
        message,
        export.encoding,
        lambda: group.single(span),
        project=project if isinstance(project, str) else None,
        service=service_of(attributes),
        trace_id=known[0],
        span_id=known[1],
        name=span.name or None,
    )


_REASONS = {"argus.project": "no_project", "service.name": "no_service"}
"""Codes of the refused table's column ``reason``; the others are ``invalid_id`` and ``unreadable``."""
