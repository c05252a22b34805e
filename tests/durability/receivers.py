"""A real receiver with all its processes in reach: to start, to kill in each way, to stop."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120.0
"""Not a limit on speed: the time after which a hang is called a hang."""

BUSY = {
    "ARGUS_COMMIT_EVERY": "0.05",
    "ARGUS_COMPACT_EVERY": "0.2",
    "ARGUS_TARGET_FILE_SIZE": "4MiB",
    "ARGUS_LOG_LEVEL": "warning",
}
"""Settings under which a kill at any moment falls into a commit, a merge or a checkpoint."""

OUTSIDE_THE_EPHEMERAL_PORTS = range(20_000, 30_000)
"""A client that knocks at a closed ephemeral port may be given that very port, and talk to itself."""


def until(truth: Callable[[], Any], what: str | Callable[[], str]) -> Any:
    """Wait until something is so; fail after a time that means it never will be, and say what was not."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := truth():
            return found
        time.sleep(0.02)
    pytest.fail(f"waited in vain for: {what() if callable(what) else what}")


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = random.choice(OUTSIDE_THE_EPHEMERAL_PORTS)  # noqa: S311  any will do
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Receiver:
    """A receiver on one port and one lake, in a process group of its own; starts as often as asked."""

    def __init__(self, folder: Path, lake: Path, *, workers: int = 1, **settings: str) -> None:
        self.lake = lake
        self.port = free_port()
        self.starts = 0
        self._log = folder / f"receiver-{self.port}.log"
        self._command = [sys.executable, "-P", "-m", "argus_server", "serve", "--lake", str(lake)]
        self._command += ["--port", str(self.port), "--workers", str(workers)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
        self._environment = clean | BUSY | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._was_ended = False

    # --- living -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it; does not wait."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        self.starts += 1
        self._was_ended = False

    def wait_until_ready(self) -> None:
        """Until ``/readyz`` answers 200."""
        until(self._is_ready, lambda: f"the receiver on port {self.port} to be ready; it said {self.said()}")

    def _is_ready(self) -> bool:
        self.check_alive()
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def check_alive(self) -> None:
        """Fail if it ended and nobody had ended it."""
        assert self._process is not None
        ended = self._process.poll()
        assert ended is None or self._was_ended, f"it ended by itself with status {ended}: {self.said()}"

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and body of an answer, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            said = answer.read()
            is_json = answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(said) if is_json else said
        finally:
            connection.close()

    def flush(self) -> None:
        """Until everything acknowledged can be read."""
        status, said = self.ask("POST", f"/v1/flush?timeout={PATIENCE}")
        assert status == 200, (said, self.said())

    def members(self, role: str = "") -> list[int]:
        """Its living processes: all of them, or those of one role."""
        if self._process is None:
            return []
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and _group(place) == self._process.pid:
                line = _read(place / "cmdline").split("\0")
                if not role or ("argus_server.child" in line and role in line):
                    found.append(int(place.name))
        return sorted(found)

    def said(self) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def doing(self, role: str) -> str:
        """What processes of a role say that each of their threads is doing."""
        before = len(self._log.read_bytes())
        for process in self.members(role):
            os.kill(process, signal.SIGUSR1)
        time.sleep(1)
        return self._log.read_bytes()[before:].decode(errors="replace")

    # --- dying --------------------------------------------------------------------------------

    def kill_everything(self) -> None:
        """SIGKILL to every process at once, as the machine's end would be."""
        assert self._process is not None
        self._was_ended = True
        if self.members():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        until(lambda: not self.members(), "the killed processes to be gone")

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor alone; returns when its children have noticed and gone."""
        assert self._process is not None
        self._was_ended = True
        self._process.kill()
        self._process.wait()
        until(lambda: not self.members(), lambda: f"the orphans to go; they said {self.said()}")

    def kill_one(self, role: str, rng: random.Random) -> int:
        """SIGKILL to one worker or to the keeper; the supervisor has to start another."""
        victim: int = rng.choice(until(lambda: self.members(role), f"a {role}"))
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in self.members(), f"the killed {role} to be gone")
        return victim

    def stop(self) -> int:
        """SIGTERM to the supervisor, as an init system sends it; the exit status."""
        assert self._process is not None
        self._was_ended = True
        self._process.terminate()
        return self._process.wait(PATIENCE)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return ""


def _group(place: Path) -> int | None:
    """The process group of a process; None for one that has ended, and holds nothing any more."""
    state, _, group, *_ = _read(place / "stat").rpartition(") ")[2].split() or ["X", "", ""]
    return None if state == "X" or (state == "Z" and not _has_threads(place)) else int(group)


def _has_threads(place: Path) -> bool:
    """Whether a thread outlives the first one: then files and sockets are open still."""
    try:
        return len(list((place / "task").iterdir())) > 1
    except OSError:
        return False
