"""A stand-in for Ollama: a real server on loopback that speaks its HTTP API, and says what you tell it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from argus_lab.testing.answers import Answer, FakeModel
from argus_lab.testing.http_edge import HttpRequest, Lines, Whole, connection
from argus_lab.testing.ollama_api import Api, Received, tagged

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["FakeOllama", "Received"]

PATIENCE = 10.0
VERSION = "0.12.6"
POSTED = frozenset({"/api/chat", "/api/show", "/api/pull"})


class FakeOllama:
    """A server that speaks Ollama's API as far as chats need it, on a free port of this machine.

    It streams the same lines with the same fields, refuses what Ollama refuses in the same words, and
    notices when a client closes the connection. What it says is up to you: queued answers first, one a
    chat, then what ``otherwise`` makes of the request, then a short answer that repeats the question.

    Parameters
    ----------
    models
        Those that are installed: names, or :class:`FakeModel`. Default: ``llama3.2:latest``.
    registry
        Those that can be pulled.
    otherwise
        From the request's body to the :class:`Answer` when none is queued.

    Examples
    --------
    >>> import ollama
    >>> with FakeOllama() as fake:
    ...     fake.say("Good morning!")
    ...     with ollama.Client(fake.url) as client:
    ...         said = client.chat("llama3.2", [{"role": "user", "content": "Hello?"}])
    >>> said.message.content, said.done_reason, said.eval_count
    ('Good morning!', 'stop', 2)
    >>> fake.chats[0].body["messages"]
    [{'role': 'user', 'content': 'Hello?'}]
    """

    def __init__(
        self,
        models: Iterable[str | FakeModel] = (FakeModel(),),
        *,
        registry: Iterable[str | FakeModel] = (),
        otherwise: Callable[[Mapping[str, Any]], Answer] | None = None,
    ) -> None:
        self.api = Api(_by_name(models), _by_name(registry), self._next)
        self.received: list[Received] = []
        self.port = 0
        self._otherwise = otherwise or _echo
        self._queued: deque[Answer] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address, as ``OLLAMA_HOST`` takes it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def chats(self) -> list[Received]:
        """The chats that came, oldest first."""
        return [one for one in self.received if one.path == "/api/chat"]

    def say(self, content: str | Answer = "", **answer: Any) -> None:
        """Queue an answer for a chat to come: text, with fields of :class:`Answer`; or an answer."""
        made = content if isinstance(content, Answer) else Answer(content=content)
        self._queued.append(replace(made, **answer))

    def forget(self) -> None:
        """Drop what was queued, and what came."""
        self._queued.clear()
        self.received.clear()

    def start(self) -> Self:
        """Serve; the second time on the same port again."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="fake-ollama", daemon=True)
        self._thread.start()
        if not ready.wait(PATIENCE):
            raise RuntimeError("the stand-in for Ollama did not start")
        return self

    def stop(self) -> None:
        """Close every connection, and take no more."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(PATIENCE)
        self._loop = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        open_ones: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  asyncio runs it as one
            open_ones.add(task)
            try:
                # Cancelled when the stand-in stops; asyncio would call that an error of the connection.
                with suppress(asyncio.CancelledError):
                    await connection(self._handle, reader, writer)
            finally:
                open_ones.discard(task)

        server = await asyncio.start_server(connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ending.wait()
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _handle(self, request: HttpRequest) -> Whole | Lines:
        received = Received(request.path)
        self.received.append(received)
        try:
            return await self._answer(request, received)
        finally:
            received.is_over = received.is_over or received.path not in {"/api/chat", "/api/pull"}

    async def _answer(self, request: HttpRequest, received: Received) -> Whole | Lines:
        told = self._told(request) if request.method in {"GET", "HEAD"} else None
        if told is not None:
            return told
        if request.method != "POST" or request.path not in POSTED:
            return Whole("404 page not found", 404)
        try:
            received.body = request.json()
        except ValueError as error:
            return Whole({"error": "missing request body" if not request.body else str(error)}, 400)
        return await self.api.post(request.path, received)

    def _told(self, request: HttpRequest) -> Whole | None:
        match request.path:
            case "/":
                return Whole("Ollama is running")
            case "/api/version":
                return Whole({"version": VERSION})
            case "/api/tags":
                return Whole(self.api.tags())
            case "/api/ps":
                return Whole(self.api.loaded())
            case _:
                return None

    def _next(self, body: Mapping[str, Any]) -> Answer:
        return self._queued.popleft() if self._queued else self._otherwise(body)


def _by_name(models: Iterable[str | FakeModel]) -> dict[str, FakeModel]:
    made = [FakeModel(name=one) if isinstance(one, str) else one for one in models]
    return {tagged(model.name): model for model in made}


def _echo(body: Mapping[str, Any]) -> Answer:
    asked = [one for one in body["messages"] if one.get("role") == "user"]
    return Answer(content=f"You said: {asked[-1]['content']}" if asked else "Hello!")
