"""Attributes that fill no column: found shape by shape, since spans of one kind have the same names.

DuckDB takes the names out of the JSON and counts equal sets of them, out of core; what of a set is
read follows from the tables of the dialects. Only one span per row of the answer is read for its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa

from argus_lab.conventions.dialect import Shape
from argus_lab.conventions.left_over import RESOURCE, left_over, left_over_events
from argus_lab.frames import pandas_of
from argus_lab.lake import duck, frames, read
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from argus_lab.conventions.own_rules import OwnRules
    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import Picked, Reader, Snapshot

__all__ = ["unmapped"]

LONGEST_EXAMPLE = 120

SCHEMA = pa.schema(
    [
        ("dialect", pa.string()),
        ("scope_name", pa.string()),
        ("scope_version", pa.string()),
        ("level", pa.string()),
        ("event", pa.string()),
        ("key", pa.string()),
        ("spans", pa.int64()),
        ("example", pa.string()),
        ("first_seen", pa.timestamp("us", "UTC")),
        ("last_seen", pa.timestamp("us", "UTC")),
    ]
)

_SENDER = "dialect, scope_name, scope_version"
_COUNTED = (
    "count(*) AS spans, min(start_time) AS first_seen, max(start_time) AS last_seen, "
    "min(trace_id || span_id) AS example"
)
_EVENTS = "json_extract(events, '$[*]')"
_SHAPES = (
    f"{_SENDER}, list_sort(json_keys(attributes)) AS keys, list_sort(json_keys(unread)) AS unread_keys, "
    f"list_sort(list_distinct(list_transform({_EVENTS}, lambda e: e->>'name'))) AS events, "
    f"list_sort(list_distinct(flatten(list_transform({_EVENTS}, lambda e: "
    "list_transform(json_keys(e, '$.attributes'), lambda k: [coalesce(e->>'name', ''), k]))))) AS pairs, "
    f"{_COUNTED}"
)
_ORIGINS = f"{_SENDER}, resource, scope, {_COUNTED}"
_NUMBER = re.compile(r"(?:^|(?<=[.\[]))\d+(?=[.\]]|$)")
_TRACE_DIGITS = 32
_load = msgspec.json.Decoder().decode
_dump = msgspec.json.Encoder().encode


class _Name(NamedTuple):
    """What a row of the answer is about."""

    dialect: str | None
    scope_name: str | None
    scope_version: str | None
    level: str
    event: str | None
    key: str


@dataclass
class _Seen:
    """How often and when, and where there is an example: the ids of a span and the name as sent."""

    spans: int
    first: datetime | None
    last: datetime | None
    example: str
    sent: tuple[str | None, str]


def unmapped(reader: Reader, filter: Filter, own: OwnRules | None) -> pd.DataFrame:
    """A row for each name that fills no column, by who sent it."""

    def act(snapshot: Snapshot) -> pd.DataFrame:
        picked = snapshot.pick(filter)
        seen: dict[_Name, _Seen] = {}
        for row in duck.rows(_SHAPES, picked, "GROUP BY ALL").to_pylist():
            _add(seen, row, _of_shape(row, own))
        for row in duck.rows(_ORIGINS, picked, "GROUP BY ALL").to_pylist():
            _add(seen, row, _of_origin(row))
        rows = _answer(seen, _examples(snapshot, seen))
        found = pandas_of(rows)
        found.attrs["argus"] = frames.provenance(
            picked, rows.column_names, matched=len(rows), returned=len(rows)
        )
        return found

    return read.on_newest(reader, act)


def _of_shape(row: Mapping[str, Any], own: OwnRules | None) -> Iterator[tuple[str, str | None, str]]:
    """Level, event and attribute as sent, for what is left over of a shape."""
    events = tuple(name or "" for name in row["events"] or ())
    shape = Shape(tuple(row["keys"] or ()), events, row["scope_name"] or "")
    for key in left_over(shape, own):
        yield "span", None, key
    for name, key in left_over_events(shape, map(tuple, row["pairs"] or ()), own):
        yield "event", name, key
    for column in row["unread_keys"] or ():
        yield "unread", None, column


def _of_origin(row: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str]]:
    for level, read_keys in (("resource", RESOURCE), ("scope", frozenset[str]())):
        for key in _load(row[level]) if row[level] else ():
            if key not in read_keys:
                yield level, None, key


def _add(
    seen: dict[_Name, _Seen], row: Mapping[str, Any], found: Iterable[tuple[str, str | None, str]]
) -> None:
    counted = set()
    for level, event, key in found:
        if key == "$duplicates":  # ours: values that a later one of the same key replaced
            continue
        told = event and _NUMBER.sub("N", event)
        name = _Name(
            row["dialect"], row["scope_name"], row["scope_version"], level, told, _NUMBER.sub("N", key)
        )
        if name in counted:
            continue
        counted.add(name)
        before = seen.get(name)
        if before is None:
            seen[name] = _Seen(
                row["spans"], row["first_seen"], row["last_seen"], row["example"], (event, key)
            )
        else:
            before.spans += row["spans"]
            before.first = min(filter(None, (before.first, row["first_seen"])), default=None)
            before.last = max(filter(None, (before.last, row["last_seen"])), default=None)


def _examples(snapshot: Snapshot, seen: Mapping[_Name, _Seen]) -> dict[str, dict[str, Any]]:
    """The raw columns of the spans that examples are taken from, by their ids."""
    wanted = {each.example for each in seen.values()}
    if not wanted:
        return {}
    picked: Picked = snapshot.pick(select(SPANS, {"trace": sorted({ids[:_TRACE_DIGITS] for ids in wanted})}))
    ids = "trace_id || span_id"
    rows = duck.rows(f"{ids} AS ids, attributes, events, resource, scope, unread", picked)
    return {row["ids"]: row for row in rows.to_pylist() if row["ids"] in wanted}


def _answer(seen: Mapping[_Name, _Seen], examples: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    rows = [
        {
            **name._asdict(),
            "spans": each.spans,
            "example": _shown(name, each, examples.get(each.example, {})),
            "first_seen": each.first,
            "last_seen": each.last,
        }
        for name, each in seen.items()
    ]
    rows.sort(key=lambda row: (-row["spans"], *(str(row[name] or "") for name in _Name._fields)))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


_COLUMN = {"span": "attributes", "event": "events"}


def _shown(name: _Name, seen: _Seen, row: Mapping[str, Any]) -> str | None:
    """The value as sent, shortened."""
    text = row.get(_COLUMN.get(name.level, name.level))
    if not text:
        return None
    held, (event, key) = _load(text), seen.sent
    if name.level == "event":
        held = next(
            (e["attributes"] for e in held if (e["name"] or "") == event and key in e["attributes"]), {}
        )
    value = held.get(key)
    shown = value if isinstance(value, str) else _dump(value).decode()
    return shown if len(shown) <= LONGEST_EXAMPLE else f"{shown[: LONGEST_EXAMPLE - 1]}…"
