"""One form for every dialect's table: which attributes fill a column, in order of precedence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from argus_lab.conventions.readers import is_absent

__all__ = ["Rule", "Source", "by_attribute", "filled"]

Reader = Callable[[Any], Any]


class Rule(NamedTuple):
    """A column, how its value is read, and the attributes it may come from, best first."""

    column: str
    read: Reader
    attributes: tuple[str, ...]


class Source(NamedTuple):
    """What one attribute is good for: a lower rank wins."""

    column: str
    read: Reader
    rank: int


def by_attribute(tables: Iterable[Iterable[Rule]]) -> dict[str, tuple[Source, ...]]:
    """The tables of all dialects, best dialect first, turned round for one look-up an attribute."""
    found: dict[str, list[Source]] = {}
    ranks: dict[str, int] = {}
    for table in tables:
        for rule in table:
            for attribute in rule.attributes:
                rank = ranks[rule.column] = ranks.get(rule.column, -1) + 1
                found.setdefault(attribute, []).append(Source(rule.column, rule.read, rank))
    return {attribute: tuple(sources) for attribute, sources in found.items()}


def filled(
    attributes: Mapping[str, Any], sources: Mapping[str, tuple[Source, ...]], unread: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Columns that attributes fill, and by column the attribute it came from.

    A value that cannot be read leaves the column to the next attribute, and is put into ``unread``
    if no other fills it.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    ranks: dict[str, int] = {}
    failed: dict[str, Any] = {}
    known = sources.get
    for attribute, sent in attributes.items():
        found = known(attribute)
        if found is None or is_absent(sent):
            continue
        for column, read, rank in found:
            if column in ranks and ranks[column] < rank:
                continue
            value = read(sent)
            if value is None:
                failed[column] = sent
            else:
                values[column], origins[column], ranks[column] = value, attribute, rank
    unread |= {column: sent for column, sent in failed.items() if column not in values}
    return values, origins
