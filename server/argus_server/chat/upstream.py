"""Ollama, as the receiver asks it: through the ``ollama`` client, whose errors become ours here."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from argus_lab.chat import failures
from argus_lab.chat.wire import Chat, Message, Model, Notice
from argus_lab.errors import MissingExtra

try:
    import httpx
    import ollama
except ImportError as error:
    raise MissingExtra.of("the ollama client", "chat") from error

__all__ = ["Failed", "Upstream", "body_of"]

CONNECT_S = 5.0
LOCAL = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}  # noqa: S104  an address to connect to

ERRORS = (ollama.ResponseError, httpx.HTTPError, ConnectionError, ValueError, TypeError)
"""What the client raises: the last two for lines that are no JSON objects."""

Line = dict[str, Any]


class Failed(Exception):
    """What Ollama did not do, with the reason as clients get it."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.message)
        self.notice = notice


class Upstream(ollama.AsyncClient):
    """The ``ollama`` client, with lines as they come.

    The client's own ``chat`` puts each line into a model that knows no ``id`` of a tool call, and drops what
    it does not know of a tool's schema. Host, headers, connections and errors are the client's.
    """

    def __init__(self, host: str | None, most: int) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=most)
        super().__init__(
            host,
            limits=limits,
            # A model may think for minutes before its first word; only the connection has to come at once.
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            trust_env=not _is_local(
                host or os.environ.get("OLLAMA_HOST", "")
            ),  # no proxy reaches this machine
        )

    @property
    def url(self) -> str:
        """Where Ollama is."""
        return str(self._client.base_url).rstrip("/")

    @property
    def address(self) -> str:
        """Its host."""
        return str(self._client.base_url.host)

    @property
    def port(self) -> int:
        """Its port."""
        return self._client.base_url.port or (443 if urlsplit(self.url).scheme == "https" else 80)

    async def talk(self, chat: Chat) -> AsyncGenerator[Line, None]:
        """The lines of an answer, the last one included; closing the iterator closes the connection.

        Raises
        ------
        Failed
            With what happened, also where the stream ends without a last line.
        """
        lines = await self._request(dict, "POST", "/api/chat", json=body_of(chat), stream=True)
        is_begun = is_done = False
        try:
            async for line in lines:
                is_begun, is_done = True, bool(line.get("done"))
                yield line  # and read on to the end, so that the connection can be used again
        except ERRORS as error:
            if not is_done:
                raise Failed(self._failure(error, chat.model, is_begun=is_begun)) from error
        finally:
            await lines.aclose()  # type: ignore[attr-defined]  # it is a generator
        if not is_done:
            raise Failed(failures.model_died())

    async def pulling(self, model: str) -> AsyncGenerator[Line, None]:
        """The lines of a download."""
        body = {"model": model, "stream": True}
        lines = await self._request(dict, "POST", "/api/pull", json=body, stream=True)
        try:
            async for line in lines:
                yield line
        except ERRORS as error:
            found = self._failure(error, model, is_begun=False)
            is_told = found.code == "ollama_unreachable"
            raise Failed(found if is_told else failures.pull_failed(model, _words(error))) from error
        finally:
            await lines.aclose()  # type: ignore[attr-defined]  # it is a generator

    async def installed(self) -> tuple[Model, ...]:
        """The installed models, by name."""
        listed = await self._asked("GET", "/api/tags")
        loaded = await self._asked("GET", "/api/ps")
        in_memory = {one.get("name") for one in loaded.get("models") or ()}
        found = [_model(one, is_loaded=one.get("name") in in_memory) for one in listed.get("models") or ()]
        return tuple(sorted(found, key=lambda model: model.name))

    async def context_of(self, model: str) -> int | None:
        """The context that a model in memory has, if Ollama says."""
        loaded = await self._asked("GET", "/api/ps")
        names = {model, f"{model}:latest"}
        sizes = [one.get("context_length") for one in loaded.get("models") or () if one.get("name") in names]
        return sizes[0] if sizes and isinstance(sizes[0], int) else None

    async def capabilities(self, model: str) -> frozenset[str]:
        """What a model can do; empty if Ollama does not say."""
        shown = await self._asked("POST", "/api/show", json={"model": model})
        return frozenset(shown.get("capabilities") or ())

    async def _asked(self, method: str, path: str, **given: Any) -> Line:
        try:
            found: Line = await self._request(dict, method, path, **given)
        except ERRORS as error:
            model = str((given.get("json") or {}).get("model", ""))
            raise Failed(self._failure(error, model, is_begun=False)) from error
        return found

    def _failure(self, error: Exception, model: str, *, is_begun: bool) -> Notice:
        if isinstance(error, ollama.ResponseError) and error.status_code > 0:
            return _refused(error.status_code, _words(error), model)
        if isinstance(error, ollama.ResponseError):
            return failures.model_error(_words(error))  # a line of the stream
        if isinstance(error, ConnectionError | httpx.ConnectError | httpx.ConnectTimeout):
            return failures.ollama_unreachable(self.url)
        if isinstance(error, httpx.HTTPError) and not is_begun and not isinstance(error, httpx.ProtocolError):
            return failures.ollama_unreachable(self.url)
        return failures.model_died()


def body_of(chat: Chat) -> Line:
    """The request that a chat is; what is not given is left to Ollama."""
    given = {
        "options": dict(chat.options) or None,
        "tools": list(chat.tools) or None,
        "think": chat.think,
        "format": chat.format,
        "keep_alive": chat.keep_alive,
        "truncate": chat.truncate,
    }
    told = {name: value for name, value in given.items() if value is not None}
    messages = [_sent(one) for one in chat.messages]
    return {"model": chat.model, "messages": messages, "stream": True, **told}


def _sent(message: Message) -> Line:
    found: Line = msgspec.to_builtins(message)
    found.setdefault("content", "")
    if message.tool_calls:
        found["tool_calls"] = [
            {"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(message.tool_calls)
        ]
    return found


def _refused(status: int, words: str, model: str) -> Notice:
    if status == 404:  # noqa: PLR2004
        return failures.model_missing(model)
    if status in {429, 503}:
        return failures.ollama_busy(words)
    if "does not support" in words:
        return failures.unsupported(words.strip().rstrip("."))
    if "context" in words and "exceed" in words:
        return failures.context_too_long(words)
    return failures.ollama_refused(status, words)


def _words(error: Exception) -> str:
    return str(error.error) if isinstance(error, ollama.ResponseError) else str(error)


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(host if "://" in host else f"//{host}").hostname
    except ValueError:
        return False
    return not name or name in LOCAL


def _model(told: Mapping[str, Any], *, is_loaded: bool) -> Model:
    details = told.get("details") or {}
    return Model(
        name=str(told.get("name") or told.get("model") or ""),
        size=told.get("size"),
        family=str(details.get("family") or ""),
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
        is_loaded=is_loaded,
        capabilities=tuple(told.get("capabilities") or ()),
    )
