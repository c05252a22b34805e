"""A thread with an event loop of its own: conversations run in it, whatever the caller's thread does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["loop", "run", "submit"]

T = TypeVar("T")

_lock = threading.Lock()
_made: dict[int, asyncio.AbstractEventLoop] = {}
"""By process, since a fork takes no thread along."""


def loop() -> asyncio.AbstractEventLoop:
    """The loop of this process's conversations."""
    with _lock:
        found = _made.get(os.getpid())
        if found is None:
            found = _made[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=found.run_forever, name="argus-chat", daemon=True).start()
        return found


def submit(doing: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin something there."""
    return asyncio.run_coroutine_threadsafe(doing, loop())


def run(doing: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Have something done there, and wait; interrupted, it is cancelled."""
    future = submit(doing)
    try:
        return future.result(timeout)
    except BaseException:
        future.cancel()
        raise
