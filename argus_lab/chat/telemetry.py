"""The spans of this process's conversations on their way: one sender a receiver, flushed at the end."""

from __future__ import annotations

import atexit
import os
import threading
import time

from argus_lab.chat.tracing import Tracing
from argus_lab.notebook.endpoint import flushed as readable
from argus_lab.notebook.endpoint import target_of

__all__ = ["flushed", "tracing_at"]

AT_EXIT_S = 5.0

_lock = threading.Lock()
_made: dict[tuple[int, str], Tracing] = {}
"""By process and receiver: a fork takes no thread along."""


def tracing_at(receiver: str) -> Tracing:
    """The tracing of conversations through this receiver."""
    with _lock:
        key = os.getpid(), receiver
        if key not in _made:
            _made[key] = Tracing(receiver, os.environ, keeps=True)
        return _made[key]


def flushed(receiver: str, timeout: float) -> bool:
    """Send the spans that there are, and have the receiver send and store its own; false if that fails."""
    end = time.monotonic() + timeout
    if not tracing_at(receiver).flush(timeout):
        return False
    return readable(target_of({}, receiver), max(0.1, end - time.monotonic()))


@atexit.register
def _at_exit() -> None:
    for (process, _), tracing in _made.items():
        if process == os.getpid():
            tracing.flush(AT_EXIT_S)
