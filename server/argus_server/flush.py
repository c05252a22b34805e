"""``POST /v1/flush``: answer once everything acknowledged before it can be read."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from argus_lab.errors import ArgusError
from argus_lab.lake import journal, progress
from argus_server import answers
from argus_server.bodies import discard_body
from argus_server.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from sanic import Request
    from sanic.response import HTTPResponse

__all__ = ["MOST_SECONDS", "flush"]

DEFAULT_SECONDS: Final = 30.0
MOST_SECONDS: Final = 300.0
POLL_SECONDS: Final = 0.01


async def flush(request: Request, root: Path) -> HTTPResponse:
    """Wait for the keeper; 503 with its reason if it fails, or if the time is over."""
    seconds = _timeout(request.args.get("timeout"))
    started = time.monotonic()
    await discard_body(request)  # it says nothing here
    try:
        ends = await asyncio.to_thread(journal.durable_ends, root)
        if any(ends.values()):
            await asyncio.to_thread(progress.hurry, root)
        await _drained(root, ends, seconds)
        version = (await asyncio.to_thread(progress.status, root)).table_version
    except (ArgusError, OSError) as error:
        raise Problem(503, f"the journal cannot be read: {error}") from error
    milliseconds = round(1000 * (time.monotonic() - started), 1)
    return answers.json_answer(200, {"flushed": True, "tableVersion": version, "milliseconds": milliseconds})


async def _drained(root: Path, ends: dict[str, int], seconds: float) -> None:
    """Return once everything before these journal offsets can be read."""
    started, patience = time.monotonic(), progress.Patience(seconds)
    while not await asyncio.to_thread(progress.is_drained, root, ends):
        status = await asyncio.to_thread(progress.status, root)
        if patience.is_over(status):
            raise Problem(503, f"the keeper is failing: {status.reason}")
        if time.monotonic() - started > seconds:
            raise Problem(
                503,
                f"not everything could be read after {seconds:g} seconds (the keeper is {status.state}); "
                "nothing is lost: flush again, or give more time with ?timeout=SECONDS",
            )
        await asyncio.sleep(POLL_SECONDS)


def _timeout(text: str | None) -> float:
    try:
        seconds = float(text) if text is not None else DEFAULT_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise Problem(
            400,
            f"timeout={text!r}: seconds from 0 to {MOST_SECONDS:g} are expected",
            error="invalid_argument",
        )
    return seconds
