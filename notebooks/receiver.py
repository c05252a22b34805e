"""A receiver with a lake of its own, for the notebooks that send spans."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["READERS_PORT", "SENDERS", "STEERING", "environment", "free_port", "receiving"]

ROOT = Path(__file__).resolve().parents[1]
SENDERS = {"01-quickstart.ipynb", "10-bring-your-own-instrumentation.ipynb", "11-chat.ipynb"}
"""Notebooks that need a receiver. Each has one of its own, so that neither sees the other's spans."""

STEERING = ("ARGUS_", "OTEL_", "OLLAMA_")
"""Beginnings of variables that say where spans go, and which models answer."""

READERS_PORT = 4318
"""Where a reader's receiver listens, and where notebooks send unless told otherwise."""

STARTS_WITHIN_S = 120
STOPS_WITHIN_S = 60


def environment(**more: str) -> dict[str, str]:
    """The variables of this process without those that steer tracing, with the repository to import from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    path = [*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT), str(ROOT / "server")]
    return kept | {"PYTHONPATH": os.pathsep.join(path)} | more


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def receiving(port: int | None = None, **variables: str) -> Iterator[Mapping[str, str]]:
    """Run a receiver on a temporary lake; gives the variables by which a notebook finds both.

    Its Ollama is at a free port, where a notebook may start a stand-in: never the one of this machine.
    """
    variables.setdefault("OLLAMA_HOST", f"http://127.0.0.1:{free_port()}")
    base = f"http://127.0.0.1:{port or free_port()}"
    with TemporaryDirectory(prefix="argus-notebooks-") as lake:
        told = environment(ARGUS_LAKE=lake, **variables)
        command = [sys.executable, "-m", "argus_server", "serve", "--port", base.rpartition(":")[2]]
        running = subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_ready(base, running)
            yield {
                "ARGUS_LAKE": lake,
                "OTEL_EXPORTER_OTLP_ENDPOINT": base,
                "ARGUS_RECEIVER": base,
                **variables,
            }
        finally:
            running.terminate()
            running.wait(STOPS_WITHIN_S)


def _wait_until_ready(base: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):
                return
        except OSError as error:
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no receiver at {base}; start one by hand to see why.") from error
            time.sleep(0.1)
