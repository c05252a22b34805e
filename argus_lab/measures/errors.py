"""Errors by what they say: equal ones together, each where it arose and not where it passed through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures.engines import asked, collected, columns_of, returned
from argus_lab.measures.grouping import keys
from argus_lab.measures.trees import forest_of
from argus_lab.measures.wording import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from argus_lab.measures.trees import Places

__all__ = ["errors"]

KEYS = ("trace_id", "span_id", "parent_span_id", "session_id", "start_time", "start_unix_nano", "service")
TEXTS = ("error_type", "error_message", "status_message")
NEEDED = (*KEYS, *TEXTS, "status")
COUNTS = ("count", "propagated", "share", "traces", "sessions")
EXAMPLE = ("example_trace_id", "example_span_id", "example_message")
RESULT = ("error", "error_type", *COUNTS, "first_seen", "last_seen", "services", *EXAMPLE)
SILENT = "(no message)"


def errors(spans: Any, *, by: str | Sequence[str] | None = None) -> Any:
    """Spans that failed, grouped by what went wrong.

    An error is a span with the status ``ERROR``. Often the spans above repeat it: such a span is not
    counted again but as ``propagated``. A span repeats the error of its child if its message contains the
    child's, or if it has no message, and no type or the same.

    Parameters
    ----------
    spans
        A frame of spans: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame. Of lazy
        frames only the failed spans are read.
    by
        A column or several that group the errors further, null among them.

    Returns
    -------
    A frame of the same kind, in each group of ``by`` sorted by ``count`` (falling), ``error``,
    ``error_type``:

    ``error``
        The message without what differs from time to time: numbers, ids, times, addresses, paths and
        quoted text are placeholders (:func:`argus_lab.measures.wording.normalised`); ``(no message)`` if
        there is none.
    ``error_type``
        Class of the error as sent; null if unknown.
    ``count``
        Failed spans of this group that repeat no error from below.
    ``propagated``
        Further failed spans, above these, that only repeat them.
    ``share``
        ``count`` by the count of all groups of the frame, 0 to 1.
    ``traces``, ``sessions``
        Traces and sessions in which it happened.
    ``first_seen``, ``last_seen``
        Starts of the first and last of these spans, UTC.
    ``services``
        Services in which it arose, sorted, joined by ``", "``.
    ``example_trace_id``, ``example_span_id``, ``example_message``
        The latest of them, with its message as sent.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.measures.errors import errors
    >>> from argus_lab.testing import make_span
    >>> failed = {"status": "ERROR", "error_type": "TimeoutError"}
    >>> rows = [make_span(n, **failed, error_message=f"no answer within {n} s") for n in (1, 2, 5)]
    >>> errors(pd.DataFrame(rows))[["error", "error_type", "count", "traces"]]
                       error    error_type  count  traces
    0  no answer within <n> s  TimeoutError      3       2
    """
    frame = asked(spans, NEEDED, by="errors")
    groups = keys(by, columns_of(frame), [name for name in RESULT if name != "error_type"])
    groups = [name for name in groups if name != "error_type"]
    failed = frame.filter((nw.col("status") == "ERROR").fill_null(value=False))
    rows = collected(failed, list(dict.fromkeys([*groups, *NEEDED])))
    return returned(_grouped(_arisen(rows), groups), spans)


def _arisen(rows: pa.Table) -> pa.Table:
    """The errors that repeat none from below, with their texts and how often they are repeated."""
    message = pc.coalesce(rows["error_message"], rows["status_message"])
    message = pc.if_else(
        pc.equal(pc.utf8_trim_whitespace(message), ""), pa.scalar(None, pa.string()), message
    )
    rows = rows.append_column("message", message)
    forest = forest_of(rows)
    repeated, is_repeat = _repetitions(rows, forest.parent, forest.order)
    rows = rows.append_column("propagated", pa.array(repeated)).filter(pa.array(~is_repeat))
    texts = rows["message"].combine_chunks().dictionary_encode()
    words = pa.array([normalised(text) or SILENT for text in texts.dictionary.to_pylist()], pa.string())
    known = words.take(texts.indices) if len(words) else pa.nulls(rows.num_rows, pa.string())
    return rows.append_column("error", pc.fill_null(known, SILENT))


def _repetitions(rows: pa.Table, parent: Places, order: Places) -> tuple[Places, NDArray[np.bool_]]:
    """By row, how many spans above repeat its error, and whether it repeats one from below itself."""
    message, kind = rows["message"].to_pylist(), rows["error_type"].to_pylist()
    count = np.zeros(rows.num_rows, dtype=np.int64)
    is_repeat = np.zeros(rows.num_rows, dtype=np.bool_)
    origin = np.arange(rows.num_rows)
    # In reading order a span stands before all below it; so backwards, the deepest come first, and of
    # several children with the same error the last one is the one that is repeated.
    for at in order[::-1]:
        above = parent[at]
        if above < 0 or is_repeat[above]:
            continue
        if _repeats((message[above], kind[above]), (message[at], kind[at])):
            is_repeat[above] = True
            origin[above] = origin[at]
            count[origin[at]] += 1
    return count, is_repeat


def _repeats(above: tuple[str | None, str | None], below: tuple[str | None, str | None]) -> bool:
    if above[0] is None:
        return above[1] is None or (above[1] == below[1])
    return below[0] is not None and below[0] in above[0]


def _grouped(rows: pa.Table, groups: list[str]) -> pa.Table:
    number = pa.array(np.arange(rows.num_rows))
    # By start, so that the first and the last of a group are the first and last seen.
    rows = rows.append_column("row", number).sort_by(
        [(name, "ascending") for name in ("start_time", "trace_id", "span_id")]
    )
    starts = rows["start_time"]
    is_known = pc.is_valid(starts)
    rows = pa.concat_tables([rows.filter(pc.invert(is_known)), rows.filter(is_known)])
    rows = rows.append_column("one", pa.array(np.ones(rows.num_rows, dtype=np.int64)))
    at = [*groups, "error", "error_type"]
    ways: list[tuple[str, str]] = [("one", "sum"), ("propagated", "sum"), ("trace_id", "count_distinct")]
    ways += [
        ("session_id", "count_distinct"),
        ("start_time", "min"),
        ("start_time", "max"),
        ("service", "distinct"),
    ]
    ways += [("trace_id", "last"), ("span_id", "last"), ("message", "list")]
    found = rows.group_by(at, use_threads=False).aggregate(ways)
    total = max(rows.num_rows, 1)
    columns = {name: found[name] for name in at} | {
        "count": found["one_sum"],
        "propagated": found["propagated_sum"],
        "share": pc.divide(found["one_sum"].cast(pa.float64()), float(total)),
        "traces": found["trace_id_count_distinct"],
        "sessions": found["session_id_count_distinct"],
        "first_seen": found["start_time_min"],
        "last_seen": found["start_time_max"],
        "services": _joined(found["service_distinct"]),
        "example_trace_id": found["trace_id_last"],
        "example_span_id": found["span_id_last"],
        "example_message": _last(found["message_list"]),
    }
    order = [*((name, "ascending") for name in groups), ("count", "descending")]
    order += [("error", "ascending"), ("error_type", "ascending")]
    return pa.table(columns).sort_by(order).select([*groups, *RESULT])


def _last(lists: pa.ChunkedArray) -> pa.Array:
    return pa.array([messages[-1] for messages in lists.to_pylist()], pa.string())


def _joined(lists: pa.ChunkedArray) -> pa.Array:
    return pa.array(
        [", ".join(sorted(filter(None, names))) or None for names in lists.to_pylist()], pa.string()
    )
