"""How far the keeper of a lake has come; light, since the receiver's workers ask all the time."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from argus_lab.lake.journal import durable_ends
from argus_lab.lake.status import Status, begun, read_status

__all__ = ["FAILING_SECONDS", "Patience", "Status", "backlog", "hurry", "is_drained", "is_hurried", "status"]

FAILING_SECONDS = 5.0
"""So long a keeper that fails is waited for: it tries again every second, and may have said so before."""
_HURRY = "hurry"


class Patience:
    """Of who waits for a keeper: it ends once that has failed for a while, not at its first word of trouble.

    What it says may be of a try from before, of a disk that has room again since.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = FAILING_SECONDS if seconds is None else min(FAILING_SECONDS, seconds)
        self._well = time.monotonic()

    def is_over(self, said: Status) -> bool:
        """Whether the keeper, which says this now, has said nothing but trouble for so long."""
        now = time.monotonic()
        if said.state == "failing":
            return now - self._well > self._seconds
        self._well = now
        return False


def status(root: Path) -> Status:
    """What the lake's keeper last said; ``absent`` if there is none or its process is gone.

    What a keeper said before it died says nothing about the one that comes after it, except for
    how far the journals were read.
    """
    said = read_status(root)
    if said.state != "absent" and not _lives(said):
        return replace(said, state="absent", reason=None)
    return said


def _lives(said: Status) -> bool:
    """Whether the process that said it exists on this machine, and not another one with its number."""
    if said.pid is None:
        return False
    try:
        os.kill(said.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it exists, as somebody else's
        pass
    now = begun(said.pid)
    return None in {said.begun, now} or said.begun == now


def backlog(root: Path) -> int:
    """Journal bytes that are not in the lake yet."""
    committed = read_status(root).committed
    return sum(max(0, end - committed.get(name, 0)) for name, end in durable_ends(root).items())


def hurry(root: Path) -> None:
    """Ask the keeper for a commit now instead of at the next interval."""
    (root / _HURRY).touch()


def is_hurried(root: Path) -> bool:
    """Whether somebody asked for a commit since the last time this was called."""
    try:
        (root / _HURRY).unlink()
    except FileNotFoundError:
        return False
    return True


def is_drained(root: Path, ends: dict[str, int]) -> bool:
    """Whether everything before these journal offsets is readable in the lake."""
    committed = read_status(root).committed
    return all(end <= committed.get(name, 0) or not (root / name).exists() for name, end in ends.items())
