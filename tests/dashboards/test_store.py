"""The pages' tables on disk: they go with the process that made them, however it ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from argus_lab.dashboards import store

MAKE = """
import os, sys, time
from argus_lab.dashboards.store import Store
made = Store(64_000_000)
made.cursor().execute("CREATE TABLE spans AS SELECT * FROM range(1000)")
print("made", flush=True)
sys.stdin.read()
"""


def _started() -> subprocess.Popen[str]:
    running = subprocess.Popen(
        [sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "made\n"
    return running


def _folders(place: Path) -> list[Path]:
    return sorted(place.glob(f"{store.PREFIX}*"))


def _older(folder: Path) -> None:
    """As if it had been made long ago."""
    then = time.time() - 10 * store.MADE_WITHIN_S
    os.utime(folder / store.LOCK, (then, then))


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``kill -9`` leaves a folder; the next process removes it, none of one that lives or is being made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    killed = _started()
    (left,) = _folders(tmp_path)
    killed.kill()
    killed.communicate()
    assert (left / "digest.db").exists()
    lives = _started()
    assert left in _folders(tmp_path), "it may be being made just now"
    for each in _folders(tmp_path):
        _older(each)
    (other,) = set(_folders(tmp_path)) - {left}
    strange = tmp_path / f"{store.PREFIX}of-another-kind"
    strange.mkdir()
    last = _started()
    assert left not in _folders(tmp_path)
    assert other in _folders(tmp_path)
    assert strange in _folders(tmp_path)
    for running in (lives, last):
        running.communicate()
    assert _folders(tmp_path) == [strange]
