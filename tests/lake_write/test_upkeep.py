"""Upkeep: fewer files, the same rows, each once; nothing that a reader holds is taken away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

import argus_lab as al
from argus_lab.lake import held, keeping, namings, settling, upkeep
from argus_lab.lake import table as t
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.intake import Intake
from argus_lab.lake.journal import JournalWriter
from argus_lab.lake.keeping import remembered
from argus_lab.lake.locks import FileLock
from argus_lab.lake.memory import Memory
from argus_lab.lake.outdated import Outdated
from argus_lab.lake.partitions import Partitions, logged_files
from argus_lab.lake.rows import SORTED_BY
from argus_lab.schema import REFUSED, SPANS
from tests.lake_write import journalled as lakes


def _many(lake: Path, batches: list[list[int]], **fields: Any) -> None:
    """A file for each batch; repeats are not noticed, as if the window of recent ids were over."""
    writer = JournalWriter(t.journal_root(str(lake)))
    intake = Intake.opened(lakes.made_for(lake))
    for number, batch in enumerate(batches):
        intake.recent = Intake.opened(lakes.made_for(lake, dedup_window=1e-9)).recent
        received = lakes.NOW + number * 1000
        writer.append([lakes.entry(*lakes.numbered(*batch, **fields), received_at=received)])
        intake.step()
    writer.close()
    intake.step()


def _upkeep(lake: Path, **given: Any) -> upkeep.Upkeep:
    """Upkeep as a keeper's, that takes in nothing."""
    return upkeep.Upkeep(lakes.made_for(lake, **given), Foresight(str(lake)))


def _compact(lake: Path, **given: Any) -> upkeep.Summary:
    return upkeep.compact(lakes.made_for(lake, **given))


def _files(lake: Path, table: str = "spans") -> list[str]:
    return DeltaTable(str(lake / table)).file_uris()


@pytest.mark.parametrize("damage", [b"", b"PAR1 of another kind PAR1"])
def test_a_file_that_cannot_be_read_ends_no_keeper(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, damage: bytes
):
    """A round that fails, whoever looks into the file, is told, and the next one is tried."""
    _many(tmp_path, [[n] for n in range(3)])
    Path(_files(tmp_path)[1]).write_bytes(damage)
    # Else nobody has to look into it.
    (tmp_path / "spans" / keeping.NAME).unlink()
    monkeypatch.setattr(namings, "_memory", Memory(1000))
    monkeypatch.setattr(held, "_memory", Memory(1000))
    keeper = _upkeep(tmp_path)
    for _ in range(2):
        caplog.clear()
        keeper.tend(float("inf"))
        keeper.close()
        assert "upkeep failed and will be tried again" in caplog.text
        keeper = _upkeep(tmp_path)


def test_what_came_since_is_kept_between_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No round is due for an hour: files stay as they are, and what is known of them is kept all the same."""
    monkeypatch.setattr(settling, "SHARE", 1e9)  # however long the last one took
    keeper, began = _upkeep(tmp_path, compact_every=3600.0), time.monotonic()
    for turn in range(1, 4):
        _many(tmp_path, [[turn]])
        keeper.tend(began + turn * (settling.EVERY + 1), is_behind=True)
        assert keeper._running is None  # noqa: SLF001  who takes in as fast as it can does nothing else
        keeper.tend(began + turn * (settling.EVERY + 1))
        keeper._pool.submit(lambda: None).result(60)  # noqa: SLF001  after it
        keeper.tend(0.0)
        known = remembered(f"{tmp_path}/spans")
        assert known is not None
        assert {f"{tmp_path}/spans/{name}" for name in known.files} == {*_files(tmp_path)}
        assert len(known.files) == turn
    keeper.close()


def test_merging_keeps_every_row_and_sorts(tmp_path: Path):
    """Many small files become one: the same rows, in the lake's order, in the documented layout."""
    _many(tmp_path, [[n, 100 - n] for n in range(12)], name="n")
    before = lakes.rows(tmp_path)
    assert len(_files(tmp_path)) == 12
    summary = _compact(tmp_path)
    assert (summary.merged, summary.written, summary.duplicates) == (12, 1, 0)
    (file,) = _files(tmp_path)
    after = lakes.rows(tmp_path)
    order = [(name, "ascending") for name in SORTED_BY]
    assert after.sort_by(order).equals(before.sort_by(order))
    stored = pq.ParquetFile(file)
    keys = stored.read(list(SORTED_BY)).to_pylist()
    assert keys == sorted(keys, key=lambda row: [row[name] for name in SORTED_BY])
    assert set(stored.schema_arrow.names) == set(SPANS.names) - set(SPANS.partition_by)
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"
    assert _compact(tmp_path) == upkeep.Summary(vacuumed=0)


def test_duplicates_go_and_the_first_received_stays(tmp_path: Path):
    """The same span in several files is one row afterwards: the delivery that came first."""
    _many(tmp_path, [[1, 2], [2, 3], [3, 1], [4]])
    assert lakes.ids(tmp_path) == [1, 1, 2, 2, 3, 3, 4]
    assert _compact(tmp_path).duplicates == 3
    assert lakes.ids(tmp_path) == [1, 2, 3, 4]
    received = dict(
        zip(*(lakes.rows(tmp_path)[c].to_pylist() for c in ("span_id", "received_at")), strict=True)
    )
    first = min(received.values())
    late = {
        int(span_id, 16): (moment - first) // timedelta(microseconds=1)
        for span_id, moment in received.items()
    }
    assert late == {1: 0, 2: 0, 3: 1, 4: 3}


def test_duplicates_of_large_files_go_too(tmp_path: Path):
    """Small files are held against the large one that is not rewritten."""
    _many(tmp_path, [list(range(1, 400)), [1, 2], [3, 400], [400, 401]])
    large = max(_files(tmp_path), key=lambda file: Path(file).stat().st_size)
    small = max(Path(file).stat().st_size for file in _files(tmp_path) if file != large)
    summary = _compact(tmp_path, target_file_size=max(2 * small + 2, 3 * small))
    assert large in _files(tmp_path)
    assert summary.merged == 3
    assert summary.duplicates == 4
    assert lakes.ids(tmp_path) == list(range(1, 402))


def test_only_many_small_files_are_worth_a_round_beside_the_intake(tmp_path: Path):
    """Between looks at a live lake, few small files are left alone; on demand any two are merged."""
    _many(tmp_path, [[n] for n in range(1, upkeep.MERGE_FILES)])
    settings = lakes.made_for(tmp_path)
    assert upkeep.compact(settings, Outdated(30)) == upkeep.Summary()
    assert upkeep.compact(settings).merged == upkeep.MERGE_FILES - 1


def test_refusals_are_merged_and_none_dropped(tmp_path: Path):
    """The refused table is kept small the same way."""
    for n in range(3):
        lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1), project=None, received_at=lakes.NOW + n)])
        lakes.taken_in(tmp_path)
    assert len(_files(tmp_path, "refused")) == 3
    _compact(tmp_path)
    assert len(_files(tmp_path, "refused")) == 1
    assert lakes.rows(tmp_path, "refused").num_rows == 3
    assert set(lakes.rows(tmp_path, "refused").schema.names) == set(REFUSED.names)


def test_one_of_two_swaps_of_the_same_files_fails_cleanly(tmp_path: Path):
    """Two processes merge the same files: the second commit fails, the table holds each row once."""
    _many(tmp_path, [[1], [2], [3]])
    first, second = (t.open_table(str(tmp_path), SPANS) for _ in range(2))
    adds = []
    for found in (first, second):
        (part,) = Partitions(found).all()  # a merge, held before its commit
        paths = [pq.read_table(file, partitioning=None) for file in found.file_uris()]
        rows = pa.concat_tables(paths)
        adds.append((part.files, t.write_file(str(tmp_path), SPANS, part.values, rows.to_reader())))
    t.swap(first, adds[0][0], [adds[0][1]])
    with pytest.raises(CommitFailedError):
        t.swap(second, adds[1][0], [adds[1][1]])
    assert lakes.ids(tmp_path) == [1, 2, 3]
    assert len(_files(tmp_path)) == 1
    fresh = t.open_table(str(tmp_path), SPANS)
    t.swap(fresh, Partitions(fresh).all()[0].files, [adds[1][1]])  # the loser tries again
    assert lakes.ids(tmp_path) == [1, 2, 3]


def test_an_overtaken_merge_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Somebody else swaps between the look and the commit: compact says nothing was merged."""
    _many(tmp_path, [[1], [2], [3]])
    real = t.swap

    def overtaken(found: DeltaTable, removed: Any, added: Any) -> None:
        if found.table_uri.rstrip("/").endswith("spans"):
            other = t.open_table(str(tmp_path), SPANS)
            real(other, logged_files(other)[:1], [])  # retention, say
        real(found, removed, added)

    monkeypatch.setattr(t, "swap", overtaken)
    assert _compact(tmp_path).merged == 0
    assert len(lakes.ids(tmp_path)) == 2


def test_merging_beside_the_intake(tmp_path: Path):
    """Rows keep coming while files are merged, again and again: in the end each span is there once."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def merge() -> None:
        try:
            while not stop.is_set():
                _compact(tmp_path)
        except BaseException as error:  # noqa: BLE001  told below
            errors.append(error)

    writer = JournalWriter(t.journal_root(str(tmp_path)))
    intake = Intake.opened(lakes.made_for(tmp_path))
    thread = threading.Thread(target=merge)
    thread.start()
    try:
        for n in range(1, 41):
            writer.append([lakes.entry(*lakes.numbered(n))])
            intake.step()
    finally:
        stop.set()
        thread.join()
    writer.close()
    assert errors == []
    assert lakes.ids(tmp_path) == list(range(1, 41))
    _compact(tmp_path)
    assert lakes.ids(tmp_path) == list(range(1, 41))


def test_two_compactions_do_not_meet(tmp_path: Path):
    """A second process that compacts finds the lock and leaves it to the first."""
    _many(tmp_path, [[1], [2]])
    lock = FileLock.try_take(t.journal_root(str(tmp_path)) / "upkeep.lock")
    assert lock is not None
    assert _compact(tmp_path) == upkeep.Summary()
    lock.release()
    assert _compact(tmp_path).merged == 2


# --- retention and vacuum -----------------------------------------------------------------------------


def _days_ago(days: int) -> dict[str, str]:
    moment = datetime.now(UTC) - timedelta(days=days)
    nanos = str(int(moment.timestamp()) * 10**9)
    return {"startTimeUnixNano": nanos, "endTimeUnixNano": nanos}


def test_retention_drops_old_dates_and_no_others(tmp_path: Path):
    """Days of spans to keep are counted by the span's date; without the setting all stay."""
    for number, days in ((1, 0), (2, 29), (3, 31), (4, 400)):
        _many(tmp_path, [[number]], **_days_ago(days))
    assert _compact(tmp_path).expired == 0
    assert _compact(tmp_path, keep=30).expired == 2
    assert lakes.ids(tmp_path) == [1, 2]
    assert _compact(tmp_path, keep=30).expired == 0


@pytest.fixture
def hourly(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock by which files are marked as removed, and forget when the last vacuum was."""
    monkeypatch.setattr(upkeep, "_vacuumed", {})
    real = time.time

    def turn(hours: float) -> None:
        upkeep._vacuumed.clear()  # noqa: SLF001  a new process
        monkeypatch.setattr(t.time, "time", lambda: real() + hours * 3600)

    return turn


def test_vacuum_spares_what_a_pinned_snapshot_needs(tmp_path: Path, hourly: Callable[[float], None]):
    """Within vacuum_after a reader of an older version reads on; after it, the replaced files go."""
    _many(tmp_path, [[1], [2], [3]])
    pinned = DeltaTable(str(tmp_path / "spans"))
    old = pinned.file_uris()
    assert _compact(tmp_path, vacuum_after=7200.0).vacuumed == 0
    hourly(0)
    assert _compact(tmp_path, vacuum_after=7200.0).vacuumed == 0
    assert pinned.to_pyarrow_table().num_rows == 3
    assert al.open(tmp_path, as_of=pinned.version()).count() == 3
    assert all(Path(file).exists() for file in old)


def test_vacuum_deletes_what_nobody_needs(tmp_path: Path, hourly: Callable[[float], None]):
    """Files replaced longer ago than vacuum_after are deleted; those in use never."""
    _many(tmp_path, [[1], [2], [3]])
    old = _files(tmp_path)
    hourly(-3)  # the merge below happened three hours ago
    assert _compact(tmp_path, vacuum_after=7200.0).merged == 3
    hourly(0)
    assert _compact(tmp_path, vacuum_after=7200.0).vacuumed == 3
    assert not any(Path(file).exists() for file in old)
    assert lakes.ids(tmp_path) == [1, 2, 3]


def test_files_of_a_crashed_writer_are_deleted_in_the_end(tmp_path: Path, hourly: Callable[[float], None]):
    """A Parquet file never committed is no row, and does not stay on the disk for ever."""
    _many(tmp_path, [[1]])
    table = lakes.rows(tmp_path).drop_columns(list(SPANS.partition_by))
    place = {"org": "default", "project": "bot", "date": "2026-09-21"}
    orphan = t.write_file(str(tmp_path), SPANS, place, table.to_reader())
    path = tmp_path / "spans" / orphan.path
    assert lakes.ids(tmp_path) == [1]
    hourly(0)
    _compact(tmp_path, vacuum_after=7200.0)
    assert path.exists()
    long_ago = time.time() - 4 * 3600
    os.utime(path, (long_ago, long_ago))
    hourly(0)
    _compact(tmp_path, vacuum_after=7200.0)
    assert not path.exists()
    assert lakes.ids(tmp_path) == [1]


# --- hostile names ------------------------------------------------------------------------------------

HOSTILE = [
    "../../x", "/etc/passwd", "..", ".", "a=b", "a%2Fb", "%", "*?[x]{y}", "'; drop table x; --", '"quoted"\\',
    "null", "__HIVE_DEFAULT_PARTITION__", "1", "2026-01-01", "a b+c", "#frag?query", "x" * 200, "a:b|c<d>",
    "ü☂👩",
]  # fmt: skip


def test_hostile_project_names_are_readable_by_every_engine(tmp_path: Path):
    """Each name comes back as it was sent, from Delta, DuckDB and the frame, before and after a merge."""
    lake = tmp_path / "lake"
    for start in (0, 1000):
        lakes.write(
            lake,
            [lakes.entry(*lakes.numbered(start + n), project=name) for n, name in enumerate(HOSTILE, 1)],
        )
        lakes.taken_in(lake)
    want = sorted((name, n + start) for start in (0, 1000) for n, name in enumerate(HOSTILE, 1))
    for _ in range(2):
        found = lakes.rows(lake)
        assert (
            sorted(zip(found["project"].to_pylist(), map(_number, found["span_id"].to_pylist()), strict=True))
            == want
        )
        opened = al.open(lake)
        frame = opened.spans(columns=["project", "span_id"])
        assert sorted(zip(frame["project"], map(_number, frame["span_id"]), strict=True)) == want
        for number, name in enumerate(HOSTILE, 1):
            picked = opened.spans(project=name, columns=["span_id"])["span_id"]
            assert sorted(map(_number, picked)) == [number, number + 1000], name
        assert _compact(lake).merged in {2 * len(HOSTILE), 0}
    assert {path.name for path in lake.iterdir()} == {"_journal", "spans", "refused"}
    assert {path.name for path in tmp_path.iterdir()} == {"lake"}


def _number(span_id: str) -> int:
    return int(span_id, 16)


def test_files_can_be_read_without_the_log(tmp_path: Path):
    """Hive-partitioned Parquet: DuckDB and pyarrow read the directory alone, projects decoded."""
    names = ["../../x", "a b", "ü", "plain"]
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n), project=name) for n, name in enumerate(names, 1)])
    lakes.taken_in(tmp_path)
    partitioning = ds.partitioning(pa.schema([("project", pa.string())]), flavor="hive")
    found = ds.dataset(tmp_path / "spans", partitioning=partitioning, exclude_invalid_files=True).to_table()
    assert sorted(found["project"].to_pylist()) == sorted(names)
    relation = duckdb.read_parquet(f"{tmp_path}/spans/*/*/*/*.parquet", hive_partitioning=True)
    assert sorted(row[0] for row in relation.project("project").fetchall()) == sorted(names)


@pytest.mark.parametrize("name", ["a b", "100%", "[x] {y} *?", "it's", "ü☂", "a#b", "a=b"])
def test_a_lake_may_stand_anywhere(tmp_path: Path, name: str):
    """Blanks, quotes, percent signs and globs in the lake's own path are just characters."""
    lake = tmp_path / name / "lake"
    for n in (1, 2):
        lakes.write(lake, [lakes.entry(*lakes.numbered(n))])
        lakes.taken_in(lake)
    assert _compact(lake).merged == 2
    assert lakes.ids(lake) == [1, 2]
    assert al.open(lake).count() == 2
    assert sorted(map(_number, al.open(lake).spans(columns=["span_id"])["span_id"])) == [1, 2]
