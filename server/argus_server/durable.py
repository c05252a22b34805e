"""Group commit: handlers wait until their entry is on disk, and one fsync serves them all.

While the writer thread syncs one group, the entries of the next one gather. A failure is answered
to everybody in its group and the journal is tried again with the next one; while nothing arrives,
a small probe finds out when the disk is well again, so that ``/readyz`` does not stay red without
traffic.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from argus_lab.errors import ArgusError
from argus_lab.lake.journal import JournalWriter
from argus_server import metrics
from argus_server.logs import places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from argus_server.logs import Log

    Pending = tuple[bytes, asyncio.Future[None]]

__all__ = ["GroupCommit"]

PROBE_SECONDS: Final = 0.5
PROBE_BYTES: Final = 4096


class GroupCommit:
    """The one writer of a worker's journal.

    ``failure`` says why the last group could not be written; None while all is well.
    """

    def __init__(self, root: Path, log: Log) -> None:
        self.failure: str | None = None
        self._root = root
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._writer: JournalWriter | None = None
        self._thread = threading.Thread(target=self._run, name="journal")
        self._thread.start()

    async def commit(self, packed: bytes) -> None:
        """Return once the entry is durable.

        Raises
        ------
        LakeUnavailable
            If the disk did not take it; nobody may be told that it is kept.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((packed, done))
        await done

    async def close(self) -> None:
        """Write what was given and end the thread. Nothing may be committed afterwards."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._next_group()
            if group:
                self._write(group)
            elif going:
                self._probe()
        if self._writer is not None:
            self._writer.close()

    def _next_group(self) -> tuple[list[Pending], bool]:
        """Everything that waits; an empty group if it is time for a probe."""
        try:
            first = self._queue.get(timeout=PROBE_SECONDS if self.failure else None)
        except queue.Empty:
            return [], True
        group: list[Pending] = []
        while first is not None:
            group.append(first)
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _write(self, group: Sequence[Pending]) -> None:
        started = time.perf_counter()
        error: Exception | None = None
        try:
            if self._writer is None:
                self._writer = JournalWriter(self._root)
            self._writer.append([packed for packed, _ in group])
        except Exception as caught:  # noqa: BLE001  whatever it was, those who wait must be told
            error = caught
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
        self._remember(error)
        self._loop.call_soon_threadsafe(_settle, group, error)

    def _probe(self) -> None:
        """Try the disk with a file of our own, while the journal's last word was a failure."""
        path = self._root / f".probe-{os.getpid()}"
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except OSError as error:
            self.failure = f"the journal {self._root} cannot be written: {error.strerror or error}"
            return
        self._remember(None)

    def _remember(self, error: Exception | None) -> None:
        """Keep the reason for ``/readyz``; log when it changes between well and failing."""
        was, self.failure = self.failure, _reason(error)
        if error is not None and was is None:
            self._log("error", "journal fails", reason=self.failure, exception=places(error))
        if error is None and was is not None:
            self._log("info", "journal works again")


def _reason(error: Exception | None) -> str | None:
    if error is None:
        return None
    # Messages of our own errors are written for people; a foreign one may quote anything.
    return str(error) if isinstance(error, ArgusError | OSError) else type(error).__name__


def _settle(group: Sequence[Pending], error: Exception | None) -> None:
    for _, done in group:
        if done.done():  # its request was cancelled; the entry is kept all the same
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
