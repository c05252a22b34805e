"""What was handed in to be shown, as tables in memory: spans, their steps, and what they lack."""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from argus_lab.display.details import NEEDED
from argus_lab.display.folding import Tree
from argus_lab.errors import InvalidArgument
from argus_lab.measures.engines import asked, collected, columns_of
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["CONTENT", "LIGHT", "Steps", "call", "frame_of", "of_detail", "provenance", "spans_of", "table_of"]

CONTENT = ("input", "output")
"""Columns without which there is no conversation."""

LIGHT = tuple(name for name in SPANS.light if name not in {"tags", "date"})
"""The light columns that pages tell of. Lists come back from CSV and other frames as whatever they were."""

TOOK = (
    "al.show takes a frame: lake.trace(...), lake.session(...), lake.spans(...), or what al.steps, "
    "al.rounds, al.sessions, al.traces and al.compare gave"
)


def frame_of(thing: Any) -> Any:
    """A Narwhals frame of what was handed in, its texts fit for Unicode."""
    if isinstance(thing, str | bytes):
        cure = f"al.show({call('trace', thing)})"
        raise InvalidArgument(f"{TOOK}; this is text. If it is the id of a trace: {cure}.")
    try:
        return asked(_repaired(thing), [], by="al.show")
    except InvalidArgument as error:
        raise InvalidArgument(f"{TOOK}; this is {type(thing).__name__}.") from error


def provenance(thing: Any) -> dict[str, Any]:
    """What the frame says about where it came from."""
    told = getattr(thing, "attrs", {}).get("argus")
    return told if isinstance(told, dict) else {}


def spans_of(frame: Any, names: Iterable[str]) -> pa.Table:
    """These columns of a frame of spans as the span table has them; those it lacks are null."""
    have = set(columns_of(frame))
    wanted = list(dict.fromkeys(names))
    try:
        table = collected(frame, [name for name in wanted if name in have])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InvalidArgument(
            f"al.show cannot read this frame as spans: {error}. "
            "See docs/reference/schema.md for what the columns hold."
        ) from error
    return _with_every(table, wanted)


def table_of(frame: Any) -> pa.Table:
    """The whole frame in memory."""
    return collected(frame, columns_of(frame))


def _with_every(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The table with these columns; null where it has none of that name."""
    kinds, have = SPANS.arrow(), set(table.column_names)
    lacked = [name for name in names if name not in have]
    nulls = [
        pa.nulls(table.num_rows, kinds.field(name).type if name in SPANS.names else pa.string())
        for name in lacked
    ]
    return pa.Table.from_arrays([*table.columns, *nulls], [*table.column_names, *lacked])


def call(verb: str, key: Any, column: str = "") -> str:
    """The line that reads more: ``lake.trace("4bf9…")``."""
    tail = f"[{column!r}]" if column else ""
    return f"lake.{verb}({brief_id(key)}){tail}"


def brief_id(key: Any) -> str:
    """An id as Python writes it, of a length that a page can hold."""
    most = 64
    text = key if isinstance(key, str) else "..."
    return json.dumps(text if len(text) <= most else f"{text[:most]}…", ensure_ascii=False)


class Steps:
    """The steps of one trace or of several, a list a column, and the spans they were made of.

    Parameters
    ----------
    table
        What ``al.steps`` gave.
    spans
        The spans with the columns of a step's detail, if there are any.
    """

    def __init__(self, table: pa.Table, spans: pa.Table | None = None) -> None:
        self.table = table
        self.spans = spans
        self.depth: list[int] = [value or 0 for value in self._column("depth")]
        self.label: list[str] = [value or "unnamed" for value in self._column("label")]
        self.duration: list[float | None] = self._column("duration_ms")
        self.kind: list[str | None] = [
            kind or span_type
            for kind, span_type in zip(self._column("component_type"), self._column("span_type"), strict=True)
        ]
        self.is_orphan = self._column("is_orphan")
        self.tokens = list(zip(self._column("input_tokens"), self._column("output_tokens"), strict=True))
        self.ends = [
            _ends(offset, length)
            for offset, length in zip(self._column("offset_ms"), self.duration, strict=True)
        ]
        self.wrong = [place for place, status in enumerate(self._column("status")) if status == "ERROR"]
        self.is_wrong = set(self.wrong)
        self._places = self._found()
        self.first_token = self._waits()

    @cached_property
    def tree(self) -> Tree:
        """Who stands below whom."""
        return Tree(self.depth, self.label, self.ends, self.wrong)

    def __len__(self) -> int:
        return len(self.depth)

    def text(self, name: str, place: int) -> str:
        """The text of one step's column, empty if there is none."""
        value = self.table[name][place].as_py() if name in self.table.column_names else None
        return value if isinstance(value, str) else ""

    def rows(self, places: Sequence[int]) -> dict[int, dict[str, Any]]:
        """All that is known of these steps."""
        own = self.table.take(pa.array(places, pa.int64())).to_pylist()
        if self.spans is None:
            return dict(zip(places, own, strict=True))
        at = pa.array([self._places.get(place) for place in places], pa.int64())
        full = self.spans.take(at).to_pylist()
        return {
            place: step | {name: value for name, value in row.items() if value is not None}
            for place, step, row in zip(places, own, full, strict=True)
        }

    def where(self, row: dict[str, Any]) -> str:
        """Where the whole of a step's texts can be read."""
        return call("trace", row.get("trace_id"))

    def below(self, places: Iterable[int]) -> Iterator[int]:
        """These steps and all below them."""
        for place in places:
            yield place
            at = place + 1
            while at < len(self.depth) and self.depth[at] > self.depth[place]:
                yield at
                at += 1

    def _column(self, name: str) -> list[Any]:
        if name not in self.table.column_names:
            return [None] * self.table.num_rows
        return self.table[name].to_pylist()  # type: ignore[no-any-return]

    def _found(self) -> dict[int, int]:
        """By step, the row of its span."""
        if self.spans is None:
            return {}
        keys = zip(self.spans["trace_id"].to_pylist(), self.spans["span_id"].to_pylist(), strict=True)
        rows: dict[Any, int] = {}
        for at, key in enumerate(keys):
            rows.setdefault(key, at)
        steps = zip(self._column("trace_id"), self._column("span_id"), strict=True)
        return {place: rows[key] for place, key in enumerate(steps) if key in rows}

    def _waits(self) -> list[float | None]:
        """By step, the time to the first token."""
        if self.spans is None:
            return [None] * len(self)
        waits = self.spans["time_to_first_token_ms"].to_pylist()
        found = map(self._places.get, range(len(self)))
        return [None if at is None else waits[at] for at in found]


def of_detail(frame: Any) -> pa.Table:
    """The spans with every column that a step's detail is made of."""
    return spans_of(frame, NEEDED)


def _ends(offset: float | None, length: float | None) -> tuple[float, float]:
    start = math.nan if offset is None else offset
    return start, start + (length if length is not None else 0.0)


def _repaired(thing: Any) -> Any:
    """The frame with halves of UTF-16 pairs, which no Unicode text may hold, replaced."""
    if not nw.dependencies.is_pandas_dataframe(thing):
        return thing
    broken = {
        name: thing[name].map(_whole)
        for name in thing.columns
        if thing[name].dtype == object and any(map(_is_broken, thing[name]))
    }
    return thing.assign(**broken) if broken else thing


def _is_broken(value: Any) -> bool:
    if not isinstance(value, str) or value.isascii():
        return False
    return any("\ud800" <= char <= "\udfff" for char in value)


def _whole(value: Any) -> Any:
    if not _is_broken(value):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
