"""Model calls whose answer came in a span of its own: one row instead of two.

Logfire tells a streamed call twice: a span for the request, which ends when the stream opens and has no
usage, and a log with the answer and its usage. An answer belongs to the last request before it that has no
usage and no answer yet, of the same project, model and prompt: one beside it (same trace and parent), else,
where both stand alone in traces of their own, as they do without a span around them, one of the same session
or, like the answer, of none. Where there is no such request, the answer is all that is known of the call, and
stays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import counted
from argus_lab.measures.trees import UNKNOWN_START, codes, starts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Key = tuple[Any, ...]
    Waiting = tuple[int, int, int]
    """A request: when it started, its place among the requests, its row."""

__all__ = ["joined"]

TOLD = (
    "output",
    "output_text",
    "response_model",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
)
"""What the answer tells of the call."""
NEEDED = ("project", "trace_id", "parent_span_id", "session_id", "session_source", "component_name")
NS_A_MS = 1_000_000


def joined(rows: pa.Table) -> pa.Table:
    """Whole traces in which such a call is one row: the request's, with the answer, from first to last.

    Of :data:`TOLD` and the durations those columns are filled that are there.

    Examples
    --------
    >>> from argus_lab.testing import make_span
    >>> request = make_span(1, input_tokens=None, output_tokens=None)
    >>> answer = request | {"span_id": "a" * 16, "step_kind": None, "input_tokens": 9, "output_tokens": 7}
    >>> joined(pa.Table.from_pylist([request, answer]))["output_tokens"].to_pylist()
    [7]
    """
    answers = np.flatnonzero(counted.answers(rows))
    if not len(answers):
        return rows
    start = starts_of(rows)
    answers = answers[start[answers] < UNKNOWN_START]
    taken = _pairs(rows, start, answers)
    if not taken:
        return rows
    answer, request = (np.array(side, dtype=np.int64) for side in (list(taken), list(taken.values())))
    rows = _told(rows, start, answer, request)
    is_kept = np.ones(rows.num_rows, dtype=np.bool_)
    is_kept[answer] = False
    return rows.filter(pa.array(is_kept))


def _pairs(rows: pa.Table, start: Places, answers: Places) -> dict[int, int]:
    """By row of an answer, the row of its request."""
    is_open = counted.marks(rows).is_model_call & (start < UNKNOWN_START)
    for name in ("input_tokens", "output_tokens"):
        is_open &= pc.is_null(rows[name]).to_numpy()
    waiting: dict[Key, list[Waiting]] = defaultdict(list)
    for place, (keys, row) in enumerate(_in_order(rows, start, np.flatnonzero(is_open))):
        for key in keys:
            waiting[key].append((int(start[row]), place, row))
    found: dict[int, int] = {}
    gone: set[int] = set()
    for keys, row in _in_order(rows, start, answers):
        for key in keys:
            request = _last_before(waiting[key], int(start[row]), gone) if key in waiting else None
            if request is not None:
                gone.add(request)
                found[row] = request
                break
    return found


def _last_before(waiting: list[Waiting], moment: int, gone: set[int]) -> int | None:
    """The last request until then that no answer has; those that are gone are forgotten on the way."""
    at = bisect_right(waiting, moment, key=itemgetter(0))
    while at and waiting[at - 1][2] in gone:
        at -= 1
        del waiting[at]
    return waiting[at - 1][2] if at else None


def _in_order(rows: pa.Table, start: Places, chosen: Places) -> Iterator[tuple[Sequence[Key], int]]:
    """These rows by start, each with what it has in common with its other half, the surest first."""
    chosen = chosen[np.lexsort((codes(rows["span_id"])[chosen], start[chosen]))]
    held = rows.select([name for name in (*NEEDED, "input") if name in rows.column_names]).take(chosen)
    for row, one in zip(chosen.tolist(), held.to_pylist(), strict=True):
        prompt = one.get("input")
        call = (one["project"], one["component_name"], prompt)
        keys: list[Key] = [("beside", one["trace_id"], one["parent_span_id"], *call)]
        if prompt is not None and one["parent_span_id"] is None:
            session = None if one["session_source"] == "trace" else one["session_id"]
            keys.append(("alone", session, *call))
        yield keys, row


def _told(rows: pa.Table, start: Places, answer: Places, request: Places) -> pa.Table:
    """The rows with what the answers tell in those of the requests."""
    at = np.arange(rows.num_rows)
    at[request] = answer
    for name in TOLD:
        if name in rows.column_names:
            rows = _with(rows, name, pc.coalesce(rows[name].take(at), rows[name]))
    if "duration_ns" in rows.column_names:
        own = rows["duration_ns"]
        whole = pc.add(own.take(at), pa.array(start[at] - start))
        length = pc.if_else(pa.array(at != np.arange(len(at))), pc.max_element_wise(own, whole), own)
        rows = _with(rows, "duration_ns", length)
        if "duration_ms" in rows.column_names:
            changed = pc.divide(length.cast(pa.float64()), float(NS_A_MS))
            is_same = pc.fill_null(pc.equal(length, own), fill_value=True)
            rows = _with(rows, "duration_ms", pc.if_else(is_same, rows["duration_ms"], changed))
    return rows


def _with(rows: pa.Table, name: str, values: Any) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, rows.schema.field(place), values)
