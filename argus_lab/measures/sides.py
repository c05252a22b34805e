"""Two sets of spans that are compared: two frames, or two values of a column of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import asked, collected, columns_of
from argus_lab.measures.grouping import keys
from argus_lab.measures.trees import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

__all__ = ["Sides", "two_sides"]


LISTED = 12
"""Values of a column that a message names."""


@dataclass(frozen=True)
class Sides:
    """All spans, which of them are of which side, and what the sides are called (``None``: two frames).

    ``is_other`` are spans with a third value; spans without a value are on no side.
    """

    rows: pa.Table
    is_a: Flags
    is_b: Flags
    is_other: Flags
    name_a: str | None
    name_b: str | None

    def are_whole(self) -> bool:
        """Whether every trace is on one side with all its spans."""
        has = self._in_traces(self.is_a, self.is_b, ~(self.is_a | self.is_b))
        return bool((has.sum(axis=0) <= 1).all())

    def of_traces(self) -> tuple[Flags, Flags]:
        """The spans of the traces that have one side's value and no other; all spans of these traces."""
        a, b, other = self._in_traces(self.is_a, self.is_b, self.is_other)
        return a & ~b & ~other, b & ~a & ~other

    def _in_traces(self, *flags: Flags) -> NDArray[np.bool_]:
        """By flag and span, whether a span of its trace has it."""
        trace = codes(self.rows["trace_id"]) + 1
        has = np.zeros((len(flags), int(trace.max(initial=0)) + 1), dtype=np.bool_)
        for row, chosen in zip(has, flags, strict=True):
            row[trace[chosen]] = True
        return has[:, trace]


def two_sides(
    frames: tuple[Any, Any], by: str | None, values: Sequence[Any] | None, needed: Sequence[str], asker: str
) -> Sides:
    """The spans of both sides in memory.

    Raises
    ------
    InvalidArgument
        Neither two frames nor a frame and ``by``; or the column has not two values and none are chosen.
    """
    first, second = frames
    if (second is None) == (by is None):
        raise InvalidArgument(
            f"{asker} takes two frames of spans, or one and by=: {asker}(before, after), or "
            f"{asker}(spans, by='request_model')."
        )
    if by is None:
        tables = [collected(asked(frame, needed, by=asker), needed) for frame in frames]
        rows = pa.concat_tables(tables)
        is_a = np.arange(rows.num_rows) < tables[0].num_rows
        return Sides(rows, is_a, ~is_a, np.zeros_like(is_a), None, None)
    frame = asked(first, needed, by=asker)
    if not isinstance(by, str):
        raise InvalidArgument(f"by={by!r}: {asker} takes the name of one column.")
    keys(by, columns_of(frame), ())
    rows = collected(frame, list(dict.fromkeys([*needed, by])))
    side = _texts(rows[by])
    a, b = _chosen(rows, side, by, values)
    is_a, is_b = (pc.fill_null(pc.equal(side, name), fill_value=False).to_numpy() for name in (a, b))
    is_other = pc.is_valid(side).to_numpy() & ~is_a & ~is_b
    return Sides(rows, is_a, is_b, is_other, a, b)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as Python writes them, so that those of ``values`` are found: True, 0.7, a text."""
    if pa.types.is_string(column.type):
        return column
    known = column.combine_chunks().dictionary_encode()
    texts = pa.array(
        [None if value is None else str(value) for value in known.dictionary.to_pylist()], pa.string()
    )
    return pa.chunked_array([texts.take(known.indices)])


def _chosen(rows: pa.Table, side: pa.ChunkedArray, by: str, values: Sequence[Any] | None) -> tuple[str, str]:
    """The two values, the one that came first in time first."""
    there = pa.table({"value": side, "start": rows["start_time"]}).group_by("value")
    there = there.aggregate([("start", "min")]).sort_by([("start_min", "ascending"), ("value", "ascending")])
    known = [name for name in there["value"].to_pylist() if name is not None]
    listed = ", ".join(map(repr, known[:LISTED])) or "none"
    listed += f", … {len(known) - LISTED:,} more" if len(known) > LISTED else ""
    if values is None:
        if len(known) != 2:  # noqa: PLR2004  a comparison has two sides
            raise InvalidArgument(
                f"by={by!r} has {len(known)} value{'' if len(known) == 1 else 's'} ({listed}); "
                f"{'say which two' if len(known) > 1 else 'a comparison needs two'}: values=('a', 'b')."
            )
        return known[0], known[1]
    wanted = [str(value) for value in values]
    missing = [name for name in wanted if name not in known]
    if len(wanted) != 2 or missing or wanted[0] == wanted[1]:  # noqa: PLR2004
        raise InvalidArgument(f"values={values!r}: two different values of {by!r} are expected, of {listed}.")
    return wanted[0], wanted[1]
