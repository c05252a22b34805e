"""Files of spans in which other sessions are stored than their spans belong to.

The root of a trace, which often alone names the session, comes last: maybe when its children lie in a file
that is too large to be merged again. Readers see the right session at once, and pay for it. The keeper
rewrites such files beside the intake, a few at a time, so that this does not last.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from argus_lab.lake.merging import rewritten
from argus_lab.lake.partitions import Logged, Partition, Partitions, data_files
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

__all__ = ["Outdated", "Overtaken", "overtaken"]

LOOKS = 10
"""For so many looks a file stands before it is rewritten: until then most of its traces have ended."""

SHARE = 0.1
"""The share of a keeper's time that it takes at most to find outdated files."""

LONGEST = 86_400.0
"""A file that is outdated again and again stands twice as long each time, but not longer than this."""


class Overtaken(NamedTuple):
    """A file with spans that belong elsewhere, its partition, and the files near it that say so."""

    file: Logged
    part: Partition
    near: Sequence[Logged]


def overtaken(lake: str, file: Logged, near: Sequence[Logged]) -> bool:
    """Whether spans of a file belong elsewhere than is stored, by what it and the files near it name."""
    return bool(rewritten(SPANS, data_files(lake, SPANS, [file]), data_files(lake, SPANS, near)).files)


class Outdated:
    """Finds outdated files, one a look, the longest not looked at first.

    A file is looked at if it has stood long enough and other files are near it than at the last time.
    What it remembers may be forgotten: it is then looked at again.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._looked: dict[str, float] = {}
        self._near: dict[str, int] = {}
        self._rests: dict[str, float] = {}

    def find(self, lake: str, found: DeltaTable) -> Overtaken | None:
        """A file to rewrite; None if there is none, or the time to look is up."""
        end = time.monotonic() + self._every * SHARE
        parts = Partitions(found)
        for file, part in self._waiting(parts):
            path, near = file["path"], parts.near(part.values)
            self._looked[path] = time.time()
            known = hash(frozenset(one["path"] for one in near))
            if self._near.get(path) != known:
                if overtaken(lake, file, near):
                    return Overtaken(file, part, near)
                self._near[path] = known
            if time.monotonic() > end:
                break
        return None

    def was_rewritten(self, old: str, new: str) -> None:
        """Let the file that took another's place stand for longer."""
        self._rests[new] = min(2 * self._rest(old), LONGEST)

    def _rest(self, path: str) -> float:
        return self._rests.get(path, LOOKS * self._every)

    def _waiting(self, parts: Partitions) -> list[tuple[Logged, Partition]]:
        """The files that have stood long enough, the longest not looked at first, then the newest day."""
        now = time.time()
        every = [(file, part) for part in parts.all() for file in part.files]
        there = {file["path"] for file, _ in every}
        for memory in (self._looked, self._near, self._rests):
            for gone in memory.keys() - there:
                del memory[gone]
        waiting = [
            (file, part)
            for file, part in every
            if now - max(file["modification_time"] / 1000, self._looked.get(file["path"], 0.0))
            >= self._rest(file["path"])
        ]

        def turn(waits: tuple[Logged, Partition]) -> tuple[float, int]:
            file, part = waits
            return self._looked.get(file["path"], 0.0), -part.values["date"].toordinal()

        return sorted(waiting, key=turn)
