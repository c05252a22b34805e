"""One download of a model."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from argus_lab.chat import failures
from argus_lab.chat.wire import Done, Progress
from argus_server.chat.job import Job
from argus_server.chat.upstream import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.chat.wire import Notice, Pull
    from argus_server.chat.upstream import Upstream
    from argus_server.logs import Log

__all__ = ["Pulling"]

EVERY_S: Final = 0.1
"""Ollama tells progress far more often than anybody can see it."""


class Pulling(Job):
    """The answer to one ``pull`` message."""

    kind = "pull"

    def __init__(self, pull: Pull, upstream: Upstream, buffer: int, log: Log) -> None:
        super().__init__(pull.id, buffer, log)
        self._model, self._upstream = pull.model, upstream

    async def run(self) -> Done:
        """Download, and tell how far it is."""
        told: tuple[str, float] = ("", 0.0)
        async with aclosing(self._upstream.pulling(self._model)) as lines:
            async for line in lines:
                status = str(line.get("status") or "")
                is_whole = line.get("completed") is not None and line.get("completed") == line.get("total")
                if status != told[0] or is_whole or time.monotonic() - told[1] >= EVERY_S:
                    told = (status, time.monotonic())
                    await self.tell(_progress(status, line))
        if told[0] != "success":
            raise Failed(failures.pull_failed(self._model, "the download ended before it was complete"))
        return Done("", 0, reason="success", model=self._model)

    def stopped(self, why: Notice | None) -> Done:  # noqa: ARG002  both ends are alike
        """Ollama keeps what it has; pulling again goes on."""
        return Done("", 0, reason="cancelled", model=self._model)

    def failed(self, why: Notice) -> None:
        """Nothing is left to do."""


def _progress(status: str, line: Mapping[str, Any]) -> Progress:
    return Progress("", 0, status, completed=line.get("completed"), total=line.get("total"))
