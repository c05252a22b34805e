"""A process under the supervisor: a worker that answers requests, or the keeper of the lake.

The supervisor hands each child three things: its settings as one line on stdin, the listening
sockets as inherited descriptors, and a pipe on which the child says that it is ready. The stdin
stays open as long as the supervisor lives, so its end tells a child that it has been orphaned,
however the supervisor died; then it stops as if it had been asked to, and nothing holds the ports.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from argus_lab.errors import ArgusError
from argus_lab.settings import Settings
from argus_server.logs import Log, adopt_logging, places

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

READY = b"ready\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one child until it is told to stop; the exit status is 0 if it did so cleanly."""
    parser = argparse.ArgumentParser(prog="argus_server.child", description=__doc__)
    parser.add_argument("role", choices=["worker", "keeper"])
    parser.add_argument("--name", required=True)
    parser.add_argument("--report", type=int, required=True, help="descriptor to say `ready` on")
    parser.add_argument("--sockets", type=int, nargs="*", default=[], help="listening descriptors")
    given = parser.parse_args(arguments)
    # Ctrl-C and a closing terminal reach the whole group; the supervisor alone decides the order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1)  # says what each thread is doing, and goes on
    settings = _settings()
    log = Log(given.name, settings.log_level)
    adopt_logging(log)
    try:
        if given.role == "worker":
            _worker(settings, given.sockets, given.report, log)
        else:
            _keeper(settings, given.report)
    except Exception as error:  # noqa: BLE001  the last place before the process ends
        reason = str(error) if isinstance(error, ArgusError) else None
        log("error", "died", reason=reason, exception=places(error))
        if os.environ.get("ARGUS_DEBUG"):  # asked for, although a message may quote what was sent
            traceback.print_exception(error)
        return 1
    finally:
        log.close()
    return 0


def _settings() -> Settings:
    line = bytearray()
    while not line.endswith(b"\n"):
        part = os.read(0, 65536)
        if not part:
            sys.exit("argus_server.child: the supervisor went away before it sent the settings")
        line += part
    return msgspec.json.decode(line, type=Settings)


def _worker(settings: Settings, descriptors: Sequence[int], report: int, log: Log) -> None:
    import uvloop

    from argus_server.worker import serve

    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    uvloop.run(serve(settings, sockets, log, ready=lambda: _say_ready(report)))


def _keeper(settings: Settings, report: int) -> None:
    from argus_lab.lake import keeper

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_orphaned, args=(stop,), name="parent", daemon=True).start()
    _say_ready(report)
    keeper.run(settings, should_stop=stop.is_set)


def _orphaned(stop: threading.Event) -> None:
    """Wait for the end of stdin, which is the end of the supervisor."""
    while os.read(0, 4096):
        pass
    stop.set()


def _say_ready(report: int) -> None:
    # A supervisor that died meanwhile hears nothing; the end of stdin says so, and stops us in order.
    with suppress(BrokenPipeError):
        os.write(report, READY)


if __name__ == "__main__":
    sys.exit(main())
