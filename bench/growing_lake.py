"""A big lake while spans come in: a thousand a second, each trace's root some minutes after its children.

They come in real time, and what a receiver's keeper does beside them is done by its own code.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab import settings
from argus_lab.lake import table as t
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.rows import sorted_spans
from argus_lab.lake.snapshot import snapshot_of
from argus_lab.lake.upkeep import Upkeep
from argus_lab.schema import SPANS
from bench import big_lake

__all__ = ["SECONDS", "build_growing", "newer_session", "told"]

SECONDS = 600
SPANS_A_SECOND = 1000
LATE = (60, 240)
"""So many seconds, at least and at most, a root comes after its children."""
TARGET = "24MiB"
"""The texts of these spans are short: files that count as large hold some 130,000 of them, as real ones do."""


def build_growing(folder: str, spans: int) -> None:
    """Put right what is older than ten minutes; then ten minutes beside a receiver's keeper, as it leaves them."""
    if Path(folder, "growing").exists():
        return
    old = spans - SECONDS * SPANS_A_SECOND
    big_lake.build_inheriting(folder, old)
    big_lake.put_right(folder)
    rows = big_lake.spans_of(old, spans, 11, big_lake.ROOTS, 1_000_000 // SPANS_A_SECOND)
    number = pc.divide(pc.subtract(rows["start_unix_nano"], pc.min(rows["start_unix_nano"])), 1_000_000)
    second = _arrivals(number.to_numpy(), pc.is_null(rows["parent_span_id"]).to_numpy())
    found = t.open_table(folder, SPANS)
    foresight, began = Foresight(folder), time.monotonic()
    upkeep = Upkeep(settings.read({}, lake=folder, target_file_size=TARGET), foresight)
    known = 0
    for now in range(SECONDS):
        part = _received(rows.filter(pa.array(second == now)))
        found.update_incremental()
        adds = t.write_files(folder, SPANS, sorted_spans(part))
        with foresight.of(adds):
            t.commit(found, adds, {"bench": spans + now})
        known += _is_known(folder)
        upkeep.tend(time.monotonic())
        time.sleep(max(0.0, began + now + 1 - time.monotonic()))
    upkeep.close()
    Path(folder, "growing").write_text(f"of {SECONDS} versions {known} were known when they could be seen")


def told(folder: str) -> str:
    """How it went."""
    return Path(folder, "growing").read_text()


def _is_known(folder: str) -> bool:
    """Whether who opens the lake now knows of all spans where they belong."""
    return snapshot_of(folder, SPANS, t.open_table(folder, SPANS)).knowing.whole is not None


def newer_session(spans: int) -> str:
    """A session of four minutes ago, whose roots came when its spans were in a large file."""
    return f"session-{(spans - LATE[1] * SPANS_A_SECOND) // big_lake.SPANS_A_TRACE // 6 + 3}"


def _arrivals(number: np.ndarray, is_root: np.ndarray) -> np.ndarray:
    """In which second each span comes; some roots of the last minutes are not there yet."""
    low, high = LATE
    late = np.random.default_rng(1).integers(low, high, len(number))
    return number // SPANS_A_SECOND + np.where(is_root, late, 0)


def _received(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("received_at")
    now = pa.array([int(time.time() * 1e6)] * len(rows), rows.schema.types[place])
    return rows.set_column(place, rows.schema.field(place), now)


if __name__ == "__main__":
    import sys

    os.environ.pop("ARGUS_LAKE", None)
    build_growing(sys.argv[1], int(sys.argv[2]))
