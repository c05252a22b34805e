"""A lake with sample sessions, and a receiver, for the code that the documentation shows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from argus_lab.testing import FakeOllama
from docs.measure_pages import SAMPLES
from tests.house.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 30


def _environment(lake: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARGUS_", "OTEL_"))}
    return kept | {"ARGUS_LAKE": str(lake), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "server")])}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake into which the repository's sample data were imported by the command line."""
    lake = tmp_path_factory.mktemp("docs") / "lake"
    command = [sys.executable, "-m", "argus_server", "import", *map(str, SAMPLES)]
    subprocess.run(command, check=True, env=_environment(lake), timeout=STARTS_WITHIN_S)
    return lake


@pytest.fixture(scope="session")
def ollama() -> Iterator[FakeOllama]:
    """A stand-in for Ollama, for the pages that chat."""
    with FakeOllama() as fake:
        yield fake


@pytest.fixture(scope="session")
def receiver(sample_lake: Path, ollama: FakeOllama) -> Iterator[str]:
    """The base URL of a receiver on that lake."""
    base = f"http://127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", "argus_server", "serve", "--port", base.rpartition(":")[2]]
    running = subprocess.Popen(command, env=_environment(sample_lake) | {"ARGUS_OLLAMA_HOST": ollama.url})
    try:
        _wait_until_ready(base, running)
        yield base
    finally:
        running.terminate()
        running.wait(STOPS_WITHIN_S)


def _wait_until_ready(base: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=5):  # noqa: S310  our own receiver
                return
        except OSError:
            assert running.poll() is None, "the receiver ended before it was ready"
            assert time.monotonic() < deadline, "the receiver was not ready in time"
            time.sleep(0.1)
