"""Versions: as_of, reading beside writers, replaced and vacuumed lakes, and which files are read."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.lake import upkeep
from argus_lab.lake.selection import select
from argus_lab.lake.snapshot import Reader
from argus_lab.schema import REFUSED, SPANS
from argus_lab.settings import read
from argus_lab.testing import NOON, make_span
from tests.lake_read.lakes import refusal, write, write_one_by_one


def test_a_missing_lake_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No lake: the error names the address and the command, for every way to name an address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARGUS_LAKE", raising=False)
    for argument in (None, "elsewhere", tmp_path / "elsewhere"):
        with pytest.raises(al.LakeNotFound, match="argus-lab serve --lake"):
            al.open(argument)


def test_the_lake_is_found_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """$ARGUS_LAKE, else datasets/lake under the working directory; an argument wins."""
    for name in ("datasets/lake", "one", "two"):
        write(str(tmp_path / name), [make_span(n) for n in range(len(name))])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARGUS_LAKE", raising=False)
    assert al.open().count() == len("datasets/lake")
    monkeypatch.setenv("ARGUS_LAKE", "one")
    assert al.open().address == str(tmp_path / "one")
    assert al.open(tmp_path / "two").address == str(tmp_path / "two")


def test_each_call_reads_the_newest_version(tmp_path: Path):
    """An open lake sees what is committed after it was opened, and says which version it read."""
    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    lake = al.open(place)
    seen = [(lake.count(), lake.spans().attrs["argus"]["version"])]
    for n in range(1, 4):
        version = write(place, [make_span(n)])
        seen.append((lake.count(), version))
        assert lake.version == version
        assert lake.spans().attrs["argus"]["version"] == version
    assert [rows for rows, _ in seen] == [1, 2, 3, 4]


def test_as_of_reads_the_lake_as_it_was(tmp_path: Path):
    """By version, datetime, ISO text and duration, in every call, however much comes later."""
    place = str(tmp_path / "lake")
    versions, moments = [], []
    for n in range(3):
        versions.append(write(place, [make_span(n)]))
        write(place, [refusal(n)], table=REFUSED)
        time.sleep(0.02)
        moments.append(datetime.now(UTC))
        time.sleep(0.02)
    for n, (version, moment) in enumerate(zip(versions, moments, strict=True)):
        for as_of in (version, moment, moment.isoformat(), None):
            lake = al.open(place, as_of=datetime.now(UTC) - moment if as_of is None else as_of)
            assert lake.version == version
            assert lake.count() == len(lake.spans()) == n + 1
            assert lake.sql("SELECT count(*) AS n FROM spans")["n"].tolist() == [n + 1]
            assert lake.projects()["spans"].tolist() == [n + 1]
            assert lake.scan().aggregate("count(*)").fetchall() == [(n + 1,)]
        assert len(al.open(place, as_of=moment).refused()) == n + 1
        told = lake.spans().attrs["argus"]["as_of"]
        assert al.open(place, as_of=told).version == version
    pinned = al.open(place, as_of=versions[0])
    write(place, [make_span(9)])
    assert pinned.count() == 1


def test_a_pinned_version_has_the_refusals_of_its_time(tmp_path: Path):
    """Versions of the two tables differ; a pinned span version meets the refusals by its time."""
    place = str(tmp_path / "lake")
    first = write(place, [make_span(0)])
    time.sleep(0.02)
    write(place, [refusal(0)], table=REFUSED)
    time.sleep(0.02)
    second = write(place, [make_span(1)])
    assert len(al.open(place, as_of=first).refused()) == 0
    assert len(al.open(place, as_of=second).refused()) == 1


def test_as_of_before_the_lake_is_not_its_first_version(tmp_path: Path):
    """A time before the first commit is an error that says since when there is something."""
    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    with pytest.raises(al.NotFound, match="did not exist as of 2020-01-01"):
        al.open(place, as_of="2020-01-01T00:00Z")


@pytest.mark.parametrize(
    ("as_of", "error"),
    [
        (99, al.NotFound),
        (-1, al.NotFound),
        ("2026-03-01", al.NaiveTime),
        ("never", al.InvalidArgument),
        (datetime.now(UTC) + timedelta(days=1), al.InvalidArgument),
    ],
)
def test_an_impossible_as_of_is_refused(tiny_lake: str, as_of: object, error: type[Exception]):
    """Unknown versions, naive and future times are told apart."""
    with pytest.raises(error):
        al.open(tiny_lake, as_of=as_of)


def test_reads_hold_while_files_are_added_and_merged(tmp_path: Path):
    """A reader loops while another thread appends and compacts: counts only grow, ids never repeat."""
    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    config = read({}, lake=place)
    stop, failed = threading.Event(), []

    def change() -> None:
        try:
            for n in range(1, 60):
                write(place, [make_span(n, project=f"p{n % 2}")])
                if n % 12 == 0:
                    upkeep.compact(config)
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            failed.append(error)
        finally:
            stop.set()

    writer = threading.Thread(target=change)
    lake, before = al.open(place), 0
    writer.start()
    for look in itertools.count():
        done = stop.is_set()
        frame = (
            lake.spans(columns=["span_id"]) if look % 2 else lake.spans(columns=["span_id"], order="oldest")
        )
        assert frame["span_id"].is_unique
        assert len(frame) >= before
        before = len(frame)
        if done:
            break
    writer.join()
    assert not failed
    assert before == lake.count() == 60


def test_a_pinned_version_survives_compaction(tmp_path: Path):
    """Merged files stay on disk, so a reader of the older version still has its rows."""
    place = str(tmp_path / "lake")
    write_one_by_one(place, [make_span(n) for n in range(5)])
    pinned = al.open(place, as_of=al.open(place).version)
    upkeep.compact(read({}, lake=place))
    write(place, [make_span(5)])
    assert len(pinned.spans()) == 5
    assert al.open(place).count() == 6


def test_vacuumed_files_are_an_error_that_says_so(tmp_path: Path):
    """A pinned version whose files are gone is neither empty nor a foreign error, in either engine."""
    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    pinned = al.open(place, as_of=al.open(place).version)
    for file in Path(place).rglob("*.parquet"):
        file.unlink()
    for look in (
        pinned.spans,
        lambda: pinned.spans(order="oldest"),
        lambda: pinned.sql("SELECT * FROM spans"),
    ):
        with pytest.raises(al.NotFound, match="kept for the setting vacuum_after"):
            look()


def test_a_lake_made_anew_is_read_anew(tmp_path: Path):
    """The directory was deleted and filled again: an open lake reads the new one."""
    place = tmp_path / "lake"
    write_one_by_one(str(place), [make_span(n) for n in range(4)])
    lake = al.open(place)
    assert lake.count() == 4
    shutil.rmtree(place)
    write(str(place), [make_span(7)])
    assert lake.spans()["span_id"].tolist() == [make_span(7)["span_id"]]
    assert lake.count() == 1


def test_an_unreadable_file_is_not_taken_for_no_rows(tmp_path: Path):
    """A damaged Parquet file is LakeUnavailable with its name."""
    place = str(tmp_path / "lake")
    write(place, [make_span(0)])
    damaged = next(Path(place).rglob("*.parquet"))
    damaged.write_bytes(b"not parquet, but long enough to be looked at")
    lake = al.open(place)
    for look in (lake.spans, lambda: lake.spans(order="oldest")):
        with pytest.raises(al.LakeUnavailable, match="cannot be read"):
            look()


def test_filters_leave_files_out(tmp_path: Path):
    """Project, date, session and trace choose files from the log, without opening the others."""
    place = str(tmp_path / "lake")
    day = timedelta(days=1)
    rows = [
        make_span(n, project=f"p{n % 3}", session_id=f"s{n}", trace_id=f"{n:032x}", start_time=NOON + n * day)
        for n in range(12)
    ]
    write_one_by_one(place, rows)
    snapshot = Reader(place, SPANS).snapshot()

    def picked(**selection: object) -> int:
        return len(snapshot.pick(select(SPANS, selection)).files)

    assert picked() == 12
    assert picked(project="p1") == 4
    assert picked(session="s3") == 1
    assert picked(trace=[f"{n:032x}" for n in (1, 2)]) == 2
    assert picked(since=NOON + 5 * day) == 7
    assert picked(until=NOON + 5 * day) == 5
    assert picked(since=NOON + 5 * day, until=NOON + 5 * day + timedelta(microseconds=1)) == 1
    assert picked(project="no such") == 0


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), min_size=1, max_size=6
    ),
    micros=st.integers(0, 10**6),
)
def test_statistics_never_hide_a_row(tmp_path_factory: pytest.TempPathFactory, texts: list[str], micros: int):
    """Whatever text a session id is, and to the microsecond, the file that holds a row is picked."""
    place = str(tmp_path_factory.mktemp("stats") / "lake")
    start = NOON + timedelta(microseconds=micros)
    write(place, [make_span(n, session_id=text, start_time=start) for n, text in enumerate(texts)])
    lake = al.open(place)
    for text in texts:
        assert lake.count(session=text) == texts.count(text)
        assert lake.count(session=text, since=start) == texts.count(text)
    assert lake.count(since=start, until=start + timedelta(microseconds=1)) == len(texts)
    assert lake.count(until=start) == 0


def test_long_session_ids_are_found(tmp_path: Path):
    """Session ids beyond what Parquet keeps statistics of are found too, beside short ones."""
    place = str(tmp_path / "lake")
    write(
        place,
        [make_span(0, session_id="z" * 10_000), make_span(1, session_id="a"), make_span(2, session_id="m")],
    )
    assert al.open(place).count(session="z" * 10_000) == 1
    assert al.open(place).count(session="a") == 1


def test_a_lake_says_what_it_is(tiny_lake: str):
    """The repr shows address, version, spans and projects, without touching the disk again."""
    lake = al.open(tiny_lake)
    assert repr(lake) == f"<Lake {tiny_lake}: version 1, 8 spans, 2 projects>"
    assert "as of 1" in repr(al.open(tiny_lake, as_of=1))


def test_several_threads_may_share_a_lake(mixed_lake: al.Lake):
    """Reads from many threads at once give each its own answer."""
    wrong = []

    def look(n: int) -> None:
        for _ in range(3):
            project = ["customer-bot", "shop-bot"][n % 2]
            found = mixed_lake.spans(project=project, order=["stored", "oldest"][n // 2 % 2])
            if set(found["project"]) != {project}:
                wrong.append(project)

    threads = [threading.Thread(target=look, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
