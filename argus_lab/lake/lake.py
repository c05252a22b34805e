"""The lake as its users see it: open it, ask it for frames."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from argus_lab import settings
from argus_lab.errors import InvalidArgument, LakeNotFound, NotFound
from argus_lab.lake import duck, frames, near, read, scan
from argus_lab.lake.selection import Picks, RefusedSelection, Selection, select, trace_key
from argus_lab.lake.snapshot import Reader, absent
from argus_lab.lake.times import When, instant
from argus_lab.schema import REFUSED, SPANS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb
    import pandas as pd
    import polars as pl
    import pyspark.sql as spark

    from argus_lab.lake.snapshot import Picked, Snapshot

__all__ = ["Lake", "open"]

Columns = Literal["light", "all"] | Sequence[str] if TYPE_CHECKING else object


def open(lake: str | os.PathLike[str] | None = None, *, as_of: When | int | None = None) -> Lake:  # noqa: A001  al.open
    """Open a lake for reading. No receiver needs to run; one may be writing.

    Parameters
    ----------
    lake
        Directory of the lake. Default: ``$ARGUS_LAKE``, else ``datasets/lake`` under the working
        directory.
    as_of
        Read the lake as it was: a version number of the span table, a tz-aware datetime, ISO text such
        as ``"2026-03-01T12:00Z"``, or how long ago, such as ``"7d"``. Default: every call reads
        the newest version.

    Raises
    ------
    LakeNotFound
        There is no lake at this address; the message says how to start a receiver.
    NotFound
        The lake has no such version, or not any more.

    Examples
    --------
    >>> import argus_lab as al
    >>> lake = al.open(tiny_lake)
    >>> lake.spans(project="customer-bot", columns=["name", "service", "input_tokens"]).head(2)
                name        service  input_tokens
    0  user.message        gateway          <NA>
    1          chat  support-agent          1200
    """
    address = os.fspath(lake) if lake is not None else None
    place = settings.read(os.environ, lake=address).lake
    local = place if "://" in place else str(Path(place).expanduser().absolute())
    return Lake(local, as_of=as_of)


class Lake:
    """A lake of spans, read through frames. Made by :func:`argus_lab.open`.

    Every call reads the newest version of the lake, or the one of ``as_of``. Calls that select spans
    take the same filters:

    ``project``, ``service``, ``session``, ``trace``
        One text or a list of texts.
    ``since``, ``until``
        When spans started, ``since`` included, ``until`` excluded: tz-aware datetime, ISO text
        with an offset, or how long ago (``"24h"``, ``"7d"``, ``"90m"``). Spans without a start are
        left out.
    ``where``, ``params``
        A DuckDB condition over any column, with ``?`` and a list, or ``$name`` and a dict.

    Frames have the documented dtypes with and without rows, times in UTC, and say in
    ``frame.attrs["argus"]`` what was asked, matched, returned and cut, and of which version.
    """

    def __init__(self, address: str, *, as_of: When | int | None = None) -> None:
        self._address = address
        self._as_of = _moment(as_of)
        self._spans = Reader(address, SPANS, self._as_of)
        self._spans.snapshot()

    def __repr__(self) -> str:
        seen = self._spans.last
        projects = len(seen.partition_values("project"))
        pinned = f" as of {self._as_of}" if self._as_of is not None else ""
        return f"<Lake {self._address}{pinned}: version {seen.version}, {seen.rows:,} spans, {projects} projects>"

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

    def spans(
        self,
        *,
        columns: Columns = "light",
        limit: int | None = None,
        order: read.Order = "stored",
        **selection: Unpack[Selection],
    ) -> pd.DataFrame:
        """Spans as a pandas frame, one row each.

        Parameters
        ----------
        columns
            ``"light"`` (all but long text and raw JSON), ``"all"``, or a list of names.
        limit
            At most this many rows; ``attrs["argus"]`` then says how many matched. Default: all.
        order
            ``"stored"`` (fastest: by date, project, file; the same for the same version),
            ``"oldest"`` or ``"newest"`` start first.
        **selection
            Filters, see :class:`Lake`.

        Examples
        --------
        >>> import argus_lab as al
        >>> lake = al.open(tiny_lake)
        >>> slow = lake.spans(where="duration_ms > $ms", params={"ms": 500}, order="newest", limit=1)
        >>> slow.attrs["argus"]["matched"], slow.attrs["argus"]["returned"], slow.attrs["argus"]["cut"]
        (2, 1, True)
        """
        chosen = SPANS.choose(columns)
        filter = select(SPANS, selection)
        return self._frame(self._spans, lambda snapshot: snapshot.pick(filter), chosen, limit, order)

    def count(self, **selection: Unpack[Selection]) -> int:
        """How many spans there are; takes the filters of :class:`Lake`.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).count(service="tools")
        2
        """
        filter = select(SPANS, selection)
        return read.on_newest(self._spans, lambda snapshot: read.count(snapshot.pick(filter)))

    def projects(self, **picks: Unpack[Picks]) -> pd.DataFrame:
        """A row per project: its services, how many traces and spans, first and last start.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).projects()[["project", "traces", "spans"]]
                project  traces  spans
        0  customer-bot       2      6
        1       shop-bot       1      2
        """
        filter = select(SPANS, picks)
        columns = (
            "project, list_sort(list(DISTINCT service)) AS services, count(DISTINCT trace_id) AS traces, "
            "count(*) AS spans, min(start_time) AS first_start, max(start_time) AS last_start"
        )

        def act(snapshot: Snapshot) -> pd.DataFrame:
            picked = snapshot.pick(filter)
            return _framed(picked, duck.rows(columns, picked, "GROUP BY project ORDER BY project"))

        return read.on_newest(self._spans, act)
