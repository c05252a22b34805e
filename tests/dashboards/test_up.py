"""``argus-lab up``: it receives spans and shows them, and all that it began ends with it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dashboards.conftest import PATIENCE, environment
from tests.dashboards.test_sessions_page import _post

expect.set_options(timeout=PATIENCE * 1000)


class Up:
    """The command while it runs, and the addresses that it says."""

    def __init__(self, folder: Path, *more: str) -> None:
        ports = ["--port", "0", "--dashboard-port", "0", "--no-browser"]
        command = [sys.executable, "-P", "-m", "argus_server", "up", "--lake", str(folder / "lake"), *ports]
        self.process = subprocess.Popen(
            [*command, *more],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(JUPYTER_CONFIG_DIR=str(folder)),
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("Ctrl-C"):
                break
        told = "".join(self.said)
        self.receiver = re.findall(r"(http://\S+)/v1/traces", told)[0]
        self.pages = re.findall(r"(http://\S+)/sessions", told)[0]
        self.words: list[str] = []
        self._listens = threading.Thread(target=lambda: self.words.extend(self.process.stderr or ()))
        self._listens.start()

    def stop(self, number: int) -> int:
        """Send a signal; the status that it ends with."""
        self.process.send_signal(number)
        return self.process.wait(2 * PATIENCE)

    def close(self) -> None:
        """Leave nothing open, whatever the test did."""
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
        self._listens.join()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Start the command on free ports."""
    begun: list[Up] = []

    def begin(*more: str) -> Up:
        begun.append(Up(tmp_path, *more))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def _below(pid: int) -> set[int]:
    """The processes that a process began, and those that they began."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, left = set(), [pid]
    while left:
        for child in children.get(left.pop(), []):
            found.add(child)
            left.append(child)
    return found


def _until_gone(pids: set[int]) -> None:
    end = time.monotonic() + PATIENCE
    left = pids
    while left and time.monotonic() < end:
        left = {pid for pid in left if _is_alive(pid)}
        time.sleep(0.05)
    assert not left


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # it has ended, and whoever inherited it has yet to hear of it


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_trace_is_shown_and_everything_ends(up: Callable[..., Up], tab: Callable[..., Page], number: int):
    """What is sent to the one address appears at the other; SIGTERM and Ctrl-C end it all with status 0."""
    running = up()
    page = tab(f"{running.pages}/sessions")
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for the first trace")
    _post(running.receiver, "chat-1", 1)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.goto("about:blank")
    begun = _below(running.process.pid)
    assert len(begun) >= 2
    assert running.stop(number) == 0
    _until_gone(begun)
    running.close()
    assert running.words == []


def test_it_ends_when_a_part_of_it_ends(up: Callable[..., Up]):
    """If the server of pages ends by itself, so does the rest: a line says which, the status is not 0."""
    running = up()
    begun = _below(running.process.pid)
    pages = [pid for pid in begun if b"\0dashboard\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(pages[0], signal.SIGKILL)
    assert running.process.wait(2 * PATIENCE) != 0
    _until_gone(begun)
    running.close()
    assert "argus-lab: the server of pages has ended" in "".join(running.words)


@pytest.mark.slow
def test_jupyterlab_comes_and_goes_with_it(up: Callable[..., Up], tmp_path: Path):
    """With --lab there is a JupyterLab that answers, and it ends with the rest."""
    (tmp_path / "jupyter_server_config.json").write_text(
        '{"ServerApp": {"allow_root": true}}'
    )  # in containers
    running = up("--lab")
    address = ""
    end = time.monotonic() + 2 * PATIENCE
    while not address and time.monotonic() < end:
        address = next(iter(re.findall(r"(http://127\S+/lab\S*)", "".join(running.words))), "")
        time.sleep(0.1)
    assert address, running.words
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310  our own JupyterLab
        assert answer.status == 200
    begun = _below(running.process.pid)
    assert running.stop(signal.SIGTERM) == 0
    _until_gone(begun)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=PATIENCE)  # noqa: S310  the same
