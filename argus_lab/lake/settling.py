"""The keeper finds out which files hold all their spans where these belong, and keeps it for readers.

This is for what was not foreseen (:mod:`argus_lab.lake.foresight`). What was known before is gone on from,
so that a look costs what came since. A large lake of which nothing is known yet is looked at in steps, each
of which speaks of more files.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from argus_lab.lake.keeping import noted
from argus_lab.lake.outdated import SHARE

if TYPE_CHECKING:
    from argus_lab.lake.settled import Settled
    from argus_lab.lake.snapshot import Snapshot

__all__ = ["EVERY", "STEP", "settle"]

EVERY = 5.0
"""Seconds between the keeper's looks at what came unforeseen: readers work out what came since."""

STEP = 5_000_000
"""Spans that are looked at together at most, beside those that are settled, or of one file."""

_rests: dict[str, float] = {}


def settle(snapshot: Snapshot, *, at_once: bool) -> None:
    """Keep what is known of these files; a step of it, in at most a share of the time, unless ``at_once``.

    Of a lake in an object store nothing is kept: it is read as right, and slower.
    """
    if "://" in snapshot.root:
        return
    if not at_once and time.monotonic() < _rests.get(snapshot.root, 0.0):
        return
    began = time.monotonic()
    while (found := _further(snapshot)) is not None:
        noted(snapshot.root, found)
        snapshot = replace(snapshot)  # which reads anew what is known
        if not at_once:
            break
    ended = time.monotonic()
    _rests[snapshot.root] = ended + (ended - began) / SHARE


def _further(snapshot: Snapshot) -> Settled | None:
    """What is known of more of the snapshot's files; None if it is of all already, and of no others."""
    knowing = snapshot.knowing
    before = knowing.known.files if knowing.known is not None and knowing.doubt is not None else {}
    names = {file.path.removeprefix(f"{snapshot.root}/"): file for file in snapshot.every}
    if before.keys() == names.keys():
        return None
    new = [name for name in names if name not in before]
    rows = accumulate((names[name].rows for name in new), initial=0)
    taken = {name for name, so_far in zip(new, rows, strict=False) if so_far == 0 or so_far < STEP}
    return knowing.settled(tuple(file for name, file in names.items() if name in before or name in taken))
