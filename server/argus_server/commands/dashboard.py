"""``argus-lab dashboard``: the pages."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from argus_lab import settings as all_settings
from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from argus_lab.dashboards.serving import Pages
    from argus_lab.settings import Settings

__all__ = ["SETTINGS", "dashboard"]

SETTINGS = ("lake", "dashboard_origins", "dashboard_lakes", "dashboard_memory", "dashboard_cache")


def dashboard(settings: Settings, *, is_open: bool, stop_with_stdin: bool) -> int:
    """Serve the pages until Ctrl-C or SIGTERM."""
    _hand_on(settings)
    served = _listening(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: served.stop())
    if stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(served,), daemon=True).start()
    print(f"Pages of the lake {settings.lake} on {served.url}/sessions. Ctrl-C stops them.", flush=True)  # noqa: T201
    if is_open:
        webbrowser.open(f"{served.url}/sessions")
    served.run()
    served.forget()
    sys.stdout.flush()
    os._exit(0)  # threads of the engine may be in the middle of a query, and have nothing to save


def _listening(settings: Settings) -> Pages:
    """On the port that is asked for; where nobody asked and the usual one is taken, on any that is free."""
    from argus_lab.dashboards.digests import warm  # the command line imports this module, and this is heavy

    port, usual = settings.dashboard_port, _usual()
    if port == usual or _is_free(port):  # else all that is left is to say that it is taken
        warm(settings.lake)  # beside the imports of the pages, which take longer
    from argus_lab.dashboards.serving import pages

    try:
        return pages(port, lake=settings.lake, names=settings.dashboard_origins)
    except OSError as error:
        if port != usual:
            raise ArgusError(
                f"port {port} on 127.0.0.1 cannot be had: {error.strerror or error}. Stop what listens "
                "there, or choose another with --port N (--port 0 takes any that is free)."
            ) from error
    served = pages(0, lake=settings.lake, names=settings.dashboard_origins)
    print(f"argus-lab: port {port} on 127.0.0.1 is taken; the pages are on {served.url}", file=sys.stderr)  # noqa: T201
    return served


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server of the pages does
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _usual() -> int:
    found: int = next(row.default for row in all_settings.ROWS if row.name == "dashboard_port")
    return found


def _hand_on(settings: Settings) -> None:
    """Pages read settings where they are opened, as under ``panel serve``."""
    os.environ["ARGUS_LAKE"] = settings.lake
    os.environ["ARGUS_DASHBOARD_ORIGINS"] = " ".join(settings.dashboard_origins)
    os.environ["ARGUS_DASHBOARD_LAKES"] = " ".join(settings.dashboard_lakes)
    os.environ["ARGUS_DASHBOARD_MEMORY"] = str(settings.dashboard_memory)
    os.environ["ARGUS_DASHBOARD_CACHE"] = settings.dashboard_cache or ""


def _stop_with_stdin(served: Pages) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    served.stop()
