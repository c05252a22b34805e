"""Read your writes: wait until a trace that was sent can be read, or say why it cannot.

No server is asked. What was acknowledged stands in the journal, the keeper tells how far it has read it,
and can be asked to hurry: that is all that ``POST /v1/flush`` does either.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab.errors import InvalidArgument, NotFound, WaitTimedOut
from argus_lab.lake import lookups, progress, read
from argus_lab.lake.journal import durable_ends, journal_root
from argus_lab.lake.selection import select, trace_key
from argus_lab.schema import REFUSED, SPANS

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.lake.snapshot import Reader

__all__ = ["wait_for"]

POLL = 0.02
TRACE_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """How many spans of a trace are here, and of those that were refused the reasons."""

    spans: int
    refused: tuple[str, ...]


def wait_for(
    readers: tuple[Reader, Reader],
    trace_id: str,
    columns: read.Columns,
    *,
    spans: int | None,
    timeout: float,
) -> pd.DataFrame:
    """The trace, once what was acknowledged before is in the lake and ``spans`` of it are there."""
    key = _checked(trace_id, spans, timeout)
    chosen = SPANS.choose(columns)
    root = journal_root(readers[0].lake)
    ends = durable_ends(root)
    end = time.monotonic() + timeout
    looked: tuple[int | None, int | None] | None = None
    seen = Seen(0, ())
    while True:
        is_drained = _is_drained(root, ends)
        versions = (readers[0].snapshot().version, readers[1].snapshot().version)
        if versions != looked:
            looked, seen = versions, _seen(readers, key)
        if is_drained and seen.spans >= (spans or 1):
            return lookups.trace(readers[0], key, chosen)
        if is_drained and seen.refused and seen.spans + len(seen.refused) >= (spans or 1):
            raise NotFound(f"trace {trace_id!r} is not whole: {_told(seen)} {REDRIVE}")
        if time.monotonic() >= end:
            raise WaitTimedOut(_advice(trace_id, spans, timeout, seen, readers[0].lake))
        time.sleep(POLL)


REDRIVE = "lake.refused() shows them, lake.redrive(project=...) takes them in."


def _checked(trace_id: str, spans: object, timeout: object) -> str:
    key = trace_key(trace_id)
    if len(key) != TRACE_DIGITS:
        raise InvalidArgument(f"trace {trace_id!r} is no whole trace id: 32 hexadecimal digits are expected.")
    if spans is not None and (isinstance(spans, bool) or not isinstance(spans, int) or spans < 1):
        raise InvalidArgument(f"spans={spans!r}: a whole number of at least 1 is expected, or None.")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise InvalidArgument(f"timeout={timeout!r}: a number of seconds is expected.")
    return key


def _is_drained(root: Path, ends: dict[str, int]) -> bool:
    if progress.is_drained(root, ends):
        return True
    with suppress(OSError):  # not ours to write: it takes the commit interval longer
        progress.hurry(root)
    return False


def _seen(readers: tuple[Reader, Reader], key: str) -> Seen:
    spans, refused = readers
    there = select(SPANS, {"trace": key})
    count = read.on_newest(spans, lambda snapshot: read.count(snapshot.pick(there)))
    named = select(REFUSED, {"where": "trace_id = $key", "params": {"key": key}})
    rows = read.on_newest(
        refused,
        lambda snapshot: read.load(snapshot.pick(named), ["reason", "message"], limit=None, order="stored")[
            0
        ],
    )
    return Seen(count, tuple(f"{row['reason']}: {row['message']}" for row in rows.to_pylist()))


def _told(seen: Seen) -> str:
    told = f"{seen.spans} spans of it are in the lake"
    if not seen.refused:
        return f"{told}."
    reasons = "; ".join(dict.fromkeys(seen.refused))
    return f"{told} and {len(seen.refused)} were refused ({reasons})."


def _advice(trace_id: str, spans: int | None, timeout: float, seen: Seen, lake: str) -> str:
    wanted = "trace" if spans is None else f"{spans} spans of trace"
    told = _told(seen) if seen.spans or seen.refused else f"nothing of it has arrived in {lake}."
    return f"waited {timeout:g} s for {wanted} {trace_id!r}: {told} {_cure(lake)}"


def _cure(lake: str) -> str:
    root = journal_root(lake)
    keeper = progress.status(root)
    waiting = progress.backlog(root)
    if keeper.state == "failing":
        return f"The keeper of the lake is failing: {keeper.reason}"
    if keeper.state == "absent":
        held = f", and {waiting:,} acknowledged bytes wait for one" if waiting else ""
        return f"No receiver runs on this lake{held}. Start one with:  argus-lab serve --lake {lake}"
    if waiting:
        return f"The keeper is behind by {waiting:,} bytes: wait again, or longer with timeout=."
    return (
        "A receiver runs and everything it took in can be read, so the spans were not sent (flush the "
        "tracer provider, or al.instrument(...).flush()), or went to another receiver or lake."
    )
