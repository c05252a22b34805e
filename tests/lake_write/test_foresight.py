"""Where spans belong is kept before they are committed: who sees a commit finds it known, and true."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

import argus_lab as al
from argus_lab.lake import foresight as f
from argus_lab.lake import hashes, keeping, outdated, settling, upkeep
from argus_lab.lake import table as t
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.intake import Intake
from argus_lab.lake.memory import Memory
from argus_lab.lake.rows import arrow_table, sorted_spans
from argus_lab.schema import SPANS
from tests.lake_read.lakes import write
from tests.lake_read.test_sessions_everywhere import QUERY, seen
from tests.lake_read.test_settled import LATE, check_truth, in_pieces, is_known, kept
from tests.lake_read.trees import Row, random_traces, sent, sessions_of
from tests.lake_write import journalled


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it took, it is done again at the next commit; nothing else keeps what is known."""
    monkeypatch.setattr(f, "SHARE", float("inf"))
    monkeypatch.setattr(upkeep, "settle", lambda *_, **__: None)


def files_of(place: str, rows: list[Row]) -> list[AddAction]:
    """Files with these rows, as nobody sees them yet."""
    made = arrow_table(SPANS, [tuple(map(row.get, SPANS.names)) for row in rows])
    return t.write_files(place, SPANS, sorted_spans(made))


def commit(foresight: Foresight, place: str, rows: list[Row]) -> None:
    """A commit of rows, as the keeper makes it."""
    adds = files_of(place, rows)
    with foresight.of(adds):
        t.commit(t.open_table(place, SPANS), adds, {})


def tend(foresight: Foresight, place: str, **given: Any) -> upkeep.Summary:
    """A round of a keeper's upkeep, for which every file has stood long enough."""
    return upkeep.compact(journalled.made_for(Path(place), **given), outdated.Outdated(1e-9), foresight)


@pytest.mark.parametrize("few", [0, 5, 50_000])
@pytest.mark.parametrize("seed", range(4))
def test_every_commit_is_known_and_true_when_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, few: int
):
    """Random traces in pieces, merged and rewritten meanwhile: before, and after each commit."""
    monkeypatch.setattr(upkeep, "MERGE_FILES", 3)
    monkeypatch.setattr(hashes, "FEW", few)
    chance = random.Random(seed)  # noqa: S311  the same rows at every run
    place, there, tended = str(tmp_path), list[Row](), upkeep.Summary()
    write(place, [])
    foresight, reader = Foresight(place), al.open(place)
    for part in in_pieces(chance, random_traces(chance, 12)):
        adds = files_of(place, part)
        with foresight.of(adds):
            assert seen(al.open(place).sql(QUERY)) == sessions_of(there), "of who sees none of it yet"
            t.commit(t.open_table(place, SPANS), adds, {})
        there = [*there, *part]
        assert is_known(place)
        tended += tend(foresight, place, target_file_size=chance.choice(["1", "1MiB"]))
        assert is_known(place)
        check_truth(place, kept(place))
        for lake in (al.open(place), reader):
            assert seen(lake.sql(QUERY)) == sessions_of(there)
    assert tended.written > 0


def test_a_reader_that_stays_works_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At each version it takes what is kept, not what it would have to go on from."""
    place = str(tmp_path)
    write(place, [])
    foresight, reader = Foresight(place), al.open(place)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    for number, row in enumerate(LATE, 1):
        commit(foresight, place, [row])
        with monkeypatch.context() as patched:
            patched.setattr("argus_lab.lake.carrying.belonging", never)
            assert seen(reader.sql(QUERY)) == sessions_of(LATE[:number])
    write(place, [sent(1, 9, 1, None)])
    monkeypatch.setattr("argus_lab.lake.carrying.belonging", never)
    with pytest.raises(AssertionError):
        reader.sql(QUERY)


def test_what_a_keeper_takes_in_is_known(tmp_path: Path):
    """From journals, by the intake itself; after a keeper that starts anew too."""
    for number in range(1, 4):
        journalled.write(tmp_path, [journalled.entry(*journalled.numbered(number, number + 10))])
        intake = journalled.taken_in(tmp_path)
        assert intake.version == number
        assert is_known(tmp_path)
        assert len(kept(tmp_path).files) == number
    check_truth(str(tmp_path), kept(tmp_path))


def test_a_commit_that_fails_leads_nobody_astray(tmp_path: Path):
    """What was foreseen of it names a file that is in no version; the next commit is foreseen as ever."""
    place = str(tmp_path)
    write(place, [])
    foresight = Foresight(place)
    commit(foresight, place, LATE[1::2])
    adds = files_of(place, LATE[::2])
    with pytest.raises(CommitFailedError), foresight.of(adds):
        raise CommitFailedError("somebody was faster")
    assert len(kept(place).files) == 2
    assert not is_known(place)
    assert seen(al.open(place).sql(QUERY)) == sessions_of(LATE[1::2])
    for add in adds:
        Path(place, "spans", add.path).unlink()  # as the vacuum will
    assert seen(al.open(place).sql(QUERY)) == sessions_of(LATE[1::2])
    commit(foresight, place, LATE[:1])
    assert is_known(place)
    assert seen(al.open(place).sql(QUERY)) == sessions_of([LATE[0], *LATE[1::2]])
    check_truth(place, kept(place))


KILLED = """
import os, signal, sys
from pathlib import Path
from argus_lab.lake import table as t
t.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from tests.lake_write import journalled
journalled.taken_in(Path(sys.argv[1]))
"""


def test_killed_between_what_is_foreseen_and_the_commit(tmp_path: Path):
    """``kill -9`` there: what is kept speaks of a file that never came; reads are right, nothing is lost."""
    journalled.write(tmp_path, [journalled.entry(*journalled.numbered(1, traceId=f"{7:032x}"))])
    journalled.taken_in(tmp_path)
    journalled.write(tmp_path, [journalled.entry(*journalled.numbered(2, traceId=f"{7:032x}"))])
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(kept(tmp_path).files) == 2
    assert len(al.open(tmp_path).sql(QUERY)) == 1
    journalled.taken_in(tmp_path)
    assert journalled.ids(tmp_path) == [1, 2]
    assert is_known(tmp_path)
    check_truth(str(tmp_path), kept(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"), [("SHARE", 1e-9), ("EFFORT", 0)], ids=["it took long", "it is too much"]
)
def test_what_is_not_foreseen_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
):
    """By who reads, rightly; and by the keeper's next look."""
    place = str(tmp_path)
    write(place, [])
    foresight = Foresight(place)
    commit(foresight, place, LATE[1::2])
    monkeypatch.setattr(f, name, value)
    commit(foresight, place, LATE[:1])
    commit(foresight, place, LATE[2:3])
    assert not is_known(place)
    assert seen(al.open(place).sql(QUERY)) == sessions_of(LATE)
    settling.settle(al.open(place)._spans.snapshot(), at_once=True)  # noqa: SLF001  the readers' own
    assert is_known(place)


def test_no_commit_waits_until_a_whole_lake_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the hashes of what files hold are lost, all files would have to be looked at for one new span."""
    monkeypatch.setattr(hashes, "FEW", 0)
    monkeypatch.setattr(f, "EFFORT", 9)
    place, rows = str(tmp_path), [sent(number, number, None, None) for number in range(1, 12)]
    write(place, [])
    for row in rows:
        commit(Foresight(place), place, [row])
    assert is_known(place)
    Path(place, "spans", hashes.NAME).unlink()
    for name in ("namings", "held"):
        monkeypatch.setattr(f"argus_lab.lake.{name}._memory", Memory(1000))
    commit(Foresight(place), place, [sent(1, 20, 1, None)])
    assert not is_known(place)
    assert seen(al.open(place).sql(QUERY)) == sessions_of([*rows, sent(1, 20, 1, None)])


def test_little_done_allows_for_more_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A share of the time on the whole: a swap that takes long is no reason to miss the next commits."""
    place, now = str(tmp_path), 1000.0
    write(place, [])
    foresight = Foresight(place)
    monkeypatch.setattr(f, "SHARE", 0.1)
    monkeypatch.setattr(f.time, "monotonic", lambda: now)
    seconds, foreseen = [0.5, 0.05, 0.8, *[0.05] * 8], []

    def takes_long(_: Foresight, *__: object) -> None:
        nonlocal now
        foreseen.append(now)
        now += seconds[len(foreseen) - 1]

    monkeypatch.setattr(Foresight, "_foresee", takes_long)
    for turn in range(12):
        now = 1001.0 + turn
        with foresight.of([]):
            pass
    assert foreseen == [1001.0 + turn for turn in range(12) if turn != 3]


def test_trouble_delays_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any):
    """It is said, the commit is made, and it is tried again some time later, not at each commit."""
    place, now = str(tmp_path), 1000.0
    write(place, [])
    foresight, put = Foresight(place), keeping.sealed.put

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f.time, "monotonic", lambda: now)
    monkeypatch.setattr("argus_lab.lake.sealed.put", full)
    commit(foresight, place, LATE[1::2])
    commit(foresight, place, LATE[:1])
    assert caplog.text.count("No space left on device") == 1
    assert al.open(place).count() == 3
    monkeypatch.setattr("argus_lab.lake.sealed.put", put)
    now += f.PAUSE + 1
    commit(foresight, place, LATE[2:3])
    assert is_known(place)
    assert seen(al.open(place).sql(QUERY)) == sessions_of(LATE)


def test_a_swap_waits_for_a_commit_that_is_being_made(tmp_path: Path):
    """Else what is kept of one would not know of the other."""
    place = str(tmp_path)
    write(place, [])
    foresight, order = Foresight(place), list[str]()

    def swap() -> None:
        with foresight.of([]):
            order.append("swap")

    adds = files_of(place, LATE)
    with foresight.of(adds):
        thread = threading.Thread(target=swap)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        t.commit(t.open_table(place, SPANS), adds, {})
        order.append("commit")
    thread.join(60)
    assert order == ["commit", "swap"]
    assert is_known(place)


def test_of_a_lake_in_an_object_store_nothing_is_kept():
    """It is not even looked at."""
    with Foresight("s3://nowhere/lake").of([]):
        pass


@pytest.mark.parametrize("name", ["[x] {y} *?", "it's 100%"])
def test_a_lake_that_stands_anywhere_is_foreseen(tmp_path: Path, name: str):
    """Glob characters, quotes and percent signs in its path, and its projects' names, are just characters."""
    lake = tmp_path / name
    for number in (1, 2):
        journalled.write(
            lake, [journalled.entry(*journalled.numbered(number, traceId=f"{7:032x}"), project="a/b {c}")]
        )
        journalled.taken_in(lake)
        assert is_known(lake)
    check_truth(str(lake), kept(lake))


def test_the_intake_of_one_keeper_and_its_upkeep_share_it(tmp_path: Path):
    """What either commits is known to the other: no swap unsays a commit's file."""
    intake = Intake.opened(journalled.made_for(tmp_path))
    turns: list[Callable[[], object]] = [
        intake.step,
        lambda: upkeep.compact(journalled.made_for(tmp_path), None, intake.foresight),
    ]
    for number in range(1, 9):
        journalled.write(tmp_path, [journalled.entry(*journalled.numbered(number))])
        for act in turns[: 1 + number % 2]:
            act()
        assert is_known(tmp_path)
    assert journalled.ids(tmp_path) == [*range(1, 9)]
