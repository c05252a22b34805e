"""Measures on five million spans in DuckDB, each beside hand-written SQL for the same answer."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.lake.selection import Picks
from argus_lab.measures.errors import errors
from argus_lab.measures.latency import latency
from argus_lab.measures.sessions import sessions
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tokens import tokens
from argus_lab.measures.traces import traces
from argus_lab.schema import SPANS
from bench import big_lake, by_hand
from bench.places import workspace

SPANS_IN_LAKE = 5_000_000
ROUNDS = 3
LIGHT_ROWS = 1_000_000

HOUR = "time_bucket(INTERVAL 1 HOUR, start_time)"
ASKED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "latency(by='request_model')": (
        lambda s: latency(s, by="request_model"),
        by_hand.latency("request_model", "request_model"),
    ),
    "latency(every='1h')": (lambda s: latency(s, every="1h"), by_hand.latency(HOUR, "time")),
    "tokens(by='request_model'), unpriced": (
        lambda s: tokens(s, by="request_model", prices=False),
        by_hand.TOKENS,
    ),
    "tokens(by='request_model'), priced": (lambda s: tokens(s, by="request_model"), by_hand.TOKENS),
    "throughput(every='1h')": (lambda s: throughput(s, every="1h"), by_hand.THROUGHPUT),
    "errors()": (errors, by_hand.ERRORS),
    "traces()": (traces, by_hand.TRACES),
    "sessions()": (sessions, by_hand.SESSIONS),
}
"""By title: the measure, and SQL for what it computes (of ``tokens``, without the prices)."""


def measure(spans: int = SPANS_IN_LAKE) -> list[str]:
    """Lines of the table."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    lake = al.open(folder)
    scanned = lake.scan().select(*SPANS.light)
    lines = [
        f"a lake of {lake.count():,} spans, its light columns read by DuckDB; medians of {ROUNDS} in turns",
        "ratio: of the CPU seconds of all threads; rows are compared with those of the SQL",
        "",
        f"{'measure':40}{'argus s':>10}{'SQL s':>10}{'CPU s':>10}{'SQL CPU s':>10}{'ratio':>7}",
    ]
    for title, (act, sql) in ASKED.items():
        ours, bare = partial(_asked, act, scanned), partial(_sql, scanned, sql)
        _compare(title, ours(), bare())
        lines.append(_line(title, ours, bare))
    return [*lines, "", *_to_pandas(lake, folder)]


def _asked(act: Callable[[Any], Any], scanned: Any) -> pa.Table:
    return act(scanned).to_arrow_table()


def _sql(scanned: Any, query: str) -> pa.Table:
    return scanned.query("spans", query).to_arrow_table()


def _compare(title: str, ours: pa.Table, bare: pa.Table) -> None:
    """All that the SQL says, the measure says too, row by row; broken numbers to nine digits."""
    if ours.num_rows != bare.num_rows:
        raise AssertionError(f"{title}: {ours.num_rows} rows, by hand {bare.num_rows}")
    for name in bare.column_names:
        left, right = ours[name], bare[name]
        if pa.types.is_floating(left.type):
            right = right.cast(left.type)
            near = pc.less_equal(pc.abs(pc.subtract(left, right)), pc.multiply(pc.abs(right), 1e-9))
            same = pc.if_else(pc.is_valid(right), near, pc.is_null(left))
        else:
            right = right.cast(left.type)
            same = pc.if_else(pc.is_valid(right), pc.equal(left, right), pc.is_null(left))
        if not pc.all(pc.fill_null(same, False)).as_py() and bare.num_rows:
            raise AssertionError(f"{title}: {name} is not what it is by hand")


def _line(title: str, ours: Callable[[], object], bare: Callable[[], object]) -> str:
    """In turns, so that a busy machine is as busy for both; the first of each does not count."""
    walls: dict[str, list[float]] = {"ours": [], "bare": []}
    works: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS + 1):
        for name, act in (("ours", ours), ("bare", bare)):
            began, worked = time.perf_counter(), time.process_time()
            act()
            walls[name].append(time.perf_counter() - began)
            works[name].append(time.process_time() - worked)
    wall, by_hand_wall = (statistics.median(walls[name][1:]) for name in ("ours", "bare"))
    work, by_hand_work = (statistics.median(works[name][1:]) for name in ("ours", "bare"))
    numbers = f"{wall:10.2f}{by_hand_wall:10.2f}{work:10.2f}{by_hand_work:10.2f}"
    return f"{title:40}{numbers}{work / by_hand_work:7.2f}"


def _to_pandas(lake: al.Lake, folder: str) -> list[str]:
    """A million rows of the light columns, beside bare pyarrow on the same files."""
    paths = DeltaTable(f"{folder}/spans").file_uris()
    days = sorted({path.split("date=")[1][:10] for path in paths})
    chosen, rows = [], 0
    for day in days:
        chosen.append(day)
        rows = lake.count(since=f"{chosen[0]}T00:00Z", until=f"{day}T23:59:59.999999Z")
        if rows >= LIGHT_ROWS:
            break
    window: Picks = {"since": f"{chosen[0]}T00:00Z", "until": f"{chosen[-1]}T23:59:59.999999Z"}
    files = [path for path in paths if path.split("date=")[1][:10] in chosen]
    schema = SPANS.arrow()
    hive = ds.partitioning(flavor="hive", schema=_hive())
    bare = ds.dataset(files, schema=schema, partitioning=hive)
    head = (
        f"{'loading into pandas':40}{'argus s':>10}{'pyarrow s':>10}{'CPU s':>10}{'pa CPU s':>10}{'ratio':>7}"
    )
    return [
        head,
        _line(
            f"{rows:,} rows, light columns",
            lambda: lake.spans(**window),
            lambda: pandas_of(bare.to_table(columns=SPANS.light)),
        ),
    ]


def _hive() -> object:
    return pa.schema([SPANS.arrow().field(name) for name in SPANS.partition_by])


if __name__ == "__main__":
    print("\n".join(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS_IN_LAKE)))
