"""Advisory file locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

__all__ = ["FileLock", "is_held"]


class FileLock:
    """An exclusive lock on a file, held until :meth:`release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> FileLock:
        """The lock; ``BlockingIOError`` if another process holds it, or just looks whether one does."""
        lock = cls.try_take(path)
        if lock is None:
            raise BlockingIOError(errno.EAGAIN, "another process holds the lock", str(path))
        return lock

    @classmethod
    def try_take(cls, path: Path, *, make: bool = True) -> FileLock | None:
        """The lock, or ``None`` if another process holds it; unless to ``make``, the file has to be there."""
        made = os.O_CREAT if make else 0
        descriptor = os.open(path, os.O_RDWR | made | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock of this file; a missing file is not held."""
    try:
        lock = FileLock.try_take(path, make=False)
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    lock.release()
    return False
