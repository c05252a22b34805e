"""``argus-lab demo``: a receiver, the sample sessions sent over real OTLP, what arrived, and the pages."""

from __future__ import annotations

import gzip
import signal
import sys
import tempfile
import webbrowser
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

import argus_lab
from argus_lab.errors import ArgusError, NotFound
from argus_server.commands.up import pages_of, receiver_of
from argus_server.running import first_to_end
from argus_server.sending import Sender
from argus_server.sessions_table import sessions_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_lab.settings import Settings

__all__ = ["datasets_directory", "demo"]

EXAMPLE: Final = "example-trace.json"
SESSIONS: Final = "support-sessions/*.jsonl.gz"
JSON: Final = {"Content-Type": "application/json"}


def demo(settings: Settings, lake: str | None, *, once: bool, no_browser: bool) -> int:
    """Send the sample data to a receiver of its own, print the sessions in its lake, and show its pages."""
    folder = datasets_directory()
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what was begun is ended below
    with _lake(lake, once=once) as place, ExitStack() as stack:
        here = replace(settings, lake=place)
        receiver = stack.enter_context(receiver_of(here))
        sent = _send(receiver.url, folder)
        print(f"Sent {sent} requests to {receiver.url}/v1/traces.", flush=True)  # noqa: T201  this command is for reading
        _print_sessions(console, place)
        if once:
            return 0
        pages = stack.enter_context(pages_of(here))
        print(  # noqa: T201
            f"\nThe receiver goes on at {receiver.url}.\nThe pages are at {pages.url}.\nOr look at the spans "
            f"in a notebook:\n\n    import argus_lab as al\n    lake = al.open({place!r})\n"
            "    lake.spans()\n\n"
            "Ctrl-C stops everything.",
            flush=True,
        )
        if not no_browser:
            webbrowser.open(pages.url)
        return first_to_end([receiver, pages])


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
