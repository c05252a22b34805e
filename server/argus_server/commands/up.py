"""``argus-lab up``: the receiver and the pages, and JupyterLab where it is asked for."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import webbrowser
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab.errors import MissingExtra
from argus_server.running import Running, first_to_end, running, started

if TYPE_CHECKING:
    from argus_lab.settings import Settings

__all__ = ["SETTINGS", "pages_of", "receiver_of", "up"]

SETTINGS = ("host", "port", "lake", "keep", "default_project", "rules", "dashboard_port")


def up(settings: Settings, *, lab: bool, no_browser: bool) -> int:
    """Run them until Ctrl-C, or until one of them ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what was begun is ended below
    if lab and importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab is not installed. Install it with:  pip install 'argus-lab[lab]'")
    with ExitStack() as stack:
        parts = [stack.enter_context(receiver_of(settings)), stack.enter_context(pages_of(settings))]
        receiver, pages = parts
        print(f"Receiving on {receiver.url}/v1/traces into the lake {settings.lake}.")  # noqa: T201  it is the answer
        print(f"Pages on {pages.url}.", flush=True)  # noqa: T201  the same
        if lab:
            parts.append(_lab(stack, settings.lake, no_browser=no_browser))
        elif not no_browser:
            webbrowser.open(pages.url)
        print("Ctrl-C stops everything.", flush=True)  # noqa: T201  the same
        return first_to_end(parts)


def receiver_of(settings: Settings) -> AbstractContextManager[Running]:
    """The receiver, to be entered."""
    command = ["serve", "--lake", settings.lake, "--host", settings.host, "--log-level", "warning"]
    for port in settings.port:
        command += ["--port", str(port)]
    for name in ("keep", "default_project", "rules"):
        value = getattr(settings, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", f"{value}d" if name == "keep" else str(value)]
    return running("the receiver", command)


def pages_of(settings: Settings) -> AbstractContextManager[Running]:
    """The pages, to be entered."""
    command = ["dashboard", "--no-browser", "--lake", settings.lake, "--port", str(settings.dashboard_port)]
    return running("the server of pages", command)


def _lab(stack: ExitStack, lake: str, *, no_browser: bool) -> Running:
    """JupyterLab on the notebooks, with the lake as the one that ``al.open()`` opens."""
    folder = Path("notebooks") if Path("notebooks").is_dir() else Path.cwd()
    os.environ["ARGUS_LAKE"] = str(Path(lake).absolute()) if "://" not in lake else lake
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", "--ServerApp.ip=127.0.0.1"]
    command += ["--no-browser"] if no_browser else []
    process = stack.enter_context(started(command))
    print(f"JupyterLab on the folder {folder}; it says its address above.", flush=True)  # noqa: T201
    return Running("JupyterLab", "", process)
