"""A journal that is being made: nobody takes it for abandoned, and nobody writes one that could be."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from argus_lab.errors import LakeUnavailable
from argus_lab.lake import journal, leftovers, locks
from argus_lab.lake.journal import Entry, JournalWriter, pack
from argus_lab.lake.locks import FileLock, is_held

RECORD = [pack(Entry(1, "json", "bot", b"x"))]
HOUR = 3600


def _hidden(root: Path, *, age: float = 0.0) -> Path:
    """A journal as its writer begins it."""
    hidden = root / ".20261130T073453-1822-d09c3220"
    hidden.mkdir()
    (hidden / "lock").touch()
    os.utime(hidden, (time.time() - age,) * 2)
    return hidden


def test_nobody_looks_at_the_lock_of_a_young_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """To look is to take it for a moment, in which its writer could not."""

    def never(_: Path) -> bool:
        raise AssertionError

    monkeypatch.setattr(leftovers, "is_held", never)
    hidden = _hidden(tmp_path)
    leftovers.forget_unborn(tmp_path)
    assert hidden.exists()


def test_an_old_one_is_forgotten_unless_its_writer_lives(tmp_path: Path):
    """Its writer died before it had a name; one that is only slow holds the lock."""
    hidden = _hidden(tmp_path, age=2 * HOUR)
    lock = FileLock.take(hidden / "lock")
    leftovers.forget_unborn(tmp_path)
    assert hidden.exists()
    lock.release()
    leftovers.forget_unborn(tmp_path)
    assert not hidden.exists()


@pytest.mark.parametrize("moment", ["listed", "opened"])
def test_one_that_gets_its_name_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    """It is gone from where it was listed, and nothing is wrong."""
    hidden = _hidden(tmp_path, age=2 * HOUR)
    real: dict[str, Any] = {"listed": leftovers._is_old, "opened": os.open}  # noqa: SLF001  between its looks

    def late(*given: Any, **named: Any) -> Any:
        hidden.rename(tmp_path / hidden.name.removeprefix("."))
        return real[moment](*given, **named)

    place = (leftovers, "_is_old") if moment == "listed" else (locks.os, "open")
    monkeypatch.setattr(*place, late)
    leftovers.forget_unborn(tmp_path)
    monkeypatch.undo()
    assert len(journal.journals(tmp_path)) == 1


def test_a_journal_is_never_written_without_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The keeper would take it for abandoned, and delete what is acknowledged; the next try has one."""
    writer = JournalWriter(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(FileLock, "try_take", classmethod(lambda *_, **__: None))
        with pytest.raises(LakeUnavailable, match="another process holds the lock"):
            writer.append(RECORD)
    assert not journal.journals(tmp_path)
    writer.append(RECORD)
    (found,) = journal.journals(tmp_path)
    assert journal.is_live(found)
    writer.close()
    assert not journal.is_live(found)


def test_to_ask_makes_no_lock(tmp_path: Path):
    """Whether a lock is held is asked of what is there, and leaves it as it was."""
    assert not is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "gone" / "lock")
    assert not list(tmp_path.iterdir())
