"""The lake as its users see it: ask it for frames."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from argus_lab import settings
from argus_lab.errors import InvalidArgument
from argus_lab.lake import lookups, read, redrive, renormalize, scan, unmapped
from argus_lab.lake.following import Following
from argus_lab.lake.questions import Questions
from argus_lab.lake.renormalize import Renormalized
from argus_lab.lake.rule_file import rules_of
from argus_lab.lake.selection import Picks, RedriveSelection, RefusedSelection, Selection, Values, select
from argus_lab.lake.times import When
from argus_lab.schema import REFUSED, SPANS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    import pandas as pd
    import polars as pl
    import pyspark.sql as spark

__all__ = ["Lake"]


class Lake(Questions, Following):
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

    def spans(
        self,
        *,
        columns: read.Columns = "light",
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
        return read.frame(self._spans, select(SPANS, selection), columns, limit=limit, order=order)

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
        1      shop-bot       1      2
        """
        return read.on_newest(self._spans, lambda snapshot: lookups.projects(snapshot, picks))

    def trace(self, trace_id: str, *, columns: read.Columns = "all") -> pd.DataFrame:
        """All spans of one trace, oldest start first.

        Upper-case ids and ids with hyphens are found too.

        Raises
        ------
        NotFound
            No such trace; the message names traces whose id starts alike.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).trace("0AF7651916CD43DD8448EB211C80319C")["name"].tolist()
        ['user.message', 'chat', 'execute_tool search', 'chat']
        """
        return lookups.trace(self._spans, trace_id, columns)

    def session(
        self, session_id: str, *, project: str | None = None, columns: read.Columns = "all"
    ) -> pd.DataFrame:
        """All spans of one session (a conversation), oldest start first, inherited ones included.

        Raises
        ------
        NotFound
            No such session; the message names the sessions that come nearest.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).session("session-1")["trace_id"].nunique()
        2
        """
        return lookups.session(self._spans, session_id, project, columns)

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The result of a DuckDB query over the tables ``spans`` and ``refused``.

        ``params`` are bound: a list for ``?`` or ``$1``, a dict for ``$name``. Both tables have every
        column. Sums of integers come back as integers where they fit into 64 bits.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).sql("SELECT service, sum(input_tokens) AS tokens FROM spans "
        ...     "WHERE project = $project AND input_tokens > 0 GROUP BY service", {"project": "customer-bot"})
                 service  tokens
        0  support-agent    4300
        """
        return lookups.sql((self._spans, self._refused), query, params)

    @overload
    def scan(self, engine: Literal["duckdb"] = ..., **picks: Unpack[Picks]) -> duckdb.DuckDBPyRelation: ...
    @overload
    def scan(self, engine: Literal["polars"], **picks: Unpack[Picks]) -> pl.LazyFrame: ...
    @overload
    def scan(self, engine: spark.SparkSession, **picks: Unpack[Picks]) -> spark.DataFrame: ...
    def scan(self, engine: Any = "duckdb", **picks: Unpack[Picks]) -> Any:
        """Spans as a lazy frame, every column, for data larger than memory.

        Nothing is read before the frame is asked for rows; it stays on the version it was made from.
        For conditions beyond the filters, chain the engine's own.

        ``engine`` is ``"duckdb"``, ``"polars"`` or a ``SparkSession``; the filters are those of
        :class:`Lake` but ``where`` and ``params``.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).scan(project="shop-bot").aggregate("count(*) AS n").fetchall()
        [(2,)]
        """
        filter = select(SPANS, picks)
        return read.on_newest(self._spans, lambda snapshot: scan.scan(snapshot.whole(filter), engine))

    def refused(
        self,
        *,
        columns: read.Columns = "light",
        limit: int | None = None,
        order: read.Order = "stored",
        **selection: Unpack[RefusedSelection],
    ) -> pd.DataFrame:
        """Spans that were received and could not be taken in, each with the reason.

        Filters: ``project``, ``service`` and ``reason``; ``since`` and ``until`` (when received);
        ``where`` and ``params``. ``columns="all"`` adds what was sent. :meth:`redrive` brings them in.

        Examples
        --------
        >>> import argus_lab as al
        >>> len(al.open(tiny_lake).refused())
        0
        """
        return read.frame(self._refused, select(REFUSED, selection), columns, limit=limit, order=order)

    def redrive(
        self,
        *,
        project: str | None = None,
        limit: int | None = None,
        **selection: Unpack[RedriveSelection],
    ) -> pd.DataFrame:
        """Take refused spans in after all, oldest first, and say what became of each.

        Works beside a running receiver and without one. Spans that are taken in leave
        :meth:`refused`; the others stay there. Safe to repeat: no span is stored twice.

        Parameters
        ----------
        project
            Project for spans that name none; what a span names itself wins. Default:
            ``$ARGUS_DEFAULT_PROJECT``.
        limit
            At most so many, the oldest first.
        **selection
            ``service``, ``reason``, ``since``, ``until``, ``where``, ``params`` as in :meth:`refused`.

        Examples
        --------
        >>> import argus_lab as al
        >>> len(al.open(tiny_lake).redrive(project="customer-bot", reason="no_project"))
        0
        """
        return redrive.redrive((self._spans, self._refused), project, limit, selection)

    def renormalize(
        self, *, project: Values = None, since: When | None = None, until: When | None = None
    ) -> Renormalized:
        """Apply today's conventions, and your own rules, to the spans that are here already.

        Derived columns are made again from the raw ones, which stay, like identity and times. All becomes
        visible in one commit; files in which nothing changes are not touched. Works beside a receiver.

        Examples
        --------
        >>> import argus_lab as al
        >>> al.open(tiny_lake).renormalize(until="2020-01-01T00:00Z").changed
        0
        """
        if self._as_of is not None:
            raise InvalidArgument("a lake opened with as_of is read only; open it without to renormalize.")
        filter = select(SPANS, {"project": project, "since": since, "until": until})
        return renormalize.renormalize(settings.read(os.environ, lake=self._address), filter)

    def unmapped(self, **selection: Unpack[Selection]) -> pd.DataFrame:
        """What was sent and fills no column: a row per attribute, library and version, most frequent first.

        ``level`` is span, event, resource, scope, or unread (a value for the column ``key`` that it cannot
        hold); numbers in a ``key`` are N. Takes the filters of :class:`Lake`. See docs/howto/own-rules.md.

        Examples
        --------
        >>> import argus_lab as al
        >>> len(al.open(tiny_lake).unmapped())
        0
        """
        own = rules_of(settings.read(os.environ, lake=self._address))
        return unmapped.unmapped(self._spans, select(SPANS, selection), own)
