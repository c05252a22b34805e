"""``argus-lab demo``: a receiver, the sample sessions sent over real OTLP, and what arrived."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

import argus_lab
from argus_lab.errors import ArgusError, NotFound
from argus_server.sending import Sender
from argus_server.sessions_table import sessions_table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["datasets_directory", "demo"]

EXAMPLE: Final = "example-trace.json"
SESSIONS: Final = "support-sessions/*.jsonl.gz"
JSON: Final = {"Content-Type": "application/json"}
STOP_SECONDS: Final = 60.0


def demo(ports: tuple[int, ...], lake: str | None, *, once: bool) -> int:
    """Send the sample data to a receiver of its own and print the sessions found in its lake."""
    folder = datasets_directory()
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what was begun is ended below
    with _lake(lake, once=once) as place, _receiver(ports, place) as (url, process):
        sent = _send(url, folder)
        print(f"Sent {sent} requests to {url}/v1/traces.")  # noqa: T201  this command is for reading
        _print_sessions(console, place)
        if once:
            return 0
        print(  # noqa: T201
            f"\nThe receiver goes on at {url}. Look at the spans in a notebook:\n\n"
            f"    import argus_lab as al\n    lake = al.open({place!r})\n    lake.spans()\n\n"
            "Ctrl-C stops it.",
            flush=True,
        )
        return _wait(process)


def datasets_directory() -> Path:
    """The folder of sample data that belongs to this installation.

    Raises
    ------
    NotFound
        If Argus Lab was installed without it, as from a wheel.
    """
    beside = Path(argus_lab.__file__).resolve().parent.parent / "datasets"
    for folder in (beside, Path.cwd() / "datasets"):
        if (folder / EXAMPLE).is_file() and any(folder.glob(SESSIONS)):
            return folder
    raise NotFound(
        f"the sample sessions are not installed: no {EXAMPLE} and {SESSIONS} in {beside} or in "
        f"{Path.cwd() / 'datasets'}. They come with the source: run the demo in a clone of the repository."
    )


@contextmanager
def _lake(given: str | None, *, once: bool) -> Iterator[str]:
    if given is not None:
        yield given
    elif once:
        with tempfile.TemporaryDirectory(prefix="argus-demo-", ignore_cleanup_errors=True) as folder:
            yield folder
    else:
        # Kept after Ctrl-C: whoever opened it in a notebook goes on reading.
        yield tempfile.mkdtemp(prefix="argus-demo-")


@contextmanager
def _receiver(ports: tuple[int, ...], lake: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A receiver as a process of its own; its first address."""
    command = [sys.executable, "-P", "-m", "argus_server", "serve", "--lake", lake]
    command += ["--log-level", "warning", "--stop-with-stdin"]  # so that it never outlives the demo
    for port in ports:
        command += ["--port", str(port)]
    # Ctrl-C reaches it too, but it is stopped by us, after what we still have to say.
    process = subprocess.Popen(  # noqa: S603  our own module under our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield _address(process), process
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


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    for line in process.stdout:
        if found := re.search(r"https?://\S+", line):
            return found[0]
    raise ArgusError("the receiver of the demo did not start; the line above says why")


def _send(url: str, folder: Path) -> int:
    bodies = [(folder / EXAMPLE).read_bytes()]
    for path in sorted(folder.glob(SESSIONS)):
        with gzip.open(path) as lines:
            bodies += [line for line in lines if line.strip()]
    console = Console(stderr=True)
    with Sender(url) as sender, Progress(console=console, disable=not console.is_terminal) as progress:
        for body in progress.track(bodies, description="Sending sessions"):
            packed = gzip.compress(body, compresslevel=1)
            answer = sender.post("/v1/traces", packed, {**JSON, "Content-Encoding": "gzip"})
            if answer.status != 200:  # noqa: PLR2004
                raise ArgusError(f"the receiver refused a sample session with {answer.status}: {answer.text}")
        answer = sender.post("/v1/flush")
        if answer.status != 200:  # noqa: PLR2004
            raise ArgusError(f"the sessions did not become readable: {answer.text}")
    return len(bodies)


def _print_sessions(console: Console, lake: str) -> None:
    table = sessions_table(argus_lab.open(lake))
    # A pipe or a file has no width of its own; a table cut to 80 columns would lose what it shows.
    console.print(table) if console.is_terminal else Console(width=160).print(table)


def _wait(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
