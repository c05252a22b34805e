"""Measures on five million spans in DuckDB, each beside hand-written SQL for the same answer.

What walks through trees or reads the inside of texts has no SQL that says the same; it is timed by itself, on
the spans of a day. ``python -m bench.measures [spans] [part of a title]...`` measures some of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.lake.selection import Picks
from argus_lab.measures.compare import compare
from argus_lab.measures.context_growth import context_growth
from argus_lab.measures.costs import costs
from argus_lab.measures.critical_path import critical_path
from argus_lab.measures.errors import errors
from argus_lab.measures.executions import executions
from argus_lab.measures.explain import explain
from argus_lab.measures.latency import latency
from argus_lab.measures.messages import messages
from argus_lab.measures.outliers import outliers
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.steps import steps
from argus_lab.measures.throughput import throughput
from argus_lab.measures.tokens import tokens
from argus_lab.measures.tool_calls import tool_calls
from argus_lab.measures.totals import TEXTS
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
    "tokens(by='request_model'), priced": (lambda s: tokens(s, by="request_model"), by_hand.PRICED_TOKENS),
    "throughput(every='1h')": (lambda s: throughput(s, every="1h"), by_hand.THROUGHPUT),
    "errors()": (errors, by_hand.ERRORS),
    "traces()": (traces, by_hand.TRACES),
    "sessions()": (sessions, by_hand.SESSIONS),
    "sessions() with texts": (sessions, by_hand.SESSIONS_WITH_TEXTS),
    "outliers()": (partial(outliers, threshold=0.84), by_hand.OUTLIERS),
}
"""By title: the measure, and SQL for what it computes."""

ONE_DAY: Picks = {"since": "2026-05-01T00:00Z", "until": "2026-05-02T00:00Z"}
TWO_MODELS: dict[str, Any] = {"by": "request_model", "values": ("model-0", "model-1")}
WALKED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "steps()": (steps, "a walk through each tree"),
    "critical_path()": (critical_path, "a walk through each tree"),
    "rounds()": (rounds, "trees, and the JSON of each prompt"),
    "executions()": (executions, "trees, and the JSON of each prompt"),
    "messages()": (messages, "the JSON of each prompt, against those before it"),
    "tool_calls()": (tool_calls, "trees, and the JSON of arguments"),
    "costs()": (costs, "a row a call: the sum is tokens()"),
    "compare(by='request_model')": (partial(compare, **TWO_MODELS), "a bootstrap"),
    "explain(by='request_model')": (partial(explain, **TWO_MODELS), "a walk through each tree"),
}
"""By title: measures without SQL beside them, and why."""


def measure(spans: int = SPANS_IN_LAKE, parts: Sequence[str] = ("",)) -> list[str]:
    """Lines of the tables, or of those lines whose titles have one of these parts."""
    folder = str(workspace() / f"lake-{spans}")
    big_lake.build(folder, spans)
    lake = al.open(folder)
    lines = [
        f"a lake of {lake.count():,} spans, its light columns read by DuckDB; medians of {ROUNDS} in turns",
        "ratio: of the CPU seconds of all threads; rows are compared with those of the SQL",
        "",
        f"{'measure':40}{'argus s':>10}{'SQL s':>10}{'CPU s':>10}{'SQL CPU s':>10}{'ratio':>7}",
    ]
    for title, (act, sql) in ASKED.items():
        if any(part in title for part in parts):
            scanned = _scanned(lake, title)
            ours, bare = partial(_asked, act, scanned), partial(_sql, scanned, sql)
            _compare(title, ours(), bare())
            lines.append(_line(title, ours, bare))
    if any(part in "lake.sessions()" for part in parts):
        lines += ["", _peak(folder)]
    return [*lines, "", *_walks(lake, parts), *(_to_pandas(lake, folder) if "" in parts else ())]


def _scanned(lake: al.Lake, title: str) -> Any:
    """The columns that the measure is given."""
    scanned = lake.scan()
    scanned.query("session", "SET enable_progress_bar = false")
    scanned = scanned.select(*SPANS.light, *(TEXTS if "texts" in title else ()))
    if not title.endswith(", priced"):
        return scanned
    names = " ".join(f"WHEN '{name}' THEN '{known}'" for name, known in by_hand.NAMES.items())
    return scanned.project(f"* REPLACE (CASE request_model {names} END AS request_model)")


def _peak(folder: str) -> str:
    """Time and memory of a process that only asks a lake for its sessions, with their texts."""
    code = (
        "import argus_lab as al, resource, time; "
        f"lake = al.open({folder!r}); began = time.perf_counter(); rows = len(lake.sessions()); "
        "took = time.perf_counter() - began; used = resource.getrusage(resource.RUSAGE_SELF); "
        "print(f'lake.sessions() with texts, alone: {rows:,} rows, {took:.1f} s, '"
        "f'{used.ru_utime + used.ru_stime:.1f} CPU s, at most {used.ru_maxrss / 1024:,.0f} MB of memory')"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return told.stdout.strip().splitlines()[-1]


def _walks(lake: al.Lake, parts: Sequence[str]) -> list[str]:
    """Measures for which there is no SQL, once each on the spans of a day and on a session."""
    asked = {title: each for title, each in WALKED.items() if any(part in title for part in parts)}
    lines = [
        f"{lake.count(**ONE_DAY):,} spans of a day, all columns{'':12}{'argus s':>10}{'CPU s':>10}  no SQL"
    ]
    for title, (act, why) in asked.items():
        day = lake.scan(**ONE_DAY)
        day.query("session", "SET enable_progress_bar = false")
        lines.append(_timed(title, partial(_asked, act, day), why))
    if any(part in "context_growth()" for part in parts):
        one = lake.session("session-77")
        lines.append(_timed("context_growth() of a session", partial(context_growth, one), "JSON of prompts"))
    return [*lines, ""] if len(lines) > 1 else []


def _timed(title: str, act: Callable[[], object], why: str) -> str:
    began, worked = time.perf_counter(), time.process_time()
    act()
    return f"{title:48}{time.perf_counter() - began:10.2f}{time.process_time() - worked:10.2f}  {why}"


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
    given = sys.argv[1:]
    print("\n".join(measure(int(given[0]) if given else SPANS_IN_LAKE, given[1:] or ("",))))
