"""Whether requests can be taken now, and if not, why and until when.

A worker looks at the keeper and the backlog a few times a second instead of at every request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from argus_lab.errors import ArgusError
from argus_lab.lake import progress
from argus_server.logs import places
from argus_server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from argus_lab.settings import Settings
    from argus_server.durable import GroupCommit
    from argus_server.logs import Log

__all__ = ["Condition", "Look"]

LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at the last look."""

    failure: str | None = None
    absent: bool = True
    backlog: int = 0
    table_version: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class Condition:
    """What a worker knows about the journal, the keeper and the backlog."""

    def __init__(self, root: Path, settings: Settings, commits: GroupCommit, log: Log) -> None:
        self.look = Look()
        self._root = root
        self._max_backlog = settings.max_backlog
        self._commits = commits
        self._log = log

    def check(self) -> None:
        """Raise the 503 or 429 that a trace request gets now, if it gets one.

        A failing journal is not asked here: each request tries it, which is how it is found well.
        """
        if self.look.failure is not None:
            raise Problem(503, self.look.failure)
        if self.look.backlog > self._max_backlog:
            raise Problem(429, self._backlog_reason())

    def reasons(self) -> list[str]:
        """Every reason for which this worker is not ready; none if it is."""
        found = [reason for reason in (self._commits.failure, self.look.failure) if reason]
        if self.look.absent and not self.look.failure:
            # No reason to refuse spans: they are durable without it, and the backlog has a limit.
            found.append("the keeper, which brings spans into the lake, is not running")
        if self.look.backlog > self._max_backlog:
            found.append(self._backlog_reason())
        return found

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            was = self.look
            self.look = await asyncio.to_thread(self._see)
            if self.look.failure != was.failure:
                level, event = ("error", "not ready") if self.look.failure else ("info", "ready again")
                self._log(level, event, reason=self.look.failure)
            await asyncio.sleep(LOOK_SECONDS)

    def _see(self) -> Look:
        try:
            status = progress.status(self._root)
            backlog = progress.backlog(self._root)
        except (ArgusError, OSError) as error:
            return Look(failure=f"the lake's journal cannot be read: {error}")
        except Exception as error:  # noqa: BLE001  the watch must outlive whatever a look meets
            self._log("error", "look failed", exception=places(error))
            return Look(failure=f"the lake's journal cannot be read ({type(error).__name__})")
        if status.state == "absent":
            return Look(None, absent=True, backlog=backlog, table_version=status.table_version)
        failure = (status.reason or "the keeper is failing") if status.state == "failing" else None
        return Look(failure, False, backlog, status.table_version, status.counts)

    def _backlog_reason(self) -> str:
        return (
            f"{self.look.backlog} bytes of acknowledged spans wait to be brought into the lake and the "
            f"limit is {self._max_backlog}; send again in a second (setting max_backlog, ARGUS_MAX_BACKLOG)"
        )
