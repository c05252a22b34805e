"""A JupyterLab (or Notebook) that runs as its users run it, on loopback, with a folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import nbformat

from notebooks.receiver import environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN = "a-token-for-this-test"  # noqa: S105  of a server that lives as long as a test
STARTS_WITHIN_S = 120
STOPS_WITHIN_S = 60
QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/completer-extension:manager": {"autoCompletion": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
"""Settings without which JupyterLab asks a newcomer, or the network, something, or leaves cells out."""


@dataclass(frozen=True)
class Lab:
    """A running server: where it answers, the folder it serves, its log and its users' settings."""

    base: str
    folder: Path
    log: Path
    settings: Path

    def page(self, kind: str, name: str) -> str:
        """The address of a notebook: ``kind`` is ``lab`` or ``notebooks``.

        JupyterLab keeps the tabs of a workspace, so each notebook has one of its own.
        """
        place = f"lab/workspaces/{name.partition('.')[0]}/tree" if kind == "lab" else kind
        return f"{self.base}/{place}/{quote(name)}?token={TOKEN}"

    def write(self, name: str, *cells: str) -> Path:
        """A notebook of these cells, not yet run."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.folder / name
        nbformat.write(made, path)
        return path

    def stored(self, name: str) -> nbformat.NotebookNode:
        """A notebook as the server wrote it."""
        return nbformat.read(self.folder / name, as_version=4)

    def kernels(self) -> list[str]:
        """Ids of the kernels that run."""
        return [each["id"] for each in json.loads(self._asked("GET", "/api/kernels"))]

    def end_kernel(self, name: str) -> None:
        """Shut a notebook's kernel down, as somebody does who closes it."""
        for session in json.loads(self._asked("GET", "/api/sessions")):
            if session["path"] == name:
                self._asked("DELETE", f"/api/sessions/{session['id']}")

    def _asked(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {TOKEN}"}
        asked = urllib.request.Request(self.base + path, method=method, headers=headers)  # noqa: S310  our own
        with urllib.request.urlopen(asked, timeout=STOPS_WITHIN_S) as answer:  # noqa: S310  the same
            return bytes(answer.read())


@contextmanager
def serving(app: str, place: Path, variables: Mapping[str, str], *options: str) -> Iterator[Lab]:
    """Run ``jupyterlab`` or ``notebook`` with these variables for its kernels; stopped at the end."""
    folder, config = place / "notebooks", place / "config"
    folder.mkdir(parents=True)
    settings = config / "lab" / "user-settings"
    for name, told in QUIET.items():
        extension, _, plugin = name.partition(":")
        file = settings / extension / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told), encoding="utf-8")
    told = environment(
        JUPYTER_CONFIG_DIR=str(config),
        JUPYTER_DATA_DIR=str(place / "data"),
        JUPYTER_RUNTIME_DIR=str(place / "runtime"),
        JUPYTERLAB_SETTINGS_DIR=str(settings),
        JUPYTERLAB_WORKSPACES_DIR=str(place / "workspaces"),
        IPYTHONDIR=str(place / "ipython"),
        **variables,
    )
    port = free_port()
    command = [
        sys.executable,
        "-m",
        app,
        "--no-browser",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    command += options
    log = place / "jupyter.log"
    with log.open("wb") as lines:
        running = subprocess.Popen(command, env=told, stdout=lines, stderr=lines, cwd=folder)
        lab = Lab(f"http://127.0.0.1:{port}", folder, log, settings)
        try:
            _wait_until_ready(lab, running)
            yield lab
        finally:
            running.terminate()
            try:
                running.wait(STOPS_WITHIN_S)
            finally:
                running.kill()  # one that hangs is an error, and is not left running


def _wait_until_ready(lab: Lab, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            lab.kernels()
        except OSError:
            assert running.poll() is None, lab.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, lab.log.read_text(encoding="utf-8")
            time.sleep(0.2)
        else:
            return
