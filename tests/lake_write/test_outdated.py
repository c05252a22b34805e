"""Files whose stored sessions were overtaken are rewritten beside the intake, one a look, none in vain."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import merging, renewing, upkeep
from argus_lab.lake import outdated as o
from argus_lab.lake import table as t
from argus_lab.lake.partitions import Partitions, data_files
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS
from tests.lake_read.lakes import write
from tests.lake_read.trees import Row, random_traces, sent, sessions_of

HOUR = 3600.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_HERE = {"project": "bot", "start_time": NOON, "date": NOON.date()}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds later it is than it is."""
    later, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + later[0])
    return later


def _trace(number: int, day: int = 1) -> list[Row]:
    """The root of a trace, which names the session, and three spans below it that name none."""
    root, moment = number * 100, datetime(2026, 3, day, 12, tzinfo=UTC)
    names = [f"chat-{number}", None, None, None]
    return [
        sent(number, root + n, root if n else None, name, start_time=moment) for n, name in enumerate(names)
    ]


def _late_roots(lake: Path, traces: range) -> list[Row]:
    """Each trace's spans in a file of their own, then all the roots in one."""
    rows = [_trace(number) for number in traces]
    for trace in rows:
        write(str(lake), trace[1:])
    write(str(lake), [trace[0] for trace in rows])
    return [row for trace in rows for row in trace]


def _look(lake: Path, outdated: o.Outdated) -> upkeep.Summary:
    """A look of the keeper's, for which no file is small enough to be merged."""
    return upkeep.compact(settings.read({}, lake=str(lake), target_file_size="1"), outdated)


def _stored(lake: Path) -> dict[tuple[str, str], tuple[str, str]]:
    rows = DeltaTable(str(lake / "spans")).to_pyarrow_table().to_pylist()
    found = {(r["trace_id"], r["span_id"]): (r["session_id"], r["session_source"]) for r in rows}
    assert len(found) == len(rows)
    return found


def _is_outdated(lake: Path) -> frozenset[str]:
    snapshot = al.open(lake)._spans.snapshot()  # noqa: SLF001  what readers have to work out
    return snapshot.pick(select(SPANS, {}), sessions=True).belonging.files


def test_one_file_a_look_until_all_is_stored_as_it_is_read(tmp_path: Path, clock: list[float]):
    """Four files outdated by late roots: four looks rewrite one each, the fifth finds nothing to do."""
    rows = _late_roots(tmp_path, range(1, 5))
    assert len(_is_outdated(tmp_path)) == 4
    outdated = o.Outdated(30.0)
    clock[0] = HOUR
    for left in (3, 2, 1, 0):
        assert _look(tmp_path, outdated).written == 1
        assert len(_is_outdated(tmp_path)) == left
        assert al.open(tmp_path).spans().groupby("session_id").size().to_dict() == {
            f"chat-{n}": 4 for n in range(1, 5)
        }
    assert _stored(tmp_path) == sessions_of(rows)
    assert _look(tmp_path, outdated) == upkeep.Summary()


def test_a_file_is_left_alone_until_its_traces_have_ended(tmp_path: Path, clock: list[float]):
    """Just written it is not rewritten, however outdated it is; after ten looks' time it is."""
    _late_roots(tmp_path, range(1, 2))
    outdated = o.Outdated(30.0)
    assert _look(tmp_path, outdated) == upkeep.Summary()
    clock[0] = 29.0 * o.LOOKS
    assert _look(tmp_path, outdated) == upkeep.Summary()
    clock[0] = 31.0 * o.LOOKS
    assert _look(tmp_path, outdated).written == 1


def test_a_file_outdated_again_stands_longer_each_time(tmp_path: Path, clock: list[float]):
    """Names that trickle in all day do not make the keeper write the same file all day."""
    rows = [sent(1, n, None, None) for n in range(1, 9)]
    rows += [sent(number, number * 100, None, None) for number in range(2, 9)]
    write(str(tmp_path), rows)
    outdated = o.Outdated(30.0)
    waits = []
    for number in range(2, 6):
        write(str(tmp_path), [sent(number, number * 100 + 1, None, f"chat-{number}")])
        waited = 0
        while not _look(tmp_path, outdated).written:
            clock[0] += 60.0
            waited += 1
        waits.append(waited)
    assert waits == [5, 10, 20, 40]


def test_files_that_nothing_came_near_are_not_looked_at_again(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
):
    """What was found right stays so until another file is there; then only its neighbours are asked."""
    for number, day in ((1, 1), (2, 20)):
        write(str(tmp_path), _trace(number, day))
    asked: list[str] = []
    real = o.overtaken

    def told(lake: str, file: o.Logged, near: list[o.Logged]) -> bool:
        asked.append(str(file["partition"]["date"]))
        return real(lake, file, near)

    monkeypatch.setattr(o, "overtaken", told)
    outdated = o.Outdated(30.0)
    for _ in range(3):
        clock[0] += HOUR
        assert _look(tmp_path, outdated) == upkeep.Summary()
    assert asked == ["2026-03-20", "2026-03-01"]
    write(str(tmp_path), _trace(3, day=19))
    clock[0] += HOUR
    assert _look(tmp_path, outdated) == upkeep.Summary()
    assert sorted(asked[2:]) == ["2026-03-19", "2026-03-20"]


def test_looking_ends_when_its_time_is_up(tmp_path: Path, clock: list[float]):
    """A keeper that comes to a large lake looks at a part of it each time, and gets through."""
    for number in range(1, 7):
        write(str(tmp_path), _trace(number, day=number))
    found = DeltaTable(str(tmp_path / "spans"))
    outdated = o.Outdated(1e-9)
    clock[0] = HOUR
    for looked in range(1, 7):
        assert outdated.find(str(tmp_path), found) is None
        assert len(outdated._looked) == looked  # noqa: SLF001  how far it came
        clock[0] -= 1e-3  # those looked at have not stood long enough again


KILLED = """
import os, signal, sys, time
from argus_lab import settings
from argus_lab.lake import outdated as o, table as t, upkeep
real, now = t.swap, time.time
def swap(*given):
    if sys.argv[2] == "after":
        real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
t.swap = swap
time.time = lambda: now() + 3600
upkeep.compact(settings.read({}, lake=sys.argv[1], target_file_size="1"), o.Outdated(30.0))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_it_rewrites(tmp_path: Path, clock: list[float], moment: str):
    """``kill -9`` with the new file on disk, before the commit or after: each row is there once."""
    rows = _late_roots(tmp_path, range(1, 4))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), moment], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(_is_outdated(tmp_path)) == (3 if moment == "before" else 2)
    assert len(list((tmp_path / "spans").rglob("*.parquet"))) == 5
    assert _stored(tmp_path).keys() == sessions_of(rows).keys()
    outdated, clock[0] = o.Outdated(30.0), HOUR
    while _look(tmp_path, outdated).written:
        pass
    assert _stored(tmp_path) == sessions_of(rows)


def test_a_rewritten_file_is_the_same_file_but_for_sessions(tmp_path: Path, clock: list[float]):
    """Every other column of every row is as it was, in the order of the lake."""
    _late_roots(tmp_path, range(1, 2))
    others = [name for name in SPANS.names if name not in {"session_id", "session_source"}]
    order = [("span_id", "ascending")]
    before = DeltaTable(str(tmp_path / "spans")).to_pyarrow_table(columns=others).sort_by(order)
    clock[0] = HOUR
    assert _look(tmp_path, o.Outdated(30.0)).written == 1
    after = DeltaTable(str(tmp_path / "spans")).to_pyarrow_table(columns=others).sort_by(order)
    assert after.equals(before)


def test_streaming_a_file_gives_what_sorting_it_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Random files with late names: the same rows in the same order, in full row groups, by either way."""
    monkeypatch.setattr(t, "ROW_GROUP_ROWS", 7)
    streamed = 0
    for seed in range(30):
        chance = random.Random(seed)  # noqa: S311  the same rows at every run
        lake = str(tmp_path / str(seed))
        rows = [row | _HERE for row in random_traces(chance, 12)]
        late = {
            row["span_id"] for row in rows if row["session_source"] == "attribute" and chance.random() < 0.2
        }
        write(lake, [row for row in rows if row["span_id"] not in late])
        write(lake, [row for row in rows if row["span_id"] in late])
        part, *_ = Partitions(t.open_table(lake, SPANS)).all()
        near = data_files(lake, SPANS, part.files)
        for file in near:
            streamed += renewing._plan(file, merging.rewritten(SPANS, [file], near)) is not None  # noqa: SLF001
            with (
                renewing.renewed(lake, file, near) as found,
                merging.merged(lake, SPANS, [file], (), near) as true,
            ):
                batches = list(found)
                assert pa.Table.from_batches(batches, found.schema) == true.read_all()
            assert {len(batch) for batch in batches[:-1]} <= {7}
    assert streamed > 20


def test_a_trace_of_several_sessions_is_put_right_too(tmp_path: Path, clock: list[float]):
    """A late root names one session, a span below it another: each span is stored where it belongs."""
    rows = [sent(1, 1, None, "outer"), sent(1, 2, 1, None), sent(1, 3, 1, "inner"), sent(1, 4, 3, None)]
    write(str(tmp_path), rows[1:])
    write(str(tmp_path), rows[:1])
    assert len(_is_outdated(tmp_path)) == 1
    outdated = o.Outdated(30.0)
    clock[0] = HOUR
    assert [_look(tmp_path, outdated).written for _ in range(3)] == [1, 0, 0]
    assert _stored(tmp_path) == sessions_of(rows)
    assert not _is_outdated(tmp_path)
    clock[0] += 24 * HOUR
    write(str(tmp_path), _trace(2))
    assert [_look(tmp_path, outdated).written for _ in range(3)] == [0, 0, 0]
