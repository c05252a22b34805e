"""Rounds, executions and messages of the same spans, from one replay of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from argus_lab.measures import executions, messages, rounds
from argus_lab.measures.replay import loaded, replay_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Retold", "retold"]

NEEDED = tuple(dict.fromkeys((*rounds.NEEDED, *executions.NEEDED, *messages.NEEDED)))
HEAVY = tuple(dict.fromkeys((*rounds.HEAVY, *executions.HEAVY, *messages.HEAVY, *messages.MORE)))


class Retold(NamedTuple):
    """What ``al.rounds``, ``al.executions`` and, if asked for, ``al.messages`` give of the same spans."""

    rounds: pa.Table
    executions: pa.Table
    messages: pa.Table | None


def retold(spans: Any, *, with_messages: bool) -> Retold:
    """These measures of a frame of spans of whole traces. Heavy columns that it has not are null.

    Examples
    --------
    >>> import argus_lab as al
    >>> found = retold(al.open(tiny_lake).session("session-1", columns="all"), with_messages=False)
    >>> len(found.rounds), len(found.executions), found.messages
    (3, 1, None)
    """
    rows = loaded(spans, NEEDED, HEAVY, by="rounds")
    replay = replay_of(rows)
    return Retold(
        rounds.rounds_of(rows, replay),
        executions.executions_of(rows, replay),
        messages.messages_of(rows, replay) if with_messages else None,
    )
