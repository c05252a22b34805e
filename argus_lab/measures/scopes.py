"""What happens inside what: scopes, and what came last in a scope before a moment.

The *scope* of a span is the nearest span above it that does something of its own: an agent, an execution
(a tool call or an external resource) or a model call; else the trace. What runs in parallel stands in
scopes of its own, so "what came before" is asked within a scope, and only then outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argus_lab.measures.trees import NONE, UNKNOWN_START, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from argus_lab.measures.trees import Forest

    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Scopes", "Timeline"]


@dataclass(frozen=True, slots=True)
class Scopes:
    """By row its scope: a row, or the row count plus the number of the trace."""

    scope: Places
    is_agent: Flags
    """Scopes that are left when they end: what came last in them came last for what follows them."""
    start: Places
    end: Places
    """Nanoseconds; the largest integer if unknown."""
    place: Places
    """Place in reading order: which of two rows comes first that started together."""

    @classmethod
    def of(cls, forest: Forest, length: Places, is_agent: Flags, is_other: Flags) -> Scopes:
        """The scopes of a forest; ``length`` in nanoseconds, negative if unknown."""
        found = nearest(forest.parent, is_agent | is_other)
        scope = np.where(found >= 0, found, len(found) + forest.trace)
        is_known = (length >= 0) & (forest.start < UNKNOWN_START)
        end = np.where(is_known, forest.start + np.where(is_known, length, 0), UNKNOWN_START)
        return cls(scope, is_agent & ~is_other, forest.start, end, forest.place)

    def timeline(self, wanted: Flags) -> Timeline:
        """When the wanted rows come into the view of which scope.

        A row is in view of its own scope from its start on. What happened inside an agent is in view of
        the agent's own scope once the agent has ended; by a wrong clock that may be before the row began,
        then from its start on.
        """
        row = np.flatnonzero(wanted)
        scope, time = self.scope[row], self.start[row]
        parts = [(scope, time, row)]
        while len(row):
            inside = np.flatnonzero(scope < len(self.scope))
            inside = inside[self.is_agent[scope[inside]]]
            row, left = row[inside], scope[inside]
            is_over = self.end[left] < UNKNOWN_START
            scope, time = self.scope[left], np.maximum(time[inside], self.end[left])
            row, scope, time = row[is_over], scope[is_over], time[is_over]
            parts.append((scope, time, row))
        scopes, times, rows = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = np.lexsort((self.place[rows], self.start[rows], times, scopes))
        return Timeline(scopes[order], times[order], rows[order])  # of one moment, what started last is last


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows as they come into view: by scope, then by time."""

    scope: Places
    time: Places
    row: Places

    @classmethod
    def of(cls, scope: Places, time: Places, row: Places, place: Places) -> Timeline:
        """Rows that come into view of the scope at the time, in any order; ``place`` decides a tie."""
        order = np.lexsort((place, time, scope))
        return cls(scope[order], time[order], row[order])

    def latest(self, scope: Places, moment: Places) -> Places:
        """For each pair, the row that came last into view of the scope, at the moment or before; or -1."""
        if not len(self.row):
            return np.full(len(scope), NONE)
        times, rank = np.unique(np.concatenate([self.time, moment]), return_inverse=True)
        known = self.scope * len(times) + rank[: len(self.row)]
        at = np.searchsorted(known, scope * len(times) + rank[len(self.row) :], side="right") - 1
        found = np.maximum(at, 0)
        return np.where((at >= 0) & (self.scope[found] == scope), self.row[found], NONE)
