"""A real receiver whose Ollama is the stand-in, sockets to it, and wires that can be cut."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from argus_lab.chat.conversation import Conversation
from argus_lab.chat.setup import Place, Setup
from argus_lab.testing import FakeModel, FakeOllama
from tests.receiver.conftest import PATIENCE, Running, launch, until

__all__ = ["PATIENCE", "Wire", "chat_of", "launch", "opened", "said", "until"]

SUBPROTOCOL = "argus-chat.v1"
MODELS = (
    FakeModel(),
    FakeModel(name="qwen3", capabilities=("completion", "thinking", "tools")),
    FakeModel(name="llava", capabilities=("completion", "vision")),
)


@pytest.fixture(scope="module")
def _ollama() -> Iterator[FakeOllama]:
    with FakeOllama(MODELS, registry=["tiny"]) as fake:
        yield fake


@pytest.fixture
def fake(_ollama: FakeOllama) -> FakeOllama:
    """The stand-in, with nothing queued and nothing received."""
    _ollama.forget()
    return _ollama


@pytest.fixture(scope="module")
def receiver(launch: Callable[..., Running], _ollama: FakeOllama) -> Running:
    """One receiver for all conversations that need nothing special."""
    return launch("--ollama-host", _ollama.url, "--chat-rate", "1000")


def opened(url: str, **given: Any) -> ClientConnection:
    """A plain socket to a receiver."""
    address = url.replace("http", "ws", 1) + "/v1/chat"
    usual = {"compression": None, "open_timeout": PATIENCE}
    return connect(address, subprotocols=[SUBPROTOCOL], proxy=None, **usual | given)


@pytest.fixture
def plain(receiver: Running) -> Iterator[ClientConnection]:
    """A plain socket to the shared receiver."""
    with opened(receiver.url) as connection:
        yield connection


_number = iter(range(1, 10**9))


def chat_of(text: str = "Hello?", **fields: Any) -> dict[str, Any]:
    """A ``chat`` message with an id that no other has."""
    messages = [{"role": "user", "content": text}]
    return {"type": "chat", "id": f"c{next(_number)}", "model": "llama3.2", "messages": messages, **fields}


def said(connection: ClientConnection, message: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Send a message, and read to the last one about it."""
    if message is not None:
        connection.send(json.dumps(message))
    heard = []
    while not heard or heard[-1]["type"] not in {"done", "error", "model_list"}:
        heard.append(json.loads(connection.recv(PATIENCE)))
    return heard


@pytest.fixture
def talk(receiver: Running) -> Iterator[Callable[..., Conversation]]:
    """Begin conversations through the shared receiver, or another; they are closed at the end."""
    begun: list[Conversation] = []

    def begin(url: str | None = None, place: Place | None = None, **setup: Any) -> Conversation:
        here = place or Place(url=url or receiver.url, project="bot", service="kernel")
        begun.append(Conversation(Setup(**{"model": "llama3.2", **setup}), here))
        return begun[-1]

    yield begin
    for conversation in begun:
        conversation.close()


class Wire:
    """A TCP connection's way through this process, so that it can be cut, or be slow to carry."""

    def __init__(self, to: str) -> None:
        self._to = int(to.rpartition(":")[2])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[socket.socket] = []
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def cut(self) -> None:
        """Cut all connections, without a word to either side's protocol."""
        pairs, self._pairs = self._pairs, []
        for end in pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Cut, and take no more."""
        self.is_open = False
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pairs += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def cable(receiver: Running) -> Iterator[Wire]:
    """A wire to the shared receiver."""
    found = Wire(receiver.url)
    yield found
    found.close()
