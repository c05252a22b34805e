"""The journal: what was acknowledged is read back whole, and nothing else is."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.errors import LakeUnavailable
from argus_lab.lake import journal
from argus_lab.lake.journal import Entry, JournalWriter, pack

EVERYTHING = 2**40


def _entries(count: int) -> list[Entry]:
    return [Entry(n, "json", "bot" if n % 2 else None, b"x" * (n * 7)) for n in range(count)]


def _written(root: Path, entries: list[Entry]) -> Path:
    writer = JournalWriter(root)
    for entry in entries:
        writer.append([pack(entry)])
    writer.close()
    (found,) = journal.journals(root)
    return found


def _read(path: Path, after: int = 0) -> list[Entry]:
    return [record.entry for record in journal.records(path, after=after, limit=EVERYTHING)]


def _file(path: Path) -> Path:
    ((_, found),) = journal.segments(path)
    return found


def test_what_was_appended_is_read_back_from_every_record_on(tmp_path: Path):
    """Entries come back equal and in order, whole or behind any record's end; offsets are exact."""
    entries = _entries(5)
    path = _written(tmp_path, entries)
    found = list(journal.records(path, after=0, limit=EVERYTHING))
    assert [record.entry for record in found] == entries
    assert found[-1].end == _file(path).stat().st_size == journal.durable_ends(tmp_path)[path.name]
    for n, record in enumerate(found):
        assert _read(path, after=record.end) == entries[n + 1 :]


def test_a_tail_torn_at_any_byte_loses_the_torn_record_only(tmp_path: Path):
    """Cut anywhere inside the last record: all whole records are read, none is invented."""
    entries = _entries(4)
    path = _written(tmp_path, entries)
    file = _file(path)
    whole = file.read_bytes()
    for end in range(len(whole) - len(pack(entries[-1])), len(whole)):
        file.write_bytes(whole[:end])
        assert _read(path) == entries[:3], end
    file.write_bytes(whole)
    assert _read(path) == entries


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path):
    """A changed byte in length, checksum or payload ends the reading there: no record is invented."""
    entries = _entries(3)
    path = _written(tmp_path, entries)
    file = _file(path)
    whole = file.read_bytes()
    for at in range(len(whole) - len(pack(entries[-1])), len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        assert _read(path) == entries[:2], at


@given(st.binary(max_size=200))
def test_noise_is_no_record(tmp_path_factory: pytest.TempPathFactory, noise: bytes):
    """Any bytes behind whole records: the records are read, the noise is not."""
    entries = _entries(2)
    path = _written(tmp_path_factory.mktemp("noise"), entries)
    with _file(path).open("ab") as file:
        file.write(noise)
    assert _read(path) == entries


def test_segments_roll_and_are_dropped_behind_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Beyond the size a new file begins; offsets go on; files wholly committed are deleted."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 60)
    entries = _entries(12)
    path = _written(tmp_path, entries)
    starts = [start for start, _ in journal.segments(path)]
    assert len(starts) > 3
    assert _read(path) == entries
    ends = [record.end for record in journal.records(path, after=0, limit=EVERYTHING)]
    for n, end in enumerate(ends):
        assert _read(path, after=end) == entries[n + 1 :]
    journal.drop_before(path, ends[6])
    kept = [start for start, _ in journal.segments(path)]
    following = [*starts[1:], EVERYTHING]
    assert kept == [start for start, end in zip(starts, following, strict=True) if end > ends[6]]
    assert _read(path, after=ends[6]) == entries[7:]


def test_a_lost_end_of_a_middle_segment_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Records behind a gap are not read as if nothing were missing."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 60)
    path = _written(tmp_path, _entries(12))
    _, middle = journal.segments(path)[1]
    middle.write_bytes(middle.read_bytes()[:-1])
    first = journal.segments(path)[1][0]
    found = list(journal.records(path, after=0, limit=EVERYTHING))
    assert first <= found[-1].end < journal.segments(path)[2][0]


def test_a_limit_stops_between_records(tmp_path: Path):
    """Reading in small steps gives the same records as reading at once."""
    entries = _entries(9)
    path = _written(tmp_path, entries)
    after, found = 0, []
    while step := list(journal.records(path, after=after, limit=20)):
        found += [record.entry for record in step]
        after = step[-1].end
    assert found == entries


@pytest.mark.parametrize(("module", "failing"), [(os, "write"), (journal, "_sync_data")])
def test_after_a_failure_a_new_journal_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, failing: str
):
    """A failed append leaves no record behind; the writer goes on elsewhere, and nothing is lost."""
    first, lost, last = _entries(3)
    writer = JournalWriter(tmp_path)
    writer.append([pack(first)])
    real = getattr(module, failing)

    def full(descriptor: int, *data: bytes) -> int:
        for chunk in data:
            real(descriptor, chunk[: len(chunk) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(module, failing, full)
        with pytest.raises(LakeUnavailable, match="No space left"):
            writer.append([pack(lost)])
    writer.append([pack(last)])
    assert [_read(path) for path in journal.journals(tmp_path)] in ([[first], [last]], [[last], [first]])
    assert sorted(map(journal.is_live, journal.journals(tmp_path))) == [False, True]
    writer.close()
    assert not any(map(journal.is_live, journal.journals(tmp_path)))


FULL_DISK = """
import pathlib, resource, sys
from argus_lab.errors import LakeUnavailable
from argus_lab.lake.journal import Entry, JournalWriter, pack
writer = JournalWriter(pathlib.Path(sys.argv[1]))
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (700, most))
refused = []
for n in range(20):
    try:
        writer.append([pack(Entry(n, "json", None, b"x" * 100))])
    except LakeUnavailable:
        refused.append(n)
        if len(refused) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
print(*refused)
"""


def test_a_real_limit_of_the_file_system_refuses_and_recovers(tmp_path: Path):
    """Writes that the kernel cuts short (a file size limit): exactly the acknowledged entries are there."""
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    refused = [int(n) for n in said.split()]
    assert len(refused) == 2
    found = sorted(entry.received_at for path in journal.journals(tmp_path) for entry in _read(path))
    assert found == [n for n in range(20) if n not in refused]


@pytest.mark.parametrize("where", [".", "below"])
def test_a_place_that_is_no_directory_says_so(tmp_path: Path, where: str):
    """A file where the journal should be: LakeUnavailable with the cure, and it works once it is gone."""
    place = tmp_path / "lake"
    place.write_text("a file")
    writer = JournalWriter(place / where)
    with pytest.raises(LakeUnavailable, match="cannot be written"):
        writer.append([pack(_entries(1)[0])])
    place.unlink()
    writer.append([pack(_entries(1)[0])])
    writer.close()
    assert [_read(path) for path in journal.journals(place / where)] == [_entries(1)]


def test_a_journal_is_removed_or_put_aside(tmp_path: Path):
    """Committed to its end it is deleted; bytes that are no record are kept for a person to look at."""
    path = _written(tmp_path / "a", _entries(2))
    size = _file(path).stat().st_size
    assert journal.remove(path, committed=size) is None
    assert journal.journals(tmp_path / "a") == []
    path = _written(tmp_path / "b", _entries(2))
    with _file(path).open("ab") as file:
        file.write(b"torn")
    kept = journal.remove(path, committed=size)
    assert kept is not None
    assert _file(kept).read_bytes().endswith(b"torn")
    assert journal.journals(tmp_path / "b") == []


def test_a_journal_is_live_as_long_as_its_process(tmp_path: Path):
    """The lock ends with the process, however it ends."""
    code = (
        "import os, pathlib, sys; from argus_lab.lake.journal import *; "
        "w = JournalWriter(pathlib.Path(sys.argv[1])); w.append([pack(Entry(1, 'json', None, b''))]); "
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (path,) = journal.journals(tmp_path)
        assert journal.is_live(path)
        process.kill()
        process.wait()
        assert not journal.is_live(path)
    assert len(_read(path)) == 1


def test_a_journal_without_a_file_holds_nothing(tmp_path: Path):
    """A journal whose writer has not come to its first file is read as empty, not as an error."""
    (tmp_path / "20260101T000000-1-abcdef").mkdir()
    (empty,) = journal.journals(tmp_path)
    assert list(journal.records(empty, after=0, limit=1)) == []
    assert journal.durable_ends(tmp_path) == {empty.name: 0}
