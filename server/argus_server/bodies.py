"""Request bodies, read with two bounds: the size of one, and the bytes of all at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from argus_server import metrics
from argus_server.problems import Problem

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sanic import Request
    from sanic.http.http1 import Http

__all__ = ["Hold", "Scales", "discard_body", "read_body"]

STALLED_SECONDS: Final = 30.0
"""A sender that is silent for so long in the middle of a body gets an answer instead of memory."""


class Scales:
    """Counts the bytes of bodies that a worker holds, and refuses more than it may hold."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def hold(self) -> Hold:
        """A share of the memory, to be used as a context manager for one request."""
        return Hold(self)


class Hold:
    """The bytes one request holds; given back when its block ends."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales
        self._mine = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scales.held -= self._mine
        metrics.IN_FLIGHT.set(self._scales.held)

    def check(self, size: int) -> None:
        """Raise the 429 if ``size`` more bytes would be too many; one body alone is never too many."""
        others = self._scales.held - self._mine
        if others and others + self._mine + size > self._scales.limit:
            raise Problem(
                429,
                f"{self._scales.held} bytes of requests are in flight and the limit is "
                f"{self._scales.limit}; send again in a second (setting max_in_flight, "
                "ARGUS_MAX_IN_FLIGHT)",
            )

    def add(self, size: int) -> None:
        """Take ``size`` more bytes."""
        self.check(size)
        self._mine += size
        self._scales.held += size
        metrics.IN_FLIGHT.set(self._scales.held)


async def read_body(request: Request, hold: Hold, limit: int) -> bytes:
    """The whole body as sent, chunked or not; stops reading as soon as it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit():
        if int(declared) > limit:
            raise too_large(limit)
        hold.check(int(declared))
    parts: list[bytes] = []
    size = 0
    while part := await _part(request):
        size += len(part)
        if size > limit:
            raise too_large(limit)
        hold.add(len(part))
        parts.append(part)
    metrics.BYTES.inc(size)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit: int) -> Problem:
    """The 413 of a body over the limit."""
    return Problem(
        413,
        f"the body is larger than {limit} bytes; send smaller batches, or raise the setting "
        "max_body (ARGUS_MAX_BODY)",
    )


async def discard_body(request: Request) -> None:
    """Read a body and forget it."""
    while await _part(request):
        pass


async def _part(request: Request) -> bytes | None:
    stream = cast("Http", request.stream)  # which it is for HTTP/1.1, the only version served
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            return await stream.read()
    except TimeoutError:
        # 503 and not 408, because OTLP clients send again after a 503 only.
        raise Problem(503, f"no byte of the body came for {STALLED_SECONDS:g} seconds") from None
