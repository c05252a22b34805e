"""The keeper: one a lake, and what it says when the lake cannot be written."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from argus_lab.errors import LakeUnavailable, LakeVersionError
from argus_lab.lake import journal, keeper, progress, upkeep
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.journal import JournalWriter
from argus_lab.lake.table import journal_root, open_table
from argus_lab.schema import REFUSED, SPANS
from tests.lake_write import journalled as lakes


@contextlib.contextmanager
def _kept(lake: Path, **given: Any) -> Iterator[None]:
    """A keeper of the lake, running beside the test; its own error is the test's."""
    stop, errors = threading.Event(), []

    def run() -> None:
        try:
            keeper.run(lakes.made_for(lake, commit_every=0.05, **given), should_stop=stop.is_set)
        except BaseException as error:  # noqa: BLE001  told below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert errors == []


def _until(truth: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_intake_and_upkeep_commit_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A keeper's own commits and those of its upkeep know of each other: both are foreseen by one."""
    made, of = list[tuple[object, bool]](), Foresight.of

    def noted(foresight: Foresight, *given: Any) -> Any:
        made.append((foresight, threading.current_thread().name.startswith("argus-upkeep")))
        return of(foresight, *given)

    monkeypatch.setattr(Foresight, "of", noted)
    monkeypatch.setattr(upkeep, "MERGE_FILES", 2)
    with _kept(tmp_path, compact_every=0.01):
        for number in range(1, 40):
            lakes.write(tmp_path, [lakes.entry(*lakes.numbered(number))])
            if {is_upkeep for _, is_upkeep in made} == {True, False}:
                break
            time.sleep(0.2)
    assert {is_upkeep for _, is_upkeep in made} == {True, False}
    assert len({id(foresight) for foresight, _ in made}) == 1


def test_drain_brings_everything_into_the_lake(tmp_path: Path):
    """Without a keeper, drain is one: all journals are rows on return, and it says so."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n)) for n in range(1, 6)])
    root = journal_root(str(tmp_path))
    ends = journal.durable_ends(root)
    assert progress.backlog(root) > 0
    keeper.drain(lakes.made_for(tmp_path))
    assert lakes.ids(tmp_path) == [1, 2, 3, 4, 5]
    assert progress.is_drained(root, ends)
    assert progress.backlog(root) == 0
    assert progress.status(root).state == "ok"


def test_drain_of_nothing_makes_the_lake(tmp_path: Path):
    """An empty lake is a lake."""
    keeper.drain(lakes.made_for(tmp_path / "new" / "lake"))
    assert lakes.ids(tmp_path / "new" / "lake") == []


def test_two_drains_at_once_take_in_everything_once(tmp_path: Path):
    """Several processes import into one lake: one at a time takes in, none returns before it is done."""
    for n in range(1, 9):
        lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n, n + 1))])
    seen, errors = [], []

    def drain() -> None:
        try:
            keeper.drain(lakes.made_for(tmp_path))
            seen.append(lakes.ids(tmp_path))
        except BaseException as error:  # noqa: BLE001  told below
            errors.append(error)

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert seen == [list(range(1, 10))] * 4


def test_drain_beside_a_keeper_waits_for_it(tmp_path: Path):
    """A living keeper does the work; drain returns once everything before the call is readable."""
    with _kept(tmp_path):
        _until(lambda: progress.status(journal_root(str(tmp_path))).state == "ok")
        for n in range(1, 4):
            lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n))])
            keeper.drain(lakes.made_for(tmp_path))
            assert lakes.ids(tmp_path) == list(range(1, n + 1))


def test_a_keeper_takes_in_what_is_there_before_it_stops(tmp_path: Path):
    """Told to stop, it drains; a second keeper of the lake stands by meanwhile and ends quietly."""
    writer = JournalWriter(journal_root(str(tmp_path)))
    with _kept(tmp_path), _kept(tmp_path):
        for n in range(1, 30):
            writer.append([lakes.entry(*lakes.numbered(n))])
    writer.close()
    assert lakes.ids(tmp_path) == list(range(1, 30))


@pytest.mark.parametrize("table", [SPANS, REFUSED])
def test_a_lake_of_another_version_is_left_alone(tmp_path: Path, table: Any):
    """Another schema version: a clear error from drain, a failing keeper, and no journal touched."""
    DeltaTable.create(
        str(tmp_path / table.name),
        schema=table.arrow(),
        partition_by=list(table.partition_by),
        configuration={"argus.schema": "999"},
        raise_if_key_not_exists=False,
    )
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1))])
    root = journal_root(str(tmp_path))
    with pytest.raises(LakeVersionError, match="999"):
        open_table(str(tmp_path), table)
    with pytest.raises(LakeVersionError, match="999"):
        keeper.drain(lakes.made_for(tmp_path))
    with _kept(tmp_path):
        _until(lambda: progress.status(root).state == "failing")
        assert "999" in (progress.status(root).reason or "")
        with pytest.raises(LakeUnavailable, match="999"):
            keeper.drain(lakes.made_for(tmp_path))
    assert len(journal.journals(root)) == 1


def test_a_keeper_recovers_once_the_lake_can_be_written(tmp_path: Path):
    """A file where a table should be: failing, with the reason; gone, and everything is taken in."""
    (tmp_path / "spans").write_text("no table")
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1))])
    root = journal_root(str(tmp_path))
    with _kept(tmp_path):
        _until(lambda: progress.status(root).state == "failing")
        assert "spans" in (progress.status(root).reason or "")
        (tmp_path / "spans").unlink()
        _until(lambda: progress.status(root).state == "ok" and progress.backlog(root) == 0)
    assert lakes.ids(tmp_path) == [1]


def test_a_keeper_waits_for_rules_that_can_be_followed(tmp_path: Path):
    """A wrong rule is said where the receiver's readiness is; once it is right, everything is taken in."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\ncolumn = 'user'\nattributes = ['my.user']", encoding="utf-8")
    lake = tmp_path / "lake"
    lakes.write(lake, [lakes.entry(*lakes.numbered(1))])
    root = journal_root(str(lake))
    with _kept(lake, rules=str(rules)):
        _until(lambda: progress.status(root).state == "failing")
        assert "user_id" in (progress.status(root).reason or "")
        rules.write_text("", encoding="utf-8")
        _until(lambda: progress.status(root).state == "ok" and progress.backlog(root) == 0)
    assert lakes.ids(lake) == [1]


def test_a_place_that_is_no_directory_says_so(tmp_path: Path):
    """A file where the lake should be: drain says what to do."""
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(LakeUnavailable, match="--lake or ARGUS_LAKE"):
        keeper.drain(lakes.made_for(tmp_path / "lake"))


FULL_DISK = """
import resource, sys
from argus_lab import settings
from argus_lab.errors import LakeUnavailable
from argus_lab.lake import keeper
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    keeper.drain(settings.read({}, lake=sys.argv[1]))
except LakeUnavailable as error:
    print("unavailable:", error)
"""


@pytest.mark.parametrize("most", [0, 1_000, 12_000])
def test_a_full_disk_loses_nothing_and_repeats_nothing(tmp_path: Path, most: int):
    """Writes fail in the Parquet file, in the log or before: LakeUnavailable; later all is there, once."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1))])
    keeper.drain(lakes.made_for(tmp_path))
    numbers = range(2, 200)
    lakes.write(
        tmp_path, [lakes.entry(*lakes.numbered(*numbers)), lakes.entry(*lakes.numbered(1), project=None)]
    )
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(most)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("unavailable:")
    assert lakes.ids(tmp_path) == [1]
    keeper.drain(lakes.made_for(tmp_path))
    assert lakes.ids(tmp_path) == [1, *numbers]
    assert len(lakes.rows(tmp_path, "refused")) == 1
