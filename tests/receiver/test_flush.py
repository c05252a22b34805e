"""A flush waits for a keeper that gets well, and says what is wrong with one that does not."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from argus_lab.lake import progress
from argus_lab.lake.status import Status, begun, write_status
from argus_server import flush
from argus_server.problems import Problem

ENDS = {"one.journal": 100}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A journal of which nothing has been brought in."""
    (tmp_path / "one.journal").write_bytes(b"x" * 100)
    return tmp_path


def _said(root: Path, state: str, committed: int = 0) -> None:
    """What a keeper that lives says."""
    own = os.getpid()
    done = {"one.journal": committed}
    told = Status(state, "No space left", done, at=time.time(), pid=own, begun=begun(own))  # type: ignore[arg-type]
    write_status(root, told)


def _flushed(root: Path, seconds: float) -> Callable[[], None]:
    """Begin to flush; what is returned waits for its end."""
    own = ThreadPoolExecutor(1)  # a browser of other tests may have a loop in this thread
    running = own.submit(lambda: asyncio.run(flush._drained(root, ENDS, seconds)))  # noqa: SLF001  what waits

    def ended() -> None:
        try:
            running.result(60)
        finally:
            own.shutdown()

    return ended


def test_trouble_that_is_over_is_waited_for(root: Path):
    """The keeper said that it failed, before or meanwhile; its next try brings everything in."""
    _said(root, "failing")
    ended = _flushed(root, 60)
    for state, committed in (("failing", 0), ("ok", 50), ("failing", 50), ("ok", 100)):
        time.sleep(0.1)
        _said(root, state, committed)
    ended()


def test_trouble_that_stays_is_told(root: Path, monkeypatch: pytest.MonkeyPatch):
    """With the keeper's reason, long before the time is over."""
    monkeypatch.setattr(progress, "FAILING_SECONDS", 0.2)
    stop = threading.Event()

    def again() -> None:
        while not stop.wait(0.05):
            _said(root, "failing", 50)

    failing = threading.Thread(target=again)
    failing.start()
    try:
        with pytest.raises(Problem, match="the keeper is failing: No space left") as found:
            _flushed(root, 60)()
    finally:
        stop.set()
        failing.join()
    assert found.value.status == 503


def test_a_flush_of_no_patience_is_told_at_once(root: Path):
    """Of ``?timeout=0`` a keeper that fails, or is not done, is told without waiting."""
    _said(root, "ok", 50)
    with pytest.raises(Problem, match="after 0 seconds"):
        _flushed(root, 0)()
    _said(root, "failing", 50)
    with pytest.raises(Problem, match=r"No space left|after 0 seconds"):
        _flushed(root, 0)()
    _said(root, "ok", 100)
    _flushed(root, 0)()
