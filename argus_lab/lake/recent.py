"""The ids of recent spans: what makes a delivery that comes twice one row.

OTLP clients send a batch again when its answer was lost, within seconds to minutes. Spans are
known here by 32 bytes: trace id, span id, and a hash of the project, since the same trace may be
sent to two projects on purpose. Ids are kept exactly, not in a filter with false positives, for
``window`` seconds and up to ``most`` of them; the newest win.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Keys", "RecentIds", "keys_of"]

Keys = npt.NDArray[np.bytes_]
_WIDTH = "S32"


@cache
def _project_hash(project: str) -> bytes:
    return hashlib.blake2b(project.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def keys_of(projects: Iterable[str], trace_ids: Iterable[str], span_ids: Iterable[str]) -> Keys:
    """The keys of spans, 32 bytes each, as a NumPy array.

    NumPy strips trailing zero bytes when it hands out single items, but compares and sorts the
    full width, which is all that is done here.
    """
    raw = [
        bytes.fromhex(trace_id + span_id) + _project_hash(project)
        for project, trace_id, span_id in zip(projects, trace_ids, span_ids, strict=True)
    ]
    return np.frombuffer(b"".join(raw), dtype=_WIDTH)


@dataclass
class _Generation:
    """Sorted keys that arrived about the same time."""

    keys: Keys
    newest: float


@dataclass
class RecentIds:
    """Which span ids were taken in lately."""

    window: float
    most: int
    _generations: list[_Generation] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(generation.keys) for generation in self._generations)

    def fresh(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """For each key whether it is new: not known, and not seen earlier in ``keys`` itself."""
        is_new = np.zeros(len(keys), dtype=bool)
        _, first = np.unique(keys, return_index=True)
        is_new[first] = True
        for generation in self._generations:
            is_new &= ~_contained(keys, generation.keys)
        return is_new

    def add(self, keys: Keys, now: float) -> None:
        """Remember keys, and forget those that are too old or too many."""
        if len(keys):
            self._generations.append(_Generation(np.sort(keys), now))
        self._merge()
        self._forget(now)

    def _merge(self) -> None:
        """Keep few generations: the newest grow together, so that a look-up stays cheap."""
        while len(self._generations) > 1:
            older, newer = self._generations[-2:]
            too_large = len(older.keys) > 2 * len(newer.keys)
            if too_large or len(older.keys) + len(newer.keys) > self.most // 8:
                return
            merged = np.sort(np.concatenate([older.keys, newer.keys]))
            self._generations[-2:] = [_Generation(merged, newer.newest)]

    def _forget(self, now: float) -> None:
        kept = [g for g in self._generations if g.newest >= now - self.window]
        while len(kept) > 1 and sum(len(g.keys) for g in kept) > self.most:
            kept.pop(0)
        self._generations = kept


def _contained(keys: Keys, known: Keys) -> Any:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    at = np.searchsorted(known, keys)
    at[at == len(known)] = 0
    return known[at] == keys


def rebuilt(batches: Sequence[tuple[Keys, float]], *, window: float, most: int) -> RecentIds:
    """Recent ids from what a lake holds: keys with the time they came, oldest first."""
    recent = RecentIds(window, most)
    for keys, moment in batches:
        recent.add(keys, moment)
    return recent
