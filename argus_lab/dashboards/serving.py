"""The pages behind one port of this machine."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import panel as pn
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from argus_lab.dashboards import latency, sessions, tokens
from argus_lab.dashboards.digests import forget_all, warm
from argus_lab.dashboards.guarding import guard, names_of
from argus_lab.dashboards.ready import READY
from argus_lab.dashboards.shell import page_of

if TYPE_CHECKING:
    from panel.io.server import Server

    from argus_lab.dashboards.desk import PageKind
    from argus_lab.dashboards.digest import Digest

__all__ = ["ADDRESS", "KINDS", "Pages", "pages"]

ADDRESS = "127.0.0.1"
KINDS: dict[str, PageKind] = {kind.name: kind for kind in (sessions.PAGE, latency.PAGE, tokens.PAGE)}
KEEP_ALIVE_MS = 20_000
FORGET_AFTER_MS = 15_000
"""How long the server waits for a visitor whose connection broke; then what was shown to them is gone."""
TURN_S = 0.0005
"""For so long the thread that answers browsers waits for one that computes; Python's own 5 ms add up."""


@dataclass(frozen=True)
class Pages:
    """A server of pages that listens already; ``run`` answers until ``stop`` is called, from any thread."""

    server: Server
    url: str

    def run(self) -> None:
        """Answer visitors, in this thread; the process is the server's from here on."""
        logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)  # it warns of everybody who leaves
        # What has been imported stays: looking through it for garbage would hold up somebody, 0.1 s a time.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(TURN_S)
        self.server.io_loop.asyncio_loop.set_exception_handler(_told)  # type: ignore[attr-defined]
        self.server.start()  # who has left is forgotten, who is there is kept in touch with
        self.server.io_loop.start()

    def stop(self) -> None:
        """Answer no more."""
        self.server.io_loop.add_callback_from_signal(self._end)

    def forget(self) -> None:
        """Remove what was kept on disk for the pages; the process ends."""
        forget_all()

    def _end(self) -> None:
        self.server.stop()
        self.server.io_loop.stop()


def _told(loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    """What went wrong on the way to a browser is told, unless it is that its visitor has left."""
    if not isinstance(about.get("exception"), WebSocketClosedError | StreamClosedError):
        loop.default_exception_handler(about)


def pages(port: int, *, lake: str | None = None, names: Sequence[str] = ()) -> Pages:
    """Listen on a port of this machine; 0 is any that is free.

    Parameters
    ----------
    names
        Further ``host:port`` by which visitors may ask, where a proxy stands in front.

    Raises
    ------
    OSError
        The port is taken.
    """
    served: dict[str, Any] = {name: _page(kind, lake) for name, kind in KINDS.items()}
    server: Server = pn.io.server.get_server(
        served,
        port=port,
        address=ADDRESS,
        websocket_origin=names_of(port, names),
        keep_alive_milliseconds=KEEP_ALIVE_MS,
        unused_session_lifetime_milliseconds=FORGET_AFTER_MS,
        check_unused_sessions_milliseconds=FORGET_AFTER_MS,
        title={name: f"{kind.title} · Argus Lab" for name, kind in KINDS.items()},
    )
    own = server.port or port
    server._tornado._websocket_origins = set(names_of(own, names))  # noqa: SLF001  the port may have been 0
    guard(server._tornado, names_of(own, names))  # noqa: SLF001  Bokeh shows its application nowhere else
    warm(lake, _begun)
    return Pages(server, f"http://{ADDRESS}:{own}")


def _begun(digest: Digest) -> None:
    """Find and build what the first visitor of each page is shown first."""
    for kind in KINDS.values():
        chart = kind.first(digest)
        if chart is not None:
            READY.build(chart)


def _page(kind: PageKind, lake: str | None) -> Callable[[], Any]:
    def shown() -> Any:  # Panel wants a function, and no other thing that can be called
        return page_of(kind, lake)

    return shown
