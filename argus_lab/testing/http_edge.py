"""HTTP/1.1 as far as a stand-in needs it: requests read, answers and streams of lines written.

A stream ends in three ways: as it should, by closing the connection in the middle, or because the client
closed it, which is noticed at once, also while nothing is being sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

__all__ = ["Breaks", "HttpRequest", "Lines", "Whole", "connection"]


class Breaks(Exception):
    """The stream closes its connection here, in the middle."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request."""

    method: str
    path: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("json: cannot unmarshal into Go value of type api.ChatRequest")  # noqa: TRY004  Go's words
        return found


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer in one piece: a JSON object, or text."""

    body: Mapping[str, Any] | str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Lines:
    """An answer as a stream of JSON lines; ``left`` is called if the client closed it."""

    lines: AsyncIterator[Mapping[str, Any]]
    left: Callable[[], None]


Handler: TypeAlias = Callable[[HttpRequest], Awaitable[Whole | Lines]]


async def connection(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, until it is closed."""
    try:
        while (request := await _read(reader)) is not None:
            answer = await handler(request)
            if isinstance(answer, Whole):
                await _write(writer, answer)
            elif not await _stream(reader, writer, answer):
                break
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client went away, which is its right
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    head = await reader.readline()
    if not head:
        return None
    method, path, _ = head.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (row := await reader.readline()) not in {b"\r\n", b""}:
        name, _, value = row.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return HttpRequest(method, path.partition("?")[0], body)


async def _write(writer: asyncio.StreamWriter, answer: Whole) -> None:
    is_text = isinstance(answer.body, str)
    body = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
    kind = "text/plain; charset=utf-8" if is_text else "application/json; charset=utf-8"
    writer.write(_head(answer.status, kind, f"Content-Length: {len(body)}") + body)
    await writer.drain()


def _head(status: int, kind: str, length: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n{length}\r\n\r\n".encode()


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Lines) -> bool:
    """Write the lines; false if the connection is closed after them."""
    sending = asyncio.ensure_future(_send(writer, answer.lines))
    # A client sends nothing while it is answered: what can be read then is the end of the connection.
    leaving = asyncio.ensure_future(reader.read(1))
    await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    if sending.done() and not isinstance(sending.exception(), ConnectionError):
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        return sending.result()
    sending.cancel()
    with suppress(asyncio.CancelledError, ConnectionError):
        await sending
    leaving.cancel()
    answer.left()
    return False


def _encoded(line: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, which JSON can carry and UTF-8 cannot
        return json.dumps(line, separators=(",", ":")).encode()


async def _send(writer: asyncio.StreamWriter, lines: AsyncIterator[Mapping[str, Any]]) -> bool:
    # As net/http does it: the status goes out with the first line, and each line as soon as it is there.
    is_begun = False
    try:
        async for each in lines:
            if not is_begun:
                is_begun = True
                writer.write(_head(200, "application/x-ndjson", "Transfer-Encoding: chunked"))
            data = _encoded(each) + b"\n"
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
    except Breaks:
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True
