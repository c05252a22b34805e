"""Structured logs: one JSON object a line on stderr, or a readable line if stderr is a terminal.

Lines are written by a thread of their own from a bounded queue, because a pipe that nobody reads
must never stop the receiver: lines that find the queue full are dropped, and their number is said
in the next line that is written.

Nothing here ever sees trace contents. Callers pass counts and names of things of ours; exceptions
are logged as their type and the places in the code (:func:`places`), never as their message, which
may quote a body.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Log", "adopt_logging", "places"]

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
QUEUE_LINES: Final = 10_000
FAREWELL_SECONDS: Final = 1.0
_COLOURS: Final = {"debug": "\033[2m", "info": "", "warning": "\033[33m", "error": "\033[31m"}


class Log:
    """Where a process writes what it did.

    Parameters
    ----------
    role
        Name of the process, on every line: ``supervisor``, ``worker 0``, ``keeper``.
    level
        Least severe level that is written.
    """

    def __init__(self, role: str, level: str = "info") -> None:
        self._role = role
        self._least = LEVELS[level]
        self._readable = sys.stderr is not None and sys.stderr.isatty()
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(QUEUE_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def __call__(self, level: str, event: str, /, **fields: Any) -> None:
        """Write one line: what happened, and the counts and names that belong to it."""
        if LEVELS[level] < self._least:
            return
        line = {"time": time.time(), "level": level, "role": self._role, "event": event} | fields
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is queued, but wait no longer than a second for a reader that is gone."""
        atexit.unregister(self.close)
        if not self._thread.is_alive():
            return
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(FAREWELL_SECONDS)

    def _write(self) -> None:
        render = _readable if self._readable else _json
        while (line := self._queue.get()) is not None:
            if dropped := self._dropped:
                self._dropped -= dropped
                line["lines_dropped"] = dropped
            try:
                os.write(2, render(line))
            except OSError:
                # Nobody can be told: stderr is the last place. Keep taking lines, so that callers
                # go on working after the terminal or the log collector went away.
                continue


def places(error: BaseException) -> list[str]:
    """Where an exception came from and of what types it is, without any message or value."""
    found = [f"{type(error).__module__}.{type(error).__qualname__}"]
    found += [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    if error.__cause__ is not None:
        found += ["caused by", *places(error.__cause__)]
    return found


def adopt_logging(log: Log) -> None:
    """Send what libraries log through the standard module to ``log`` as well."""
    handler = _Adopted(log)
    for name in (None, "sanic", "sanic.root", "sanic.error", "sanic.server", "sanic.access"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name is None else []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("argus").setLevel(logging.INFO)


class _Adopted(logging.Handler):
    """Turns the records of the standard module into our lines."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for name, n in reversed(LEVELS.items()) if n <= record.levelno), "debug")
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = places(record.exc_info[1])
        # The message of a foreign library's error may quote what was sent; our own never does.
        ours = record.name.startswith("argus")
        self._log(level, record.getMessage() if ours else str(record.msg), **fields)


def _json(line: Mapping[str, Any]) -> bytes:
    stamp = datetime.fromtimestamp(line["time"], UTC).isoformat(timespec="milliseconds")
    return msgspec.json.encode({**line, "time": stamp}, enc_hook=str) + b"\n"


def _readable(line: Mapping[str, Any]) -> bytes:
    stamp = datetime.fromtimestamp(line["time"], UTC).astimezone().strftime("%H:%M:%S")
    rest = " ".join(
        f"{name}={value}"
        for name, value in line.items()
        if name not in {"time", "level", "role", "event"} and value is not None
    )
    text = f"{stamp} {line['role']}: {line['event']} {rest}".rstrip()
    colour = _COLOURS[line["level"]]
    return (f"{colour}{text}\033[0m\n" if colour else f"{text}\n").encode("utf-8", "replace")
