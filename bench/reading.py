"""Reading: frames beside bare pyarrow on the same files, one trace in millions of spans, the import."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Unpack

import pyarrow.dataset as ds
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.lake.selection import Picks
from argus_lab.schema import SPANS
from bench import big_lake
from bench.places import workspace

SPANS_IN_LAKE = 5_000_000
FIVE = ["trace_id", "name", "duration_ms", "input_tokens", "status"]
ONE_DAY: Picks = {"since": "2026-05-02T00:00Z", "until": "2026-05-03T00:00Z"}
ROUNDS = 5


def measure(spans: int = SPANS_IN_LAKE) -> list[str]:
    """Lines of the table."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    lake = al.open(folder)
    lines = [f"a lake of {lake.count():,} spans in {len(_paths(folder))} files; medians of {ROUNDS}", ""]
    lines.append(f"{'loading into pandas':34}{'argus ms':>10}{'pyarrow ms':>12}{'ratio':>7}")
    lines.append(_load("five light columns, all rows", lake, _paths(folder), FIVE))
    some = [path for path in _paths(folder) if "date=2026-05-02" in path]
    lines.append(_load("light columns (default), one day", lake, some, SPANS.light, **ONE_DAY))
    lines.append(_load("columns='all', one day", lake, some, SPANS.names, **ONE_DAY))
    lines += ["", *_lookups(lake), "", _import()]
    return lines


def _paths(folder: str) -> list[str]:
    return DeltaTable(f"{folder}/spans").file_uris()


def _load(title: str, lake: al.Lake, paths: list[str], columns: list[str], **window: Unpack[Picks]) -> str:
    schema = SPANS.arrow()
    bare = ds.dataset(paths, schema=schema, partitioning=ds.partitioning(flavor="hive", schema=_hive()))
    ours, floors = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: lake.spans(columns=columns, **window)))
        floors.append(_seconds(lambda: pandas_of(bare.to_table(columns=columns))))
    mine, floor = statistics.median(ours) * 1e3, statistics.median(floors) * 1e3
    return f"{title:34}{mine:10.0f}{floor:12.0f}{mine / floor:7.2f}"


def _hive() -> object:
    import pyarrow as pa

    return pa.schema([SPANS.arrow().field(name) for name in SPANS.partition_by])


def _lookups(lake: al.Lake) -> list[str]:
    some = lake.spans(columns=["trace_id", "session_id"], limit=200_000)
    traces = some["trace_id"].drop_duplicates().sample(20, random_state=1).tolist()
    sessions = some["session_id"].drop_duplicates().sample(20, random_state=1).tolist()
    lake.trace(traces[0])
    rows: list[tuple[str, Callable[[str], object], list[str]]] = [
        ("lake.trace(id)", lake.trace, traces),
        ("lake.session(id)", lake.session, sessions),
    ]
    lines = [f"{'one among all, warm':34}{'median ms':>10}{'worst ms':>12}"]
    for title, look, keys in rows:
        times = sorted(_seconds(partial(look, key)) * 1e3 for key in keys[1:])
        lines.append(f"{title:34}{statistics.median(times):10.0f}{times[-1]:12.0f}")
    return lines


def _import() -> str:
    """The import beside a bare interpreter's start."""

    def run(code: str) -> float:
        return _seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    ours = statistics.median(run("import argus_lab") for _ in range(ROUNDS))
    bare = statistics.median(run("pass") for _ in range(ROUNDS))
    return (
        f"import argus_lab: {(ours - bare) * 1e3:.0f} ms more than a bare interpreter ({bare * 1e3:.0f} ms)"
    )


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    print("\n".join(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_IN_LAKE)))
