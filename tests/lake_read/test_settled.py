"""What is kept of where spans belong is true of the files it names, and no reader is led astray by it."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import argus_lab as al
from argus_lab import settings
from argus_lab.lake import hashes, keeping, namings, sealed, settled, settling, upkeep
from argus_lab.lake import outdated as o
from argus_lab.lake.belonging import SCHEMA, Belonging
from argus_lab.lake.keeping import NAME, noted, remembered
from argus_lab.lake.memory import Memory
from argus_lab.lake.settled import Settled
from argus_lab.lake.snapshot import Snapshot
from tests.lake_read.lakes import write
from tests.lake_read.test_few_sessions import answered, oracle
from tests.lake_read.test_sessions_everywhere import (
    IDS,
    QUERY,
    check_filters,
    check_loads,
    seen,
    write_as_sent,
)
from tests.lake_read.trees import Row, random_traces, sent, sessions_of

LATE = [sent(1, 1, None, "chat"), sent(1, 2, 1, None), sent(2, 3, None, "other"), sent(2, 4, 3, None)]
"""Of two traces a root that names the session, and a span that names none."""


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper's look goes on at once from where the last one ended."""
    monkeypatch.setattr(settling, "SHARE", float("inf"))


def kept(place: str | Path) -> Settled:
    """What is kept beside the table."""
    found = remembered(f"{place}/spans")
    assert found is not None
    return found


def snapshot(place: str | Path, **options: Any) -> Snapshot:
    """What a new reader starts from."""
    return snapshot_of(al.open(str(place), **options))


def snapshot_of(lake: al.Lake) -> Snapshot:
    """What a reader is at."""
    return lake._spans.snapshot()  # noqa: SLF001  the readers' own


def is_known(place: str | Path) -> bool:
    """Whether a new reader knows of all spans where they belong."""
    left = snapshot(place).knowing.doubt
    return left is not None and left.is_none


def is_at_rest(place: str | Path) -> bool:
    """Whether a new reader knows that all is stored where it belongs."""
    left = snapshot(place).knowing.doubt
    return left is not None and left.is_none and not left.before.files


def compact(place: str | Path, **options: Any) -> upkeep.Summary:
    """Everything that is to be done, on demand."""
    return upkeep.compact(settings.read({}, lake=str(place), **options))


def look(place: str | Path) -> upkeep.Summary:
    """A look of the keeper's, for which no file is small enough to merge, or old enough to be rewritten."""
    return upkeep.compact(settings.read({}, lake=str(place), target_file_size="1"), o.Outdated(30.0))


def check_truth(place: str, found: Settled | None) -> None:
    """By the rule in words, over the rows of exactly the files that are named: others are not ``off``."""
    assert found is not None
    tables = {name: pq.ParquetFile(f"{place}/spans/{name}").read() for name in found.files}
    assert {name: len(table) for name, table in tables.items()} == found.files
    held: dict[str, list[Row]] = {name: table.to_pylist() for name, table in tables.items()}
    rows = [row for part in held.values() for row in part]
    true = sessions_of(rows)
    for name, table in tables.items():
        is_right = told(held[name]) == [true[row["trace_id"], row["span_id"]] for row in held[name]]
        assert is_right or name in found.off
        if found.belonging is not None and not is_right:
            shown = told(found.belonging.applied(table.select(IDS).cast(SCHEMA)).to_pylist())
            assert shown == [true[row["trace_id"], row["span_id"]] for row in held[name]]
    for path, keys in found.holdings.keys.items():
        name = path.removeprefix(f"{place}/spans/")
        ids = {row[column] for row in held.get(name, ()) for column in ("trace_id", "session_id")} - {None}
        sought = found.holdings.sought(pa.chunked_array([sorted(ids)], pa.string()))
        assert {*sought.told} <= {*keys}
    if found.belonging is not None:
        assert found.belonging.files == {f"{place}/spans/{name}" for name in found.off}
        check_places(found.belonging, rows, [row for name in found.off for row in held[name]])


def told(rows: list[Row]) -> list[tuple[str, str]]:
    """The session of each row, and where it comes from."""
    return [(row["session_id"], row["session_source"]) for row in rows]


def check_places(found: Belonging, rows: list[Row], off: list[Row]) -> None:
    """What is said of where spans are stored is said of all rows of these files: no query would miss one."""
    ids = {*found.mended["trace_id"].to_pylist(), *found.spans["trace_id"].to_pylist()}
    unnamed = [row for row in off if row["session_source"] != "attribute"]
    if found.stored is not None:
        stored = {tuple(row.values()) for row in found.stored.to_pylist()}
        assert stored >= {(row["trace_id"], row["session_id"]) for row in unnamed if row["trace_id"] in ids}
    whole = {*found.traces["trace_id"].to_pylist()}
    assert not whole & ids
    if found.is_alone:
        assert all(told([row])[0] == (row["trace_id"], "trace") for row in rows if row["session_id"] in whole)


def turn(chance: random.Random, place: str, part: list[Row]) -> None:
    """Some rows from either writer, and maybe something of what a keeper does."""
    (write if chance.random() < 0.5 else write_as_sent)(place, part)
    act = chance.choice([look, look, compact, None, None])
    if act is not None:
        act(place)


def in_pieces(chance: random.Random, rows: list[Row]) -> list[list[Row]]:
    """The rows in random order and pieces."""
    chance.shuffle(rows)
    pieces = []
    while rows:
        size = chance.choice([1, 3, 8])
        pieces.append(rows[:size])
        rows = rows[size:]
    return pieces


@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_is_true_and_every_read_is_right(tmp_path: Path, seed: int):
    """Random traces from two writers, merged, rewritten, looked at: after each turn, now and as of before."""
    chance = random.Random(seed)  # noqa: S311  the same rows at every run
    place, there = str(tmp_path), list[Row]()
    write(place, [])
    reader = al.open(place)
    versions: list[tuple[int, list[Row]]] = []
    known = 0
    for part in in_pieces(chance, random_traces(chance)):
        turn(chance, place, part)
        there = [*there, *part]
        true = sessions_of(there)
        lake = al.open(place)
        assert seen(lake.sql(QUERY)) == true
        session = chance.choice(sorted({session for session, _ in true.values()}))
        some = {span: found for span, found in true.items() if found[0] == session}
        for fresh in chance.sample([al.open(place), lake, reader], 3):
            assert seen(fresh.sql(f"{QUERY} WHERE session_id = ?", [session])) == some
            assert fresh.count(session=session) == len(some)
        if Path(place, "spans", NAME).exists():
            check_truth(place, kept(place))
            known += snapshot(place).knowing.doubt is not None
        if chance.random() < 0.7:
            assert seen(reader.sql(QUERY)) == true
            if (latest := snapshot_of(reader).knowing.latest) is not None:
                check_truth(place, latest)
        versions.append((lake.version or 0, there))
    assert known, "nothing was ever known"
    for version, held in chance.sample(versions, min(len(versions), 4)):
        assert seen(al.open(place, as_of=version).sql(QUERY)) == sessions_of(held)
    check_loads(al.open(place), there)
    check_filters(al.open(place), there)


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_goes_on_from_what_it_found_out_itself(tmp_path: Path, seed: int):
    """Of a lake beside which nothing is kept: what it shows at each version, and goes on from, is true."""
    chance = random.Random(seed)  # noqa: S311  as above
    place, there, carried = str(tmp_path), list[Row](), 0
    write(place, [])
    reader = al.open(place)
    for part in in_pieces(chance, random_traces(chance, 12)):
        turn(chance, place, part)
        Path(place, "spans", NAME).unlink(missing_ok=True)
        there = [*there, *part]
        true = sessions_of(there)
        for session in chance.sample(sorted({session for session, _ in true.values()}), 1):
            some = {span: found for span, found in true.items() if found[0] == session}
            assert seen(reader.sql(f"{QUERY} WHERE session_id = ?", [session])) == some
            assert seen(reader.sql(QUERY)) == true
            assert seen(reader.sql(f"{QUERY} WHERE session_id = ?", [session])) == some
            assert reader.count(session=session) == len(some)
        knowing = snapshot_of(reader).knowing
        if knowing.latest is not None:
            check_truth(place, knowing.latest)
        carried += knowing.known is not None
    assert carried, "nothing was ever gone on from"


@pytest.mark.parametrize("seed", range(3))
def test_queries_of_a_lake_that_grows_since(tmp_path: Path, seed: int):
    """Most is settled, some came later: groups, joins and single sessions see what is true."""
    chance = random.Random(seed)  # noqa: S311  as above
    rows = random_traces(chance, 14)
    chance.shuffle(rows)
    place = str(tmp_path)
    write(place, rows[: len(rows) * 2 // 3])
    compact(place)
    for row in rows[len(rows) * 2 // 3 :]:
        write_as_sent(place, [row])
    assert (left := snapshot(place).knowing.doubt) is not None
    assert not left.is_none
    true = oracle(rows)
    for query in (
        QUERY,
        "SELECT session_id, count(*), count(DISTINCT trace_id) FROM spans GROUP BY 1",
        "SELECT a.span_id FROM spans a JOIN spans b USING (session_id) WHERE b.parent_span_id IS NULL",
    ):
        assert answered(al.open(place).sql(query)) == answered(true.sql(query).df())
    check_filters(al.open(place), rows)


def test_a_lake_at_rest_is_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Once all is put right and known, no reader looks at anything but what it is asked for."""
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    compact(tmp_path)
    assert is_at_rest(tmp_path)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("carrying.belonging", "knowing.belonging", "snapshot.gathered"):
        monkeypatch.setattr(f"argus_lab.lake.{name}", never)
    lake = al.open(tmp_path)
    assert seen(lake.sql(QUERY)) == seen(lake.spans(columns=IDS)) == sessions_of(LATE)
    assert lake.count(session="chat") == len(lake.spans(session="chat")) == 2
    write(str(tmp_path), [sent(1, 9, 1, None)])
    with pytest.raises(AssertionError):
        al.open(tmp_path).sql(QUERY)


def test_only_files_in_doubt_and_those_of_their_traces_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A late root: of the files that were settled, only its trace's is held against what it names."""
    for number in range(1, 6):
        write(str(tmp_path), [sent(number, number * 10 + n, None, None) for n in range(2)])
    look(tmp_path)
    assert not kept(tmp_path).off
    write(str(tmp_path), [sent(3, 39, None, "late")])
    looked, real = [], settled.among
    memory = Memory[namings.Naming](100)
    monkeypatch.setattr("argus_lab.lake.namings._memory", memory)
    monkeypatch.setattr("argus_lab.lake.held._memory", Memory(100))
    monkeypatch.setattr("argus_lab.lake.held.pq", None)

    def among(*given: Any) -> settled.Among:
        looked.append(real(*given))
        return looked[-1]

    monkeypatch.setattr("argus_lab.lake.carrying.among", among)
    assert (al.open(tmp_path).sql("FROM spans")["session_id"] == "late").sum() == 3
    assert [len(each.files) for each in looked] == [2]
    assert len(memory._held) == 2  # noqa: SLF001  which files are read is the point


def test_a_false_word_would_be_believed(tmp_path: Path):
    """That reads are right is by what is kept being true: the tests above would see if it were not."""
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    found = kept(tmp_path)
    assert len(found.off) == 1
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)
    noted(f"{tmp_path}/spans", Settled(found.files))
    assert seen(al.open(tmp_path).sql(QUERY)) != sessions_of(LATE)
    with pytest.raises(AssertionError):
        check_truth(str(tmp_path), kept(str(tmp_path)))


def another_rule(kept: bytes) -> bytes:
    """The same as another version of the library would write it."""
    told = kept.partition(b"\n")[2].replace(b'"rule":3', b'"rule":4')
    size = len(told) - 8 * sum(msgspec.json.decode(told.partition(b"\n")[0])["held"].values())
    return hashlib.blake2b(told[:size], digest_size=16).hexdigest().encode() + b"\n" + told


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"{",
        lambda kept: kept[: len(kept) // 2],
        lambda kept: kept.partition(b"\n")[2],
        lambda kept: b"0" + kept,
        lambda kept: kept.replace(b"chat", b"chut"),
        lambda kept: kept.replace(b".parquet", b".barquet"),
        another_rule,
    ],
)
def test_what_cannot_be_understood_is_not_known(tmp_path: Path, change: Callable[[bytes], bytes]):
    """Torn, damaged or by another rule: reads work everything out, and the keeper finds it out anew."""
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    before, file = kept(tmp_path), Path(tmp_path, "spans", NAME)
    assert len(before.files) == 2
    file.write_bytes(changed := change(whole := file.read_bytes()))
    assert changed != whole
    assert snapshot(tmp_path).knowing.known is None
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)
    look(tmp_path)
    assert kept(tmp_path) == before


@pytest.mark.parametrize(
    ("few", "name", "change"),
    [
        (9, NAME, lambda kept: kept[:-1]),
        (9, NAME, lambda kept: kept[:-9] + bytes(9)),
        (0, hashes.NAME, lambda kept: kept[:-1]),
        (0, hashes.NAME, lambda kept: kept[:-9] + bytes(9)),
        (0, hashes.NAME, lambda _: b""),
        (0, hashes.NAME, lambda kept: b"0" + kept),
        (0, hashes.NAME, lambda kept: resealed(kept, b'"rule":1', b'"rule":2')),
        (0, hashes.NAME, lambda kept: resealed(kept, b'"seed":"', b'"seed":"AAAA')),
        (0, hashes.NAME, lambda kept: resealed(kept, b'"rule"', b'"role"')),
    ],
)
def test_damaged_hashes_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, name: str, change: Callable[[bytes], bytes]
):
    """Of new files, or of others: what these hold is read from them, a trace is found wherever it is."""
    monkeypatch.setattr(hashes, "FEW", few)
    write(str(tmp_path), LATE[1::2])
    look(tmp_path)
    assert kept(tmp_path).holdings.keys
    file = Path(tmp_path, "spans", name)
    file.write_bytes(changed := change(whole := file.read_bytes()))
    assert changed != whole
    write(str(tmp_path), LATE[::2])
    assert not read_anew(tmp_path).holdings.keys
    assert snapshot(tmp_path).knowing.doubt is not None
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)
    look(tmp_path)
    assert len(read_anew(tmp_path).holdings.keys) == 2


def resealed(kept: bytes, old: bytes, new: bytes) -> bytes:
    """The same as another version of the library, or of another key, would write it."""
    told = kept.partition(b"\n")[2].replace(old, new, 1)
    return sealed.digest(told) + b"\n" + told


def read_anew(place: Path) -> Settled:
    """What is kept, as another process reads it."""
    keeping._read.cache_clear()  # noqa: SLF001  this process remembers
    return kept(place)


def test_hashes_of_new_files_stand_with_what_else_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Those of all are written when they have become many; until then they are as much in use."""
    monkeypatch.setattr(hashes, "FEW", 4)
    sizes = []
    for number in range(1, 8):
        write(str(tmp_path), [sent(number, number, None, None)])
        look(tmp_path)
        there = Path(tmp_path, "spans", hashes.NAME)
        sizes.append(there.stat().st_size if there.exists() else 0)
        assert len(read_anew(tmp_path).holdings.keys) == number
        check_truth(str(tmp_path), kept(tmp_path))
    assert sizes[:4] == [0] * 4
    assert 0 < sizes[4] == sizes[6]


HASHES = """
import sys, pyarrow as pa
from argus_lab.lake.keeping import remembered
from argus_lab.lake.sources import DataFile
holdings = remembered(sys.argv[1]).holdings
sought = [holdings.sought(pa.chunked_array([[each]], pa.string())) for each in sys.argv[2:]]
for path in holdings.keys:
    print(*(holdings.is_told_to_hold(DataFile(path, 0, {}), each) for each in sought))
"""


def test_another_process_tells_traces_by_the_same_hashes(tmp_path: Path):
    """What a file holds is known there too: traces, whatever they are called, and sessions stored there."""
    write(str(tmp_path), [])
    write_as_sent(str(tmp_path), [LATE[0], sent(3, 9, None, None, trace_id="odd é")])
    look(tmp_path)
    asked = [f"{1:032x}", "odd é", "chat", f"{2:032x}", "other"]
    code = [sys.executable, "-c", HASHES, f"{tmp_path}/spans", *asked]
    ended = subprocess.run(code, check=True, capture_output=True, text=True)
    assert ended.stdout.split() == ["True", "True", "True", "False", "False"]


def test_of_too_much_only_the_files_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Beyond what is kept of spans and hashes, reads work out more, and are as right."""
    monkeypatch.setattr("argus_lab.lake.keeping.MOST", 0)
    monkeypatch.setattr("argus_lab.lake.holdings.MOST", 0)
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    found = kept(tmp_path)
    assert (len(found.off), found.belonging, len(found.holdings.keys)) == (1, None, 0)
    check_truth(str(tmp_path), found)
    left = snapshot(tmp_path).knowing.doubt
    assert left is not None
    assert len(left.files) == 1
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)
    assert al.open(tmp_path).count(session="chat") == 2


def test_of_many_hashes_those_of_the_last_files_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Late spans mostly belong to traces of these; who asks for others looks into their files."""
    monkeypatch.setattr("argus_lab.lake.holdings.MOST", 2)
    for number in range(1, 5):
        write(str(tmp_path), [sent(number, number, None, None)])
    look(tmp_path)
    last = [file.path for file in snapshot(tmp_path).every[-2:]]
    assert sorted(kept(tmp_path).holdings.keys) == sorted(last)


def test_a_session_whose_spans_moved_is_told_by_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither its traces nor any other are worked out; if a span of them comes, they are."""
    rows = [*LATE, sent(4, 7, None, None)]
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    write(str(tmp_path), rows[4:])

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("carrying.belonging", "knowing.belonging", "few._near"):
        monkeypatch.setattr(f"argus_lab.lake.{name}", never)
    true = sessions_of(rows)
    for session in ("chat", "other", f"{1:032x}"):
        some = {span: found for span, found in true.items() if found[0] == session}
        assert seen(al.open(tmp_path).spans(session=session, columns=IDS)) == some
        assert al.open(tmp_path).count(session=session) == len(some)
    write(str(tmp_path), [sent(1, 8, 1, None)])
    assert al.open(tmp_path).count(session="other") == 2
    with pytest.raises(AssertionError):
        al.open(tmp_path).count(session="chat")


def test_merged_and_dropped_files_are_asked_while_they_are_there(tmp_path: Path):
    """What was known before a merge helps after it, until its files are deleted; what is read stays right."""
    write(str(tmp_path), LATE[1::2])
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    before = kept(tmp_path)
    compact(tmp_path)
    noted(f"{tmp_path}/spans", before)
    left = snapshot(tmp_path).knowing.doubt
    assert left is not None
    assert (len(left.files), len(left.gone)) == (1, 2)
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)
    reader = al.open(tmp_path)
    assert snapshot_of(reader).knowing.doubt is not None, "it knows which files it would ask"
    for name in before.files:
        Path(tmp_path, "spans", name).unlink()
    assert snapshot(tmp_path).knowing.doubt is None
    for lake in (reader, al.open(tmp_path)):
        assert lake.count(session="chat") == 2
        assert seen(lake.sql(QUERY)) == sessions_of(LATE)
    compact(tmp_path)
    assert is_at_rest(tmp_path)


def test_a_name_that_was_dropped_names_nothing(tmp_path: Path):
    """Another writer deletes a root: its trace is in doubt, and its own session again."""
    write(str(tmp_path), LATE)
    compact(tmp_path)
    write(str(tmp_path), [sent(1, 5, 1, None)])
    look(tmp_path)
    table = DeltaTable(f"{tmp_path}/spans")
    table.delete("span_id = '0000000000000001'")
    rows = [*LATE[1:], sent(1, 5, 1, None)]
    left = snapshot(tmp_path).knowing.doubt
    assert left is not None
    assert left.gone
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(rows)
    assert al.open(tmp_path).count(session="chat") == 0
    look(tmp_path)
    check_truth(str(tmp_path), kept(str(tmp_path)))
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(rows)


def test_a_file_that_was_dropped_is_missed(tmp_path: Path):
    """Another writer deletes all of a file: what it named is no session any more, wherever the rest is."""
    place = str(tmp_path)
    below = {"session_id": "chat", "session_source": "inherited"}
    rows = [*LATE[1:2], sent(1, 5, 1, None), *LATE[2:]]
    write(place, LATE[:1])
    write_as_sent(place, [row | below if row["parent_span_id"] == f"{1:016x}" else row for row in rows[:2]])
    write(place, rows[2:])
    look(place)
    assert (len(kept(place).files), len(kept(place).off)) == (3, 0)
    DeltaTable(f"{place}/spans").delete("span_id = '0000000000000001'")
    left = snapshot(place).knowing.doubt
    assert left is not None
    assert (len(left.files), len(left.gone)) == (0, 1)
    assert al.open(place).count(session="chat") == 0
    assert len(al.open(place).sql("FROM spans WHERE session_id = ?", [f"{1:032x}"])) == 2
    assert seen(al.open(place).sql(QUERY)) == sessions_of(rows)
    look(place)
    assert (len(kept(place).files), len(kept(place).off)) == (2, 1)
    check_truth(place, kept(place))


def test_what_stands_beside_a_trace_in_doubt(tmp_path: Path):
    """A file with a trace in doubt has others, named in files that are not asked; and others use its id."""
    place = str(tmp_path)
    rows = [sent(1, 1, None, "chat"), sent(1, 2, 1, None), sent(2, 4, 3, None), sent(3, 5, None, f"{2:032x}")]
    inherits = {"session_id": "chat", "session_source": "inherited"}
    write(place, rows[:1])
    write_as_sent(place, [rows[1] | inherits, rows[2]])
    write(place, rows[3:])
    look(place)
    assert (len(kept(place).files), len(kept(place).off)) == (3, 0)
    rows.append(sent(2, 3, None, "late"))
    write(place, rows[4:])
    check_loads(al.open(place), rows)
    check_filters(al.open(place), rows)


def test_the_id_of_a_trace_that_moved_is_used_by_another(tmp_path: Path):
    """What was kept knew nothing of it: its spans stay where they name, and the others where they moved."""
    place = str(tmp_path)
    rows = [sent(1, 2, 1, None), sent(1, 1, None, "chat"), sent(3, 5, None, f"{1:032x}")]
    for row in rows[:2]:
        write(place, [row])
    look(place)
    found = kept(place).belonging
    assert found is not None
    assert (len(found.traces), found.is_alone) == (1, True)
    write(place, rows[2:])
    for session in ("chat", f"{1:032x}"):  # the first question to each reader, which knows no more by then
        there = al.open(place).sql("SELECT span_id FROM spans WHERE session_id = ?", [session])["span_id"]
        assert [*there] == [key[1] for key, (named, _) in sessions_of(rows).items() if named == session]
    check_loads(al.open(place), rows)
    check_filters(al.open(place), rows)


def test_another_lake_in_the_same_place(tmp_path: Path):
    """What is left of a lake that stood here says nothing of the one that does now."""
    write(str(tmp_path / "old"), LATE)
    compact(tmp_path / "old")
    rows = [sent(1, 2, 1, None), sent(1, 1, None, "new")]
    for row in rows:
        write(str(tmp_path / "new"), [row])
    noted(f"{tmp_path}/new/spans", kept(tmp_path / "old"))
    assert snapshot(tmp_path / "new").knowing.doubt is None
    assert seen(al.open(tmp_path / "new").sql(QUERY)) == sessions_of(rows)


def test_a_large_lake_is_looked_at_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A keeper that comes to it speaks of more files at each look, truly; on demand of all at once."""
    monkeypatch.setattr(settling, "STEP", 1)
    rows = [sent(number, number * 10 + n, None, "chat" if n else None) for n in range(2) for number in (1, 2)]
    for row in rows:
        write(str(tmp_path), [row])
    for looked in range(1, 5):
        look(tmp_path)
        assert len(kept(tmp_path).files) == looked
        check_truth(str(tmp_path), kept(str(tmp_path)))
        assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(rows)
    written = Path(tmp_path, "spans", NAME).stat().st_mtime_ns
    look(tmp_path)
    assert Path(tmp_path, "spans", NAME).stat().st_mtime_ns == written
    for number in range(3, 6):
        write(str(tmp_path), [sent(number, number * 10, None, None)])
    compact(tmp_path)
    assert is_at_rest(tmp_path)


def test_a_keeper_takes_a_share_of_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After a look that took long it rests; on demand nothing does."""
    monkeypatch.setattr(settling, "SHARE", 1e-9)
    write(str(tmp_path), LATE[1::2])
    look(tmp_path)
    assert len(kept(tmp_path).files) == 1
    write(str(tmp_path), LATE[::2])
    look(tmp_path)
    assert len(kept(tmp_path).files) == 1
    settling.settle(snapshot(tmp_path), at_once=True)
    assert len(kept(tmp_path).files) == 2


def test_two_keepers_of_which_the_slower_knows_less(tmp_path: Path):
    """Whoever comes last, and whatever the other has swapped meanwhile, what is kept is true."""
    write(str(tmp_path), LATE[1::2])
    slow = snapshot(tmp_path)
    write(str(tmp_path), LATE[::2])
    compact(tmp_path)
    settling.settle(slow, at_once=True)
    assert len(kept(tmp_path).files) == 1
    check_truth(str(tmp_path), kept(str(tmp_path)))
    assert seen(al.open(tmp_path).sql(QUERY)) == sessions_of(LATE)


def test_inferred_sessions_are_worked_out_all_the_same(tmp_path: Path):
    """What is stored is true as far as spans say, which is not all that is inferred."""
    write(str(tmp_path), LATE)
    compact(tmp_path)
    assert snapshot(tmp_path, infer_sessions=True).knowing.doubt is None


KILLED = """
import os, signal, sys
from pathlib import Path
from argus_lab import settings
from argus_lab.lake import upkeep
real = Path.replace
def replace(*given):
    if sys.argv[2] == "after":
        real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = replace
upkeep.compact(settings.read({}, lake=sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_it_is_kept(tmp_path: Path, moment: str):
    """``kill -9`` before it is in its place, or after: what is known is true, and what is left is deleted."""
    place = str(tmp_path)
    write(place, LATE[1::2])
    look(place)
    before = kept(place)
    write(place, LATE[::2])
    ended = subprocess.run([sys.executable, "-c", KILLED, place, moment], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (kept(place) == before) == (moment == "before")
    check_truth(place, kept(place))
    for lake in (al.open(place), al.open(place, as_of=0)):
        rows = LATE if lake.version else []
        assert seen(lake.sql(QUERY)) == sessions_of(rows)
    assert len(list(Path(place, "spans").glob("settled-*"))) == (moment == "before")
    DeltaTable(f"{place}/spans").vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert not list(Path(place, "spans").glob("settled-*"))
    assert kept(place).files
