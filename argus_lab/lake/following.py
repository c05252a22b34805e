"""A lake that is being written: what is new in it, and what was sent just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from argus_lab.errors import InvalidArgument
from argus_lab.lake import read
from argus_lab.lake.opened import Opened
from argus_lab.lake.selection import Selection, select
from argus_lab.lake.tailing import Tail
from argus_lab.lake.waiting import wait_for
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Following"]


class Following(Opened):
    """Questions about what comes in. Users meet them as methods of :class:`argus_lab.Lake`."""

    def tail(
        self,
        *,
        columns: read.Columns = "light",
        every: float = 0.5,
        timeout: float | None = None,
        **selection: Unpack[Selection],
    ) -> Tail:
        """New spans as frames, as they come: ``for spans in lake.tail():`` or ``async for``.

        Each span that is committed from now on comes once, also if it started long ago, whatever the
        keeper merges or deletes meanwhile. A frame holds what came since the last one, oldest start
        first; it is never empty. Sessions are those that follow from all spans that are there by then.

        Parameters
        ----------
        columns
            As in :meth:`argus_lab.Lake.spans`.
        every
            Seconds between looks while nothing comes.
        timeout
            End after so many seconds without new spans. Default: go on until interrupted, cancelled, or
            closed with ``close()``.
        **selection
            Filters, see :class:`argus_lab.Lake`, but ``until``. With ``since``, spans that are there and
            started since then come first.

        Examples
        --------
        >>> import argus_lab as al
        >>> lake = al.open(tiny_lake)
        >>> for spans in lake.tail(project="customer-bot", since="2026-01-01T00:00Z", timeout=0.1):
        ...     print(len(spans))
        6
        """
        if self._as_of is not None:
            raise InvalidArgument(
                "a lake opened with as_of never gets new spans; open it without to tail it."
            )
        if selection.get("until") is not None:
            raise InvalidArgument("a tail has no until=: it ends when you stop it, or with timeout=.")
        chosen = SPANS.choose(columns)
        return Tail(self._spans, select(SPANS, selection), chosen, every=every, timeout=timeout)

    def wait_for(
        self,
        trace_id: str,
        *,
        spans: int | None = None,
        timeout: float = 10.0,
        columns: read.Columns = "all",
    ) -> pd.DataFrame:
        """The trace, once it can be read: what was acknowledged before this call is in it.

        Flush the tracer provider first (``al.instrument(...).flush()`` does), so that the receiver has
        acknowledged the spans. No server is asked: the lake's journal and keeper know.

        Parameters
        ----------
        trace_id
            In any spelling, as in :meth:`argus_lab.Lake.trace`.
        spans
            Wait until so many spans of the trace are there. Default: until any are.
        timeout
            Seconds to wait at most.
        columns
            As in :meth:`argus_lab.Lake.trace`.

        Raises
        ------
        WaitTimedOut
            It did not come in time; the message says what did, and why the rest may be missing.
        NotFound
            Spans of it were refused, so that waiting is in vain; the message says why they were.

        Examples
        --------
        >>> import argus_lab as al
        >>> len(al.open(tiny_lake).wait_for("0af7651916cd43dd8448eb211c80319c", spans=4))
        4
        """
        if self._as_of is not None:
            raise InvalidArgument("a lake opened with as_of never gets new spans; open it without to wait.")
        readers = (self._spans, self._refused)
        return wait_for(readers, trace_id, columns, spans=spans, timeout=timeout)
