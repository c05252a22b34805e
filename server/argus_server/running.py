"""Commands of ours that run beside this one, as processes of their own, and end with it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Running", "first_to_end", "running", "started"]

STOP_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Running:
    """A process that serves something at ``url``."""

    name: str
    url: str
    process: subprocess.Popen[str]


@contextmanager
def running(name: str, arguments: Sequence[str]) -> Iterator[Running]:
    """A command of ours, once it says its address; it never outlives this process."""
    command = [sys.executable, "-P", "-m", "argus_server", *arguments, "--stop-with-stdin"]
    with started(command) as process:
        yield Running(name, _address(name, process), process)


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Any program of ours, ended as this ends."""
    # Ctrl-C reaches it too, but it is stopped by us, after what we still have to say.
    process = subprocess.Popen(  # noqa: S603  our own modules under our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def first_to_end(parts: Sequence[Running]) -> int:
    """Wait until one of them ends, or Ctrl-C; its status, 0 after Ctrl-C."""
    try:
        while True:
            for part in parts:
                if part.process.poll() is not None:
                    print(f"argus-lab: {part.name} has ended; the line above says why", file=sys.stderr)  # noqa: T201
                    return part.process.returncode or 1
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return 0


def _address(name: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    for line in process.stdout:
        if found := re.search(r"https?://\S+", line):
            return found[0].rstrip(".")
    raise ArgusError(f"{name} did not start; the line above says why")
