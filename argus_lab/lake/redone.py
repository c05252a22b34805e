"""A batch of stored spans with its derived columns made anew, and what is different."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from argus_lab import conventions
from argus_lab.conventions.derived import DERIVED
from argus_lab.lake.rows import of_resource, unread_text
from argus_lab.lake.sessions import OPEN
from argus_lab.lake.stored import RAW, resource_of, scope_of, span_of
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.conventions.own_rules import OwnRules
    from argus_lab.lake.selection import Filter

__all__ = ["Redone", "redone"]

MADE = (*DERIVED, "service_version", "environment", "unread")
"""The columns that are made anew."""
_SESSION = ("session_id", "session_source")


@dataclass
class Redone:
    """The batch as it is now; how many of its spans were asked for and how many changed, by column too."""

    rows: pa.RecordBatch
    spans: int
    changed: int = 0
    columns: Counter[str] = field(default_factory=Counter)


def redone(
    batch: pa.RecordBatch, filter: Filter, own: OwnRules | None = None, *, whole: bool = True
) -> Redone:
    """Make the derived columns of the spans within the filter's window anew.

    Without ``whole`` it is only told whether anything changes.
    """
    asked = _asked(batch, filter)
    part = batch if asked is None else batch.filter(asked)
    if not len(part):
        return Redone(batch, 0)
    made = [_made(row, own) for row in part.select([*RAW, *_SESSION]).to_pylist()]
    differs = None
    counts: Counter[str] = Counter()
    for name in MADE:
        column = pa.array([row.get(name) for row in made], SPANS.arrow().field(name).type)
        if column.equals(part[name]):
            continue
        if not whole:
            return Redone(batch, len(part), 1)
        other = _differs(part[name], column)
        counts[name] = pc.sum(other).as_py()
        differs = other if differs is None else pc.or_(differs, other)
        batch = _with(batch, name, column, asked)
    return Redone(batch, len(part), 0 if differs is None else pc.sum(differs).as_py(), counts)


def _asked(batch: pa.RecordBatch, filter: Filter) -> pa.Array | None:
    """Which rows are within the window; None: all. Projects are told apart by file."""
    tests = []
    moment = batch[filter.time_column]
    if filter.since is not None:
        tests.append(pc.greater_equal(moment, pa.scalar(filter.since, moment.type)))
    if filter.until is not None:
        tests.append(pc.less(moment, pa.scalar(filter.until, moment.type)))
    if not tests:
        return None
    return pc.fill_null(tests[0] if len(tests) == 1 else pc.and_(*tests), fill_value=False)


def _made(row: Mapping[str, Any], own: OwnRules | None = None) -> dict[str, Any]:
    span = span_of(row)
    found = conventions.columns(span, scope_of(row), own) | of_resource(resource_of(row))
    found["unread"] = unread_text(span.unread)
    if found["session_source"] == "trace" and row["session_source"] in OPEN:
        # What follows from other spans is not for one span to say, and is worked out anew by every reader.
        found |= {name: row[name] for name in _SESSION}
    return found


def _differs(old: pa.Array, new: pa.Array) -> pa.Array:
    if pa.types.is_list(old.type):  # Arrow does not compare lists
        return pa.array([a != b for a, b in zip(old.to_pylist(), new.to_pylist(), strict=True)])
    return pc.coalesce(pc.not_equal(old, new), pc.xor(pc.is_null(old), pc.is_null(new)))


def _with(batch: pa.RecordBatch, name: str, column: pa.Array, asked: pa.Array | None) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    if asked is not None:
        # Row by row from the old column or, in order, from the new one.
        both = pa.concat_arrays([batch[name], column])
        order, taken = [], len(batch)
        for index, is_asked in enumerate(asked.to_pylist()):
            order.append(taken if is_asked else index)
            taken += bool(is_asked)
        column = both.take(pa.array(order, pa.int64()))
    return batch.set_column(place, batch.schema.field(name), column)
