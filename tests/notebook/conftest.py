"""A receiver of its own for each test that wants one, and real kernels that run cells."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from tests.house.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 120.0  # not a limit on speed: the time after which a hang is called a hang


def environment(**given: str) -> dict[str, str]:
    """The environment of this process without what would steer a receiver or an SDK, and what is given."""
    steers = ("ARGUS_", "OTEL_", "JPY_", "VSCODE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steers)}
    paths = [str(ROOT), str(ROOT / "server")]
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "IPYTHON_COLORS": "NoColor"} | given


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Receiver:
    """A running receiver: its URL and its lake."""

    url: str
    lake: str
    process: subprocess.Popen[str]

    def flush(self) -> None:
        """Return once all it acknowledged can be read."""
        with urllib.request.urlopen(f"{self.url}/v1/flush", b"", PATIENCE):  # noqa: S310  our own receiver
            pass

    def stop(self) -> None:
        """End it as Ctrl-C does; what it acknowledged is in the lake then."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


def _wait_until_ready(url: str) -> None:
    """It says where it is once its workers accept, and is ready once its keeper has said how it is, too."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE):  # noqa: S310  our own receiver
                return
        except urllib.error.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Receiver]]:
    """Start receivers; all are stopped at the end."""
    started: list[Receiver] = []

    def start(lake: str | None = None, port: int = 0) -> Receiver:
        place = lake or str(tmp_path_factory.mktemp("receiver") / "lake")
        command = [sys.executable, "-P", "-m", "argus_server", "serve", "--lake", place, "--port", str(port)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://\S+", first)
        assert found, f"it did not start: {first}"
        started.append(Receiver(found[0], place, process))
        _wait_until_ready(found[0])
        return started[-1]

    yield start
    for receiver in started:
        if receiver.process.poll() is None:
            receiver.stop()


@pytest.fixture(scope="module")
def receiver(serve: Callable[..., Receiver]) -> Receiver:
    """One receiver for all tests that only send to it."""
    return serve()


@dataclass
class Ran:
    """What a cell put out, in order, and how it ended."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    status: str = ""
    error: str = ""
    number: int = 0

    @property
    def text(self) -> str:
        """Everything printed, and the plain text of results and displays."""
        told = [part.get("text") or part.get("data", {}).get("text/plain", "") for part in self.outputs]
        return "\n".join(told)

    @property
    def html(self) -> str:
        """The HTML of displays."""
        return "\n".join(part.get("data", {}).get("text/html", "") for part in self.outputs)

    @property
    def kinds(self) -> list[str]:
        """What kinds of output there are, in order."""
        return [part["kind"] for part in self.outputs]


class Kernel:
    """A real IPython kernel in a process of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=env, cwd=str(folder))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def run(self, cell: str) -> Ran:
        """Run a cell as a notebook does, and gather what it puts out."""
        ran = Ran()

        def take(message: dict[str, Any]) -> None:
            kind, content = message["header"]["msg_type"], message["content"]
            if kind in {"stream", "execute_result", "display_data", "error"}:
                ran.outputs.append({"kind": kind, **content})

        reply = self.client.execute_interactive(cell, output_hook=take, timeout=PATIENCE)["content"]
        ran.status, ran.error = reply["status"], reply.get("ename", "")
        ran.number = reply["execution_count"]
        return ran

    def ok(self, cell: str) -> Ran:
        """Run a cell that must not fail."""
        ran = self.run(cell)
        assert ran.status == "ok", ran.outputs
        return ran

    def stop(self) -> None:
        """End the kernel as a user does, so that what runs at exit runs."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels; all are stopped at the end."""
    started: list[Kernel] = []

    def start(**env: str) -> Kernel:
        started.append(Kernel(tmp_path, environment(**env)))
        return started[-1]

    yield start
    for each in started:
        if each.manager.has_kernel:
            each.stop()


LOAD = """
from argus_lab.notebook import magics
from argus_lab.notebook.instrumenting import instrument
from opentelemetry import trace
magics.load_ipython_extension(get_ipython())
on = instrument("magic", instrumentors=[])
"""


@pytest.fixture(scope="module")
def loaded(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that sends to the receiver, with the extension loaded; one for the tests of a module."""
    env = environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        ARGUS_LAKE=receiver.lake,
        JPY_SESSION_NAME="folder/story.ipynb",
    )
    here = Kernel(tmp_path_factory.mktemp("loaded"), env)
    here.ok(LOAD)
    yield here
    here.stop()
