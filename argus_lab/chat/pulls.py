"""A model's download, followed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from argus_lab.chat import failures, wire
from argus_lab.chat.client import Client, Refused
from argus_lab.chat.transcript import Lost

__all__ = ["pulled"]


async def pulled(client: Client, id: str, model: str, seen: Callable[[wire.Progress], None] | None) -> None:
    """Have a model downloaded; raises :class:`Refused` if it was not, for whatever reason."""
    try:
        async with aclosing(client.events(wire.Pull(id, model))) as events:
            async for event in events:
                if isinstance(event, wire.Progress) and seen is not None:
                    seen(event)
                elif isinstance(event, wire.Error | Lost):
                    raise Refused(wire.Notice(event.code, event.message, event.cure))
                elif isinstance(event, wire.Done) and event.reason == "cancelled":
                    raise Refused(failures.pull_stopped(model))
    except asyncio.CancelledError:
        await client.cancel(id)
        raise
