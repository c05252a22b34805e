"""One form for every dialect's table: which attributes fill a column, in order of precedence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from argus_lab.conventions.readers import is_absent, is_mark

__all__ = ["SILENT", "Candidate", "Plan", "Rule", "filled", "plan_of"]

Reader = Callable[[Any], Any]

SILENT: Any = object()
"""What a reader gives for a value that says nothing about the column, such as a framework's name
where a provider's is meant: the next attribute is asked, and nothing is reported as unread."""


class Rule(NamedTuple):
    """A column, how its value is read, and the attributes it may come from, best first."""

    column: str
    read: Reader
    attributes: tuple[str, ...]


class Candidate(NamedTuple):
    """An attribute that a column may come from."""

    attribute: str
    read: Reader


Plan = tuple[tuple[str, tuple[Candidate, ...]], ...]
"""By column, the attributes of a span that it may come from, best first."""


def plan_of(tables: Iterable[Iterable[Rule]], keys: Iterable[str]) -> Plan:
    """What the tables, best first, have to say about a span with these attributes."""
    present = frozenset(keys)
    found: dict[str, dict[str, Candidate]] = {}
    for table in tables:
        for rule in table:
            for attribute in rule.attributes:
                if attribute in present:
                    candidates = found.setdefault(rule.column, {})
                    candidates.setdefault(attribute, Candidate(attribute, rule.read))
    return tuple((column, tuple(candidates.values())) for column, candidates in found.items())


def filled(
    attributes: Mapping[str, Any], plan: Plan, unread: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Columns that attributes fill, and by column the attribute it came from.

    A value that cannot be read leaves the column to the next attribute, and is put into ``unread``
    if no other fills it.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for column, candidates in plan:
        for attribute, read in candidates:
            sent = attributes[attribute]
            if is_absent(sent) or is_mark(sent):
                continue
            value = read(sent)
            if value is SILENT:
                continue
            if value is not None:
                values[column], origins[column] = value, attribute
                break
            unread.setdefault(column, sent)
        if column in values:
            unread.pop(column, None)
    return values, origins
