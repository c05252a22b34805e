"""What many small files name, learnt in one look at all of them, is what each of them says by itself."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import argus_lab as al
from argus_lab.lake import namings
from argus_lab.lake.learning import SMALL, learn
from argus_lab.lake.memory import Memory
from argus_lab.lake.sources import DataFile
from tests.lake_read.lakes import write
from tests.lake_read.test_sessions_everywhere import write_as_sent
from tests.lake_read.trees import random_traces, sent


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory[namings.Naming]:
    """Nothing is remembered yet."""
    memory = Memory[namings.Naming](1000)
    monkeypatch.setattr(namings, "_memory", memory)
    return memory


def files_of(place: Path) -> tuple[DataFile, ...]:
    """All files of a lake."""
    return al.open(place)._spans.snapshot().every  # noqa: SLF001  the readers' own


def check_same(learnt: namings.Naming, read: namings.Naming) -> None:
    """Both say the same; where a trace names several sessions, each says one of them."""
    for name in ("keys", "names", "unnamed", "others"):
        assert np.array_equal(getattr(learnt, name), getattr(read, name))
    assert learnt.ids.equals(read.ids)
    assert learnt.is_settled == read.is_settled
    assert {*learnt.sessions.to_pylist()} == {*read.sessions.to_pylist()} - {None}
    for found in (learnt, read):
        texts = [None if place < 0 else found.sessions[place].as_py() for place in found.first.tolist()]
        assert [text is not None for text in texts] == (found.names > 0).tolist()
        given = namings.hashed(pa.array([text for text in texts if text is not None], pa.string()))
        assert np.array_equal(found.name[found.names > 0], given)
    assert np.array_equal(learnt.name[read.names == 1], read.name[read.names == 1])
    assert np.array_equal(learnt.stored[read.unnamed == 1], read.stored[read.unnamed == 1])


@pytest.mark.parametrize("seed", range(12))
def test_learnt_together_is_as_read_one_by_one(tmp_path: Path, seed: int, memory: Memory[namings.Naming]):
    """Traces with no, one and several sessions, ids unlike ids, spans without one, footers that differ."""
    chance = random.Random(seed)  # noqa: S311
    rows = random_traces(chance, 12)
    rows += [
        sent(40, 4001, None, "é 'quoted'", trace_id="short"),
        sent(41, 4002, None, None, trace_id="long" * 20),
    ]
    rows += [sent(42, 4003, None, None, session_id=None, session_source=None)]
    chance.shuffle(rows)
    write(str(tmp_path), [])
    for start in range(0, len(rows), 9):
        (write if chance.random() < 0.5 else write_as_sent)(str(tmp_path), rows[start : start + 9])
    files = files_of(tmp_path)
    learn(files)
    assert len(memory._held) == len(files) > 5  # noqa: SLF001  that it was learnt is the point
    for file in files:
        check_same(namings.naming_of(file.path, file.rows), namings._read(file.path))  # noqa: SLF001  the other way


def test_large_files_and_known_ones_are_left_alone(tmp_path: Path, memory: Memory[namings.Naming]):
    """Only what is small, and not known yet, is looked at."""
    for number in range(1, 4):
        write(str(tmp_path), [sent(number, number, None, "chat")])
    first, second, third = files_of(tmp_path)
    known = namings.naming_of(second.path, second.rows)
    large = DataFile(third.path, SMALL + 1, third.partition)
    learn([first, second, large])
    assert [path for path, _ in memory._held] == [second.path, first.path]  # noqa: SLF001  as above
    assert namings.naming_of(second.path, second.rows) is known
    learn([])


def test_of_very_many_only_some_are_learnt_together(
    tmp_path: Path, memory: Memory[namings.Naming], monkeypatch: pytest.MonkeyPatch
):
    """What is looked at together has to go into memory: the others are read one by one."""
    for number in range(1, 4):
        write(str(tmp_path), [sent(number, number, None, "chat")])
    first, second, third = files_of(tmp_path)
    monkeypatch.setattr("argus_lab.lake.learning.AT_ONCE", 2)
    learn([first, second, third])
    assert {path for path, _ in memory._held} == {first.path, second.path}  # noqa: SLF001  as above
    assert namings.naming_of(third.path, third.rows).names.tolist() == [1]
