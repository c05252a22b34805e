"""Reading: frames beside bare pyarrow on the same files, one trace in millions of spans, the import."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from itertools import count
from typing import Unpack

import pyarrow.dataset as ds
from deltalake import DeltaTable

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.lake.selection import Filter, Picks
from argus_lab.lake.snapshot import Picked, Snapshot
from argus_lab.schema import SPANS
from bench import big_lake, growing_lake
from bench.places import workspace

SPANS_IN_LAKE = 5_000_000
FIVE_WITH_SESSION = ["trace_id", "session_id", "duration_ms", "input_tokens", "status"]
FIVE = ["trace_id", "name", "duration_ms", "input_tokens", "status"]
ONE_DAY: Picks = {"since": "2026-05-02T00:00Z", "until": "2026-05-03T00:00Z"}
ROUNDS = 5
BARE = "SELECT session_id, count(*) AS spans FROM spans GROUP BY session_id"
TRACES = "SELECT session_id, count(DISTINCT trace_id) AS traces FROM spans GROUP BY session_id"
ONE = "SELECT count(*) AS spans, sum(input_tokens) AS tokens FROM spans WHERE session_id = 'session-77'"


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
    lines += ["", *_lookups(lake), "", _import(), ""]
    for name in STATES:
        lines += measure_sessions(name, spans)
    return lines


STATES = {
    "kept": ("that a receiver keeps", big_lake.build_kept),
    "growing": ("that a receiver fills", growing_lake.build_growing),
    "inheriting": ("not put right yet", big_lake.build_inheriting),
    "as_sent": ("as sent", big_lake.build_as_sent),
}


def measure_sessions(state: str, spans: int = SPANS_IN_LAKE) -> list[str]:
    """Lines of the table of reads of sessions, for a lake in that state."""
    title, build = STATES[state]
    place = str(workspace() / f"lake-{spans}-{state}")
    build(place, spans)
    if state != "growing":
        return _sessions(f"sessions, a lake {title}", place, _moved(_as_stored(place)))
    lines = _sessions(f"sessions, a lake {title}", place, growing_lake.newer_session(spans))
    return [*lines, growing_lake.told(place), ""]


def _sessions(title: str, folder: str, late: str) -> list[str]:
    """Reads of sessions beside the same reads of what is stored, by the same code, turn about, in CPU time."""
    lake, stored = al.open(folder), _as_stored(folder)
    group = "SELECT session_id, count(*) AS spans, sum(input_tokens) AS tokens FROM spans GROUP BY session_id"
    day = group.replace("GROUP", "WHERE start_time < '2026-05-02' GROUP")
    moved, turns = ONE.replace("session-77", late), count()
    reads: list[tuple[str, Callable[[al.Lake], object]]] = [
        ("spans(columns=[five light])", lambda lake: lake.spans(columns=FIVE_WITH_SESSION)),
        ("spans(five light, one day)", lambda lake: lake.spans(columns=FIVE_WITH_SESSION, **ONE_DAY)),
        ("spans()", lambda lake: lake.spans()),
        ("sql: group by session", lambda lake: lake.sql(group)),
        ("sql: group by session, bare", lambda lake: lake.sql(BARE)),
        ("sql: traces by session", lambda lake: lake.sql(TRACES)),
        ("sql: one session", lambda lake: lake.sql(ONE)),
        ("sql: another session each time", lambda lake: lake.sql(_other(next(turns), "session-77"))),
        ("sql: one with a late root", lambda lake: lake.sql(moved)),
        ("sql: another such each time", lambda lake: lake.sql(_other(next(turns), late))),
        ("sql: the same, one day", lambda lake: lake.sql(day)),
        ("sql: sessions unused", lambda lake: lake.sql("SELECT sum(input_tokens) FROM spans")),
        ("spans(session=...)", lambda lake: lake.spans(session="session-77")),
        ("count(session=...)", lambda lake: lake.count(session="session-77")),
    ]
    first = _cpu(lambda: lake.spans(columns=["session_id"], limit=1))
    lines = [f"{title:42}{'argus ms':>10}{'stored ms':>12}{'ratio':>7}   (first read {first * 1e3:.0f} ms)"]
    for name, read in reads:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_cpu(partial(read, lake)))
            theirs.append(_cpu(partial(read, stored)))
        mine, floor = statistics.median(ours) * 1e3, statistics.median(theirs) * 1e3
        lines.append(f"{name:34}{mine:10.0f}{floor:12.0f}{mine / floor:7.2f}")
    asked = (("one session", ONE), ("one with a late root", moved), ("group by session, bare", BARE))
    return [*lines, *(line for name, query in asked for line in _fresh(folder, name, query)), ""]


def _other(turn: int, session: str) -> str:
    """A query of a session some way after this one, the same one twice running."""
    number = int(session.removeprefix("session-"))
    return ONE.replace("session-77", f"session-{number + turn // 2 * 11}")


def _moved(stored: al.Lake) -> str:
    """A session whose root came late, if any did."""
    late = "SELECT min(session_id) AS late FROM spans WHERE trace_id LIKE '50%' AND parent_span_id IS NULL"
    return str(stored.sql(f"{late} AND session_source = 'attribute'")["late"][0])


def first_two(folder: str, query: str, *, as_stored: bool) -> tuple[float, float]:
    """CPU time of the first query in this process, and of the second."""
    lake = _as_stored(folder) if as_stored else al.open(folder)
    return _cpu(lambda: lake.sql(query)), _cpu(lambda: lake.sql(query))


def _fresh(folder: str, title: str, query: str) -> list[str]:
    """A query in processes that asked for nothing else, turn about."""

    def run(as_stored: bool) -> list[float]:  # noqa: FBT001  called here alone
        asked = f"{folder!r}, {query!r}, as_stored={as_stored}"
        code = f"from bench.reading import first_two; print(*first_two({asked}))"
        found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return [float(each) for each in found.stdout.split()]

    ours, theirs = zip(*((run(False), run(True)) for _ in range(ROUNDS)), strict=True)
    lines = []
    for place, turn in enumerate(("a process's first", "its second")):
        mine, floor = (statistics.median(each[place] for each in some) * 1e3 for some in (ours, theirs))
        lines.append(f"{turn + ': ' + title:42}{mine:10.0f}{floor:12.0f}{mine / floor:7.2f}")
    return lines


class _Stored(Snapshot):
    """A snapshot that takes what is stored for true."""

    def pick(self, filter: Filter, *, sessions: bool = False) -> Picked:  # noqa: ARG002  nothing is asked
        return self.stored(filter)


def _as_stored(folder: str) -> al.Lake:
    """The lake, read by the same code, with what is stored taken for true."""
    lake = al.open(folder)
    reader = lake._spans  # noqa: SLF001  a switch that users have no use for
    last = reader.snapshot()
    given = {one.name: getattr(last, one.name) for one in fields(last) if one.init}
    reader._last = _Stored(**given)  # noqa: SLF001  the same
    return lake


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


def _cpu(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    for asked in sys.argv[1:] or STATES:
        print("\n".join(measure_sessions(asked)), flush=True)
