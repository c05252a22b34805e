"""Which round each step of a session belongs to, so that a session reads round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.measures.aggregates import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

__all__ = ["in_rounds"]

Key = tuple[Any, Any]


def in_rounds(steps: pa.Table, rounds: pa.Table) -> list[int | None]:
    """By step, the row of the round it belongs to; ``None`` in traces without a model call.

    A model call belongs to its own round, what ran because of its answer to the same, and so does the user's
    message that triggered it. What is below a call or what ran belongs where that does. What holds steps of
    rounds, such as an agent, belongs to the first of them; what stands alone to the round before it, else to
    the one after.

    Parameters
    ----------
    steps, rounds
        What ``al.steps`` and ``al.rounds`` gave of the same spans, as Arrow tables.

    Examples
    --------
    >>> import argus_lab as al
    >>> import pyarrow as pa
    >>> spans = pa.Table.from_pandas(al.open(tiny_lake).session("session-1"))
    >>> in_rounds(al.steps(spans), al.rounds(spans))
    [0, 0, 0, 1, 2, 2]
    """
    own, triggers = _told(rounds)
    keys: list[Key] = list(zip(steps["trace_id"].to_pylist(), steps["span_id"].to_pylist(), strict=True))
    depths = [depth or 0 for depth in steps["depth"].to_pylist()]
    found: list[int | None] = [own.get(key) for key in keys]
    _down(found, keys, depths)
    found = [triggers.get(key) if at is None else at for at, key in zip(found, keys, strict=True)]
    _up(found, keys, depths)
    _beside(found, keys)
    return found


def _told(rounds: pa.Table) -> tuple[dict[Key, int], dict[Key, int]]:
    """The round of calls and of what ran, and of the messages that triggered one; the first of several."""
    columns = ("trace_id", "span_id", "trigger", "trigger_span_id", "execution_span_ids")
    rows = rounds.select(list(columns)).to_pylist()
    found: dict[Key, int] = {}
    for at, row in enumerate(rows):
        found[row["trace_id"], row["span_id"]] = at
    for at, row in enumerate(rows):
        for span in (row["execution_span_ids"] or "").split(BETWEEN):
            found.setdefault((row["trace_id"], span), at)
    triggers: dict[Key, int] = {}
    for at, row in enumerate(rows):
        if row["trigger"] == "user_message":
            triggers.setdefault((row["trace_id"], row["trigger_span_id"]), at)
    return found, triggers


def _down(found: list[int | None], keys: Sequence[Key], depths: Sequence[int]) -> None:
    """What is below a call or what ran belongs where that does."""
    above: list[int | None] = []
    for at, depth in enumerate(depths):
        if at and keys[at][0] != keys[at - 1][0]:
            above = []
        del above[depth:]
        if found[at] is None and above:
            found[at] = above[-1]
        above.append(found[at])


def _up(found: list[int | None], keys: Sequence[Key], depths: Sequence[int]) -> None:
    """What holds steps of rounds belongs to the first of them."""
    first: dict[int, int] = {}
    for at in reversed(range(len(depths))):
        depth = depths[at]
        if at + 1 < len(depths) and keys[at + 1][0] != keys[at][0]:
            first = {}
        if found[at] is None:
            found[at] = first.get(depth + 1)
        for deeper in [each for each in first if each > depth]:
            del first[deeper]
        place = found[at]
        if place is not None:
            first[depth] = place


def _beside(found: list[int | None], keys: Sequence[Key]) -> None:
    """What is left belongs to the round before it in its trace, else to the one after."""
    for order in (range(len(keys)), reversed(range(len(keys)))):
        _carry(found, keys, order)


def _carry(found: list[int | None], keys: Sequence[Key], order: Iterable[int]) -> None:
    trace, last = None, None
    for at in order:
        if keys[at][0] != trace:
            trace, last = keys[at][0], None
        if found[at] is None:
            found[at] = last
        last = found[at]
