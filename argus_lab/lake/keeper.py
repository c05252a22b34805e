"""The keeper of a lake: journals become rows, and small files become large ones.

One process a lake holds ``_journal/keeper.lock``. It commits rows together with how far each
journal was read, so that a crash at any moment neither loses nor repeats a row. A second receiver
on the same lake waits for the lock; its journals are taken in by the first one's keeper meanwhile.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from deltalake.exceptions import DeltaError

from argus_lab.errors import LakeError, LakeUnavailable, SettingError
from argus_lab.lake.intake import Intake
from argus_lab.lake.journal import durable_ends, journal_root
from argus_lab.lake.locks import FileLock
from argus_lab.lake.progress import Patience, is_drained, is_hurried, status
from argus_lab.lake.status import Status, begun, read_status, write_status
from argus_lab.lake.upkeep import Upkeep
from argus_lab.settings import Settings

__all__ = ["drain", "run"]

log = logging.getLogger("argus.keeper")

_POLL = 0.05
_RETRY = 1.0
_LOCK = "keeper.lock"


def run(settings: Settings, *, should_stop: Callable[[], bool]) -> None:
    """Keep the lake until ``should_stop()``; then take in what is there, and return.

    Trouble with the lake (disk full, read-only, another schema version) is said in the status
    file, from where ``/readyz`` takes it, and tried again every second.
    """
    root = journal_root(settings.lake)
    lock = _taken_lock(root, should_stop)
    if lock is None:
        return
    try:
        _serve(settings, root, should_stop)
    finally:
        lock.release()


def drain(settings: Settings, *, timeout: float = 600.0) -> None:
    """Take in all journals now, here or by the lake's living keeper.

    Raises
    ------
    LakeUnavailable, LakeVersionError
        What the keeper says is wrong with the lake; or it did not get done within ``timeout``
        seconds.
    """
    root = journal_root(settings.lake)
    _made(root)
    ends = durable_ends(root)
    deadline, patience = time.monotonic() + timeout, Patience()
    while True:
        lock = FileLock.try_take(root / _LOCK)
        if lock is not None:
            try:
                _drain_to(ends, Intake.opened(settings), root)
                return
            finally:
                lock.release()
        if is_drained(root, ends):
            return
        said = status(root)
        if patience.is_over(said) or time.monotonic() > deadline:
            raise LakeUnavailable(
                f"the keeper of {settings.lake!r} (process {said.pid}) could not take in the journal: "
                f"{said.reason or 'it takes too long'}. What was journalled is kept."
            )
        time.sleep(_POLL)


def _drain_to(ends: dict[str, int], intake: Intake, root: Path) -> None:
    """Take in what the journals held; a receiver may go on writing them for ever."""
    while intake.step():
        _say(root, intake, None)
        if is_drained(root, ends):
            return
    _say(root, intake, None)


def _made(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LakeUnavailable(
            f"{root} cannot be made: {error.strerror}. Choose another lake with --lake or ARGUS_LAKE."
        ) from error


def _taken_lock(root: Path, should_stop: Callable[[], bool]) -> FileLock | None:
    told = False
    while True:
        # Asked before the look: who is told to stop looks once more, and leaves nothing it could take in.
        stopping = should_stop()
        try:
            _made(root)
            lock = FileLock.try_take(root / _LOCK)
        except (OSError, LakeUnavailable) as error:
            log.error("the lake cannot be used: %s", error)  # noqa: TRY400  the message says it all
            lock, pause = None, _RETRY
        else:
            if lock is None and not told:
                log.info("another receiver keeps this lake; standing by")
                told = True
            pause = _POLL * 4
        if lock is not None or stopping:
            return lock
        time.sleep(pause)


def _serve(settings: Settings, root: Path, should_stop: Callable[[], bool]) -> None:
    """Take in until told to stop, however often the lake has to be opened anew."""
    intake: Intake | None = None
    while True:
        stopping = should_stop()
        try:
            if intake is None:
                intake = Intake.opened(settings)
                _say(root, intake, None)
            _keep(settings, root, intake, should_stop)
        except (LakeError, SettingError, DeltaError, OSError) as error:
            log.error("the lake cannot be written: %s", error)  # noqa: TRY400  the message says it all
            _say(root, intake, str(error))
            intake = None
            if stopping:
                return
            time.sleep(_RETRY)
        else:
            return


def _keep(settings: Settings, root: Path, intake: Intake, should_stop: Callable[[], bool]) -> None:
    upkeep = Upkeep(settings, intake.foresight)
    try:
        goal: dict[str, int] | None = None
        while True:
            if goal is None and should_stop():
                # What is there now: another receiver on this lake may go on writing for ever.
                goal = durable_ends(root)
            began = time.monotonic()
            more = intake.step()
            if more:
                _say(root, intake, None)
            if goal is not None and (not more or is_drained(root, goal)):
                return
            is_behind = time.monotonic() - began > settings.commit_every
            upkeep.tend(began, is_behind=is_behind)
            _rest(root, began + (settings.commit_every if more else _POLL), should_stop)
    finally:
        upkeep.close()


def _rest(root: Path, end: float, should_stop: Callable[[], bool]) -> None:
    """Wait: short while nothing comes, the commit interval after a commit; no longer than anybody likes."""
    while not should_stop() and not is_hurried(root) and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _POLL))


def _say(root: Path, intake: Intake | None, reason: str | None) -> None:
    said = read_status(root) if intake is None else None
    try:
        write_status(
            root,
            Status(
                state="failing" if reason else "ok",
                reason=reason,
                committed=dict(intake.committed) if intake else said.committed if said else {},
                table_version=intake.version if intake else None,
                at=time.time(),
                pid=os.getpid(),
                begun=begun(os.getpid()),
                counts=dict(intake.counts) if intake else {},
            ),
        )
    except OSError as error:  # the disk is full: /readyz sees an old status and the journal's error
        log.error("the keeper's status cannot be written: %s", error)  # noqa: TRY400  as above
