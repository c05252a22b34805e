"""A lake that was opened: where it is, as of when it is read, and its two tables."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from argus_lab.lake.past import pin
from argus_lab.lake.snapshot import Reader
from argus_lab.lake.times import When
from argus_lab.schema import REFUSED, SPANS

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Opened"]


class Opened:
    """What every question to a lake needs to know. Users meet it as :class:`argus_lab.Lake`."""

    def __init__(self, address: str, *, as_of: When | int | None = None, infer: bool = False) -> None:
        self._address = address
        self._as_of = pin(as_of)
        self._spans = Reader(address, SPANS, self._as_of, infer_sessions=infer)
        self._spans.snapshot()

    def __repr__(self) -> str:
        seen = self._spans.last  # no disk: an object is printed at any moment
        projects = len(seen.partition_values("project"))
        pinned = f" as of {self._as_of}" if self._as_of is not None else ""
        holds = f"version {seen.version}, {seen.rows:,} spans, {projects} projects"
        return f"<Lake {self._address}{pinned}: {holds}>"

    @property
    def address(self) -> str:
        """Where the lake is."""
        return self._address

    @property
    def version(self) -> int | None:
        """The version of the span table that a read made now would see."""
        return self._spans.snapshot().version

    @property
    def as_of(self) -> int | datetime | None:
        """The version or instant this lake is pinned to; None: each call reads the newest version."""
        return self._as_of

    @cached_property
    def _refused(self) -> Reader:
        # Versions of the two tables differ, so a pinned version is met through its time.
        as_of = self._spans.snapshot().as_of if isinstance(self._as_of, int) else self._as_of
        return Reader(self._address, REFUSED, as_of, may_be_absent=True)
