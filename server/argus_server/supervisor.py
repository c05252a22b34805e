"""The process that starts, watches and stops the workers and the keeper.

It binds the sockets once and hands them to every worker, so that a port is never free for others
while a worker is started again, and connections made meanwhile wait instead of failing. It stops
in order: first the workers, which end what they began, then the keeper, which brings everything
acknowledged into the lake.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from argus_lab.errors import ArgusError
from argus_server.child import READY
from argus_server.logs import Log

if TYPE_CHECKING:
    from argus_lab.settings import Settings
    from argus_server.addresses import Bound

__all__ = ["Supervisor", "announcement"]

SHARED_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
STEADY_SECONDS: Final = 10.0
"""A child that lived so long is started again at once; one that dies sooner waits, longer each time."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
FIRST_TRIES: Final = 3
"""Deaths of a child before the first was ever ready, after which starting is given up."""
WORKER_GRACE: Final = 25.0
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(slots=True)
class Child:
    """One process and what is known of it."""

    role: str
    name: str
    process: subprocess.Popen[bytes] | None = None
    report: int = -1
    started: float = 0.0
    ready: bool = False
    deaths: int = 0
    """Deaths in quick succession."""
    start_at: float = field(default=0.0)


class Supervisor:
    """Runs the receiver on bound sockets until a signal, or the end of stdin, asks it to stop."""

    def __init__(self, settings: Settings, bound: Bound, log: Log, *, stop_with_stdin: bool = False) -> None:
        self._settings = settings
        self._bound = bound
        self._log = log
        names = [f"worker {number}" for number in range(settings.workers)]
        self._workers = [Child("worker", name) for name in names]
        self._keeper = Child("keeper", "keeper")
        self._selector = selectors.DefaultSelector()
        self._asked = 0
        self._announced = False
        if stop_with_stdin:
            self._selector.register(0, selectors.EVENT_READ, None)

    def run(self, announce: list[str]) -> int:
        """Serve; the lines of ``announce`` are printed once every worker accepts.

        Returns
        -------
        int
            0 if everything acknowledged is in the lake, 1 if stopping was forced or failed.
        """
        metrics = tempfile.mkdtemp(prefix="argus-metrics-")
        os.environ[SHARED_METRICS] = metrics
        waker = self._catch_signals()
        try:
            while not self._asked:
                self._start_those_due()
                self._wait(self._next_start())
                self._announce(announce)
            self._log("info", "stopping")
            return self._stop()
        finally:
            for child in (*self._workers, self._keeper):
                self._kill(child)
            for end in waker:
                end.close()
            self._selector.close()
            shutil.rmtree(metrics, ignore_errors=True)

    def _catch_signals(self) -> tuple[socket.socket, socket.socket]:
        # A byte arrives on the wakeup descriptor for each signal, so that waiting ends at once.
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask)
        self._selector.register(reading, selectors.EVENT_READ, None)
        return reading, writing

    def _ask(self, *_: object) -> None:
        self._asked += 1

    # --- while serving ------------------------------------------------------------------------

    def _start_those_due(self) -> None:
        for child in (self._keeper, *self._workers):
            if child.process is None and child.start_at <= time.monotonic():
                self._start(child)

    def _next_start(self) -> float | None:
        due = [c.start_at for c in (*self._workers, self._keeper) if c.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _start(self, child: Child) -> None:
        report, report_theirs = os.pipe()
        sockets = [s.fileno() for s in self._bound.sockets] if child.role == "worker" else []
        command = [sys.executable, "-P", "-m", "argus_server.child", child.role]
        command += ["--name", child.name, "--report", str(report_theirs)]
        command += ["--sockets", *map(str, sockets)]
        process = subprocess.Popen(  # noqa: S603  our own module under our own interpreter
            command, stdin=subprocess.PIPE, pass_fds=(report_theirs, *sockets)
        )
        os.close(report_theirs)
        assert process.stdin is not None  # noqa: S101  it is a pipe
        try:
            process.stdin.write(msgspec.json.encode(self._settings) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._log("debug", "child died before it read its settings", child=child.name)
        child.process, child.report = process, report
        child.started, child.ready = time.monotonic(), False
        self._selector.register(report, selectors.EVENT_READ, child)
        self._log("info", "child started", child=child.name, pid=process.pid)

    def _wait(self, seconds: float | None) -> None:
        """Until something happens: a signal, a child that is ready, a child that died."""
        for key, _ in self._selector.select(seconds):
            if key.fd == 0:  # whoever started us and holds the other end is gone
                if not os.read(0, 4096):
                    self._selector.unregister(0)
                    self._ask()
            elif key.data is None:
                os.read(key.fd, 4096)  # the waker
            elif os.read(key.data.report, 4096).startswith(READY):
                key.data.ready = True
            else:  # the pipe ends when the process does
                self._bury(key.data)

    def _bury(self, child: Child) -> None:
        assert child.process is not None  # noqa: S101  its pipe was open until now
        status = child.process.wait()
        pid, lived = child.process.pid, time.monotonic() - child.started
        self._forget(child)
        if self._asked:
            return
        child.deaths = 1 if lived > STEADY_SECONDS else child.deaths + 1
        wait = (
            0.0
            if child.deaths == 1 and child.ready
            else min(FIRST_WAIT * 2 ** (child.deaths - 1), LONGEST_WAIT)
        )
        child.start_at = time.monotonic() + wait
        self._log(
            "error", "child died", child=child.name, pid=pid, status=_ending(status), restart_seconds=wait
        )
        self._count_restart(child, pid)
        if not self._announced and child.role == "worker" and child.deaths >= FIRST_TRIES:
            raise ArgusError(
                f"{child.name} died {child.deaths} times while starting ({_ending(status)}). "
                "The lines above say why; argus-lab doctor checks the installation."
            )

    def _count_restart(self, child: Child, pid: int) -> None:
        # Imported late: the library looks at SHARED_METRICS when it is imported.
        from prometheus_client.multiprocess import mark_process_dead

        from argus_server.metrics import RESTARTS

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
        RESTARTS.labels(child.role).inc()

    def _announce(self, lines: list[str]) -> None:
        if not self._announced and all(worker.ready for worker in self._workers):
            self._announced = True
            for line in lines:
                print(line, flush=True)  # noqa: T201  this is what the command is asked for
            self._log("info", "serving", urls=self._bound.urls, workers=len(self._workers))

    # --- stopping -----------------------------------------------------------------------------

    def _stop(self) -> int:
        self._bound.close()
        clean = self._end(self._workers, WORKER_GRACE)
        clean = self._end_keeper() and clean
        left = self._left_behind()
        if left:
            self._log("error", "acknowledged spans wait in the journal for the next start", bytes=left)
        self._log("info" if clean else "warning", "stopped", clean=clean)
        return 0 if clean and not left else 1

    def _end_keeper(self) -> bool:
        """Let the keeper take in everything; it has as long as it needs, since all of it was acknowledged."""
        if self._keeper.process is None:  # it died a moment ago, and is needed once more
            self._start(self._keeper)
        while self._keeper.process is not None and not self._keeper.ready and self._asked <= 1:
            self._wait(None)
        return self._end([self._keeper], None)

    def _left_behind(self) -> int:
        """Acknowledged bytes that no living keeper will bring into the lake."""
        from argus_lab.lake import progress  # needed at the end only
        from argus_lab.lake.journal import journal_root

        root = journal_root(self._settings.lake)
        try:
            return progress.backlog(root) if progress.status(root).state == "absent" else 0
        except OSError as error:
            self._log("error", "the journal cannot be read", reason=str(error))
            return 0

    def _end(self, children: list[Child], seconds: float | None) -> bool:
        """Ask these children to stop and wait; False if one had to be killed or failed."""
        deadline = None if seconds is None else time.monotonic() + seconds
        asked = [(c.process, c.ready) for c in children if c.process is not None]
        for process, _ in asked:
            process.terminate()
        while any(child.process is not None for child in children):
            left = None if deadline is None else deadline - time.monotonic()
            if self._asked > 1 or (left is not None and left <= 0):
                self._log("warning", "forced to stop", children=[c.name for c in children if c.process])
                for child in children:
                    self._kill(child)
                return False
            self._wait(left)
        # A child that was still starting has no handler for the signal yet, and nothing to lose.
        return all(p.returncode == 0 or (p.returncode == -signal.SIGTERM and not ready) for p, ready in asked)

    def _kill(self, child: Child) -> None:
        if child.process is not None:
            child.process.kill()
            child.process.wait()
            self._forget(child)

    def _forget(self, child: Child) -> None:
        assert child.process is not None  # noqa: S101  only living or just ended children are forgotten
        assert child.process.stdin is not None  # noqa: S101  it is a pipe
        self._selector.unregister(child.report)
        os.close(child.report)
        child.process.stdin.close()
        child.process = None


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def announcement(settings: Settings, bound: Bound) -> list[str]:
    """The lines that say where the receiver listens and where the spans go."""
    lake = settings.lake if "://" in settings.lake else str(Path(settings.lake).resolve())
    return [
        f"Argus Lab receives OpenTelemetry traces at {' and '.join(bound.urls)}",
        f"Lake: {lake}   Send to: {bound.urls[0]}/v1/traces   Stop: Ctrl-C",
    ]
