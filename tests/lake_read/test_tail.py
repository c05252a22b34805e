"""lake.tail(): every new span once, whatever becomes of the files meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.lake.snapshot import Reader
from argus_lab.lake.tailing import ROWS_AT_ONCE, Tail
from argus_lab.lake.upkeep import compact
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.lake_read.lakes import write as commit
from tests.lake_write.journalled import entry, made_for, numbered, taken_in, write

SOON = 0.01
"""How long these tests wait for what is not there."""


def _receive(lake: Path, *numbers: int, **fields: object) -> None:
    """Spans acknowledged now, and committed."""
    write(lake, [entry(*numbered(*numbers, **fields), received_at=time.time_ns())])
    taken_in(lake)


def _numbers(frame: pd.DataFrame) -> list[int]:
    return [int(span_id, 16) for span_id in frame["span_id"]]


def _new(tail: Tail) -> list[int]:
    return [number for frame in tail for number in _numbers(frame)]


def _vacuum(lake: Path) -> None:
    found = DeltaTable(str(lake / "spans"))
    found.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with spans 1 and 2."""
    _receive(tmp_path / "lake", 1, 2)
    return tmp_path / "lake"


def test_what_comes_after_the_call_comes_once(lake: Path):
    """Spans that were there are not given; several commits are one frame, which says what it is."""
    opened = al.open(lake)
    tail = opened.tail(timeout=SOON)
    assert _new(tail) == []
    _receive(lake, 3)
    _receive(lake, 4, 5)
    (frame,) = tail
    assert sorted(_numbers(frame)) == [3, 4, 5]
    assert list(frame.columns) == SPANS.light
    told = frame.attrs["argus"]
    assert (told["matched"], told["version"], told["cut"]) == (3, opened.version, False)
    assert _new(tail) == []


def test_the_call_is_the_beginning(lake: Path):
    """What is committed between the call and the first look is new."""
    tail = al.open(lake).tail(timeout=SOON)
    _receive(lake, 3)
    assert _new(tail) == [3]


def test_since_brings_what_is_there_first(lake: Path):
    """With since= the spans that started since then come, then the new ones that did."""
    tail = al.open(lake).tail(since="2020-01-01T00:00Z", timeout=SOON)
    assert sorted(_new(tail)) == [1, 2]
    _receive(lake, 3)
    long_ago = str(10**18)  # 2001
    _receive(lake, 4, startTimeUnixNano=long_ago, endTimeUnixNano=long_ago)
    assert _new(tail) == [3]


def test_late_spans_come_too(lake: Path):
    """A span that started years ago and arrives now is new."""
    tail = al.open(lake).tail(timeout=SOON)
    long_ago = str(10**18)
    _receive(lake, 9, startTimeUnixNano=long_ago, endTimeUnixNano=long_ago)
    assert _new(tail) == [9]


def test_filters_and_columns(tmp_path: Path):
    """The filters of lake.spans() narrow a tail, and columns= chooses."""
    place = str(tmp_path / "lake")
    commit(place, [])
    lake = al.open(place)
    by_project = lake.tail(project="shop-bot", columns=["span_id", "project"], timeout=SOON)
    by_condition = lake.tail(where="input_tokens > $n", params={"n": 1000}, columns=["span_id"], timeout=SOON)
    rows = [make_span(n, project=("shop-bot", "other")[n % 2], input_tokens=500 * n) for n in range(6)]
    commit(place, rows[:3])
    commit(place, rows[3:])
    wanted = {row["span_id"] for row in rows if row["project"] == "shop-bot"}
    (frame,) = by_project
    assert set(frame["span_id"]) == wanted
    assert list(frame.columns) == ["span_id", "project"]
    (frame,) = by_condition
    assert set(frame["span_id"]) == {row["span_id"] for row in rows if row["input_tokens"] > 1000}


@pytest.mark.parametrize("picks", [{}, {"session": "chat-7"}, {"trace": "a" * 32}])
@pytest.mark.parametrize("is_merged", [False, True])
def test_spans_come_in_the_sessions_that_the_whole_lake_knows(
    tmp_path: Path, picks: dict[str, str], *, is_merged: bool
):
    """A span whose session an earlier commit names has it, and the filter finds it; merged since or not."""
    trace = {"trace_id": "a" * 32}
    commit(str(tmp_path), [make_span(0, **trace, session_id="chat-7")])
    tail = al.open(tmp_path).tail(**picks, columns=["span_id", "session_id"], timeout=SOON)
    commit(str(tmp_path), [make_span(1, **trace, session_id="a" * 32, session_source="trace")])
    if is_merged:
        assert compact(made_for(tmp_path)).merged
    (frame,) = tail
    assert (_numbers(frame), frame["session_id"].tolist()) == ([int(make_span(1)["span_id"], 16)], ["chat-7"])
    assert list(frame.columns) == ["span_id", "session_id"]


def test_merging_and_normalising_are_no_news(lake: Path):
    """Files that are written anew hold nothing new."""
    _receive(lake, 3)
    tail = al.open(lake).tail(timeout=SOON)
    assert compact(made_for(lake)).merged
    al.open(lake).renormalize()
    assert _new(tail) == []


def test_rows_that_another_engine_takes_out_are_no_news(lake: Path):
    """The rest of a file from which rows were deleted is not new."""
    tail = al.open(lake).tail(timeout=SOON)
    DeltaTable(str(lake / "spans")).delete(f"span_id = '{1:016x}'")
    assert _new(tail) == []
    _receive(lake, 3)
    assert _new(tail) == [3]


def test_a_span_that_is_stored_twice_is_given_once(lake: Path):
    """A delivery repeated after the keeper forgot the first is no second span."""
    tail = al.open(lake).tail(timeout=SOON)
    for _ in range(2):
        write(lake, [entry(*numbered(7), received_at=time.time_ns() - 10**10)])
        taken_in(lake, dedup_window=1.0)
    assert al.open(lake).count(where=f"span_id = '{7:016x}'") == 2
    assert _new(tail) == [7]


STEPS = st.lists(st.sampled_from(["receive", "merge", "vacuum", "look", "forget the log"]), max_size=12)


@settings(max_examples=12)
@given(STEPS, st.sampled_from(["now", "the start"]))
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[str], beginning: str):
    """Whatever happens between two looks: commits, merges, vacuum, a log that is cleaned up."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        _receive(lake, 1, 2)
        is_whole = beginning == "the start"
        since = {"since": "2020-01-01T00:00Z"} if is_whole else {}
        tail = al.open(lake).tail(timeout=SOON, **since)
        wanted, given = [1, 2] if is_whole else [], []
        for number, step in enumerate(steps, start=3):
            match step:
                case "receive":
                    _receive(lake, number)
                    wanted.append(number)
                case "merge":
                    compact(made_for(lake))
                case "vacuum":
                    _vacuum(lake)
                case "look":
                    given += _new(tail)
                case _:
                    DeltaTable(str(lake / "spans")).create_checkpoint()
                    for log in sorted((lake / "spans" / "_delta_log").glob("*.json"))[:-1]:
                        log.unlink()
        given += _new(tail)
        assert sorted(given) == sorted(wanted)


def test_a_long_past_comes_in_frames_of_bounded_length(lake: Path, monkeypatch: pytest.MonkeyPatch):
    """Catching up takes the memory of some files, not of all; the order is that of the files."""
    assert ROWS_AT_ONCE > 10_000
    monkeypatch.setattr("argus_lab.lake.tailing.ROWS_AT_ONCE", 2)
    for number in range(3, 8):
        _receive(lake, number)
    lengths = [len(frame) for frame in al.open(lake).tail(since="2020-01-01T00:00Z", timeout=SOON)]
    assert (sum(lengths), max(lengths)) == (7, 2)
    tail = al.open(lake).tail(timeout=SOON)
    for number in range(8, 13):
        _receive(lake, number)
    assert [len(frame) for frame in tail] == [2, 2, 1]


def test_another_lake_in_its_place_is_new(lake: Path):
    """Where the lake was removed and begun again, all that it holds now is new."""
    _receive(lake, 3)
    tail = al.open(lake).tail(timeout=SOON)
    shutil.rmtree(lake)
    _receive(lake, 11)
    assert _new(tail) == [11]


def test_async_iteration(lake: Path):
    """``async for`` gives the same, and other tasks run meanwhile."""

    async def first() -> list[int]:
        tail = al.open(lake).tail(every=SOON)
        waiting = asyncio.ensure_future(anext(tail))
        await asyncio.to_thread(_receive, lake, 3)
        return _numbers(await waiting)

    assert asyncio.run(first()) == [3]


def test_async_iteration_ends_with_the_timeout(lake: Path):
    """``async for`` with timeout= ends as ``for`` does."""

    async def everything() -> list[int]:
        tail = al.open(lake).tail(since="2020-01-01T00:00Z", timeout=SOON)
        return [number async for frame in tail for number in _numbers(frame)]

    assert sorted(asyncio.run(everything())) == [1, 2]


def test_a_cancelled_look_takes_nothing_away(lake: Path, monkeypatch: pytest.MonkeyPatch):
    """A task that is cancelled while the lake is read leaves the tail where it was."""
    tail = al.open(lake).tail(every=SOON, timeout=1.0)
    _receive(lake, 3)
    reading, go_on = threading.Event(), threading.Event()
    snapshot = Reader.snapshot

    def slow(reader: Reader, *, fresh: bool = False) -> object:
        reading.set()
        assert go_on.wait(30)
        return snapshot(reader, fresh=fresh)

    async def cancelled() -> None:
        task = asyncio.ensure_future(anext(tail))
        await asyncio.to_thread(reading.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    monkeypatch.setattr(Reader, "snapshot", slow)
    asyncio.run(cancelled())
    assert _numbers(next(tail)) == [3]


def test_an_interrupt_ends_the_loop_and_the_tail_goes_on(lake: Path):
    """Ctrl-C raises out of the loop; asked again, the tail gives what came meanwhile."""
    tail = al.open(lake).tail()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            next(tail)
    finally:
        signal.signal(signal.SIGALRM, before)
    _receive(lake, 3)
    assert _numbers(next(tail)) == [3]


def test_close_ends_a_loop_that_waits(lake: Path):
    """close(), from another thread or at the end of ``with``, ends the iteration."""
    with al.open(lake).tail(every=30.0) as tail:
        closing = threading.Timer(0.1, tail.close)
        closing.start()
        assert list(tail) == []
        closing.join()
    assert "closed" in repr(tail)


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"every": True}, {"timeout": -1}, {"until": "1h"}, {"columns": ["nam"]}]
)
def test_wrong_arguments_are_told(lake: Path, wrong: dict[str, object]):
    """Each is an argument error before anything is read."""
    with pytest.raises(al.InvalidArgument):
        al.open(lake).tail(**wrong)


def test_a_pinned_lake_has_no_tail(lake: Path):
    """A lake as of a version never changes, and the message says what to do."""
    with pytest.raises(al.InvalidArgument, match="open it without"):
        al.open(lake, as_of=1).tail()
