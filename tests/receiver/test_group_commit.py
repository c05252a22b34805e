"""The group commit by itself: what waits is written together, and nobody is told too early."""

from __future__ import annotations

import asyncio
import threading

import pytest

from argus_lab.errors import LakeUnavailable
from argus_server import durable


class Journal:
    """A journal that writes when it is let, and fails when it is told to."""

    def __init__(self, _root) -> None:
        self.groups: list[list[bytes]] = []
        self.may_write = threading.Semaphore(0)
        self.failing = False
        Journal.last = self

    def append(self, packed) -> None:
        """Note the group, and wait until it may be written."""
        self.groups.append(list(packed))
        self.may_write.acquire()
        if self.failing:
            raise LakeUnavailable("the disk is full")

    def close(self) -> None:
        """Nothing is open."""


def quiet(*_: object, **__: object) -> None:
    """A log nobody reads."""


@pytest.fixture
def journal(monkeypatch):
    monkeypatch.setattr(durable, "JournalWriter", Journal)
    return Journal


async def eventually(truth) -> None:
    async with asyncio.timeout(60):
        while not truth():  # noqa: ASYNC110  a thread makes it true
            await asyncio.sleep(0.001)


def test_what_waits_is_written_together(journal, tmp_path):
    """While one group is synced the next gathers, and no request is answered before its own group."""

    async def scenario() -> None:
        commits = durable.GroupCommit(tmp_path, quiet)
        first = asyncio.create_task(commits.commit(b"1"))
        await eventually(lambda: getattr(journal, "last", None) and journal.last.groups)
        others = [asyncio.create_task(commits.commit(b"%d" % n)) for n in (2, 3, 4)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in [first, *others])
        journal.last.may_write.release()
        await first
        assert not any(task.done() for task in others)
        journal.last.may_write.release()
        await asyncio.gather(*others)
        assert journal.last.groups == [[b"1"], [b"2", b"3", b"4"]]
        await commits.close()

    journal.last = None
    asyncio.run(scenario())


def test_a_failure_is_told_to_all_and_the_next_group_is_tried(journal, tmp_path):
    """Everybody in a failed group gets the error; the reason stands until something could be written."""

    async def scenario() -> None:
        commits = durable.GroupCommit(tmp_path / "missing" / "root", quiet)
        (tmp_path / "missing").write_text("a file where a directory should be, so that probes fail")
        first = asyncio.create_task(commits.commit(b"1"))
        await eventually(lambda: getattr(journal, "last", None) and journal.last.groups)
        others = [asyncio.create_task(commits.commit(b"x")) for _ in range(2)]
        await asyncio.sleep(0.02)
        journal.last.failing = True
        journal.last.may_write.release()
        journal.last.may_write.release()
        for task in (first, *others):
            with pytest.raises(LakeUnavailable, match="disk is full"):
                await task
        assert commits.failure is not None
        journal.last.failing = False
        journal.last.may_write.release()
        await commits.commit(b"2")
        assert commits.failure is None
        await commits.close()

    journal.last = None
    asyncio.run(scenario())


def test_a_cancelled_request_harms_nobody(journal, tmp_path):
    """A client that hangs up while its group is written changes nothing for the others in it."""

    async def scenario() -> None:
        commits = durable.GroupCommit(tmp_path, quiet)
        first = asyncio.create_task(commits.commit(b"1"))
        await eventually(lambda: getattr(journal, "last", None) and journal.last.groups)
        gone, stays = (asyncio.create_task(commits.commit(x)) for x in (b"2", b"3"))
        await asyncio.sleep(0.02)
        gone.cancel()
        journal.last.may_write.release(2)
        await asyncio.gather(first, stays)
        assert journal.last.groups[1] == [b"2", b"3"]
        await commits.close()

    journal.last = None
    asyncio.run(scenario())
