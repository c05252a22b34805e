"""What was to be sent to a browser is sent, whatever was on its way when it was told."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from panel.io import document as panels

from argus_lab.dashboards import sending


class Socket:
    """A way to a browser that takes as long as a test wants."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.under_way: list[asyncio.Future[None]] = []

    def send(self, _connection: Any, msg: Any) -> list[asyncio.Future[None]]:
        """Note what goes out."""
        self.sent += msg
        self.under_way.append(asyncio.get_running_loop().create_future())
        return [self.under_way[-1]]


class Connection:
    """What Panel knows of a browser; its messages are the events themselves."""

    protocol = SimpleNamespace(create=lambda _kind, events: events)

    def __init__(self, socket: Socket) -> None:
        self._socket = socket


async def _told_as_one_arrives() -> list[str]:
    """Tell a browser of something in the moment in which what it was told before has arrived."""
    socket, document = Socket(), Document()
    panels.extra_socket_handlers[Socket] = socket.send
    connection: Any = Connection(socket)
    panels.schedule_write_events(document, [connection], ["first"])  # type: ignore[list-item]
    await asyncio.sleep(0.01)
    socket.under_way[0].set_result(None)
    panels.schedule_write_events(document, [connection], ["second"])  # type: ignore[list-item]
    for _ in range(10):
        await asyncio.sleep(0.01)
        for each in socket.under_way:
            if not each.done():
                each.set_result(None)
    panels._WRITE_MSGS.pop(document, None)  # noqa: SLF001
    return socket.sent


def _sent() -> list[str]:
    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
        return own.submit(lambda: asyncio.run(_told_as_one_arrives())).result(60)


@pytest.fixture
def panel_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panel as it is."""
    send = panels._dispatch_msgs  # type: ignore[attr-defined]  # noqa: SLF001
    monkeypatch.setattr(panels, "_dispatch_msgs", getattr(send, sending.OF_PANEL, send))


@pytest.mark.usefixtures("panel_alone")
def test_nothing_stays_behind():
    """The second message goes out, though the first arrived when it was told."""
    sending.send_all()
    assert _sent() == ["first", "second"]


@pytest.mark.usefixtures("panel_alone")
def test_panel_alone_leaves_it_behind():
    """When this fails, Panel does it by itself, and ``argus_lab.dashboards.sending`` can go."""
    assert _sent() == ["first"]
