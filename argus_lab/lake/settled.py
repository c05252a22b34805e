"""What was found out of sessions once, for whoever reads later: beside the table, or in a process.

A :class:`Settled` speaks of files by name, and files never change: if these are all there are, it says which
of their spans belong elsewhere than is stored, and where. That stays so whatever is committed, and says
nothing of a file that it does not name. With other files than these, only traces can belong elsewhere than it
says that a file has which came or went since: a :class:`Doubt`. See docs/decisions/0021 and 0024.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from argus_lab.lake.belonging import NOTHING, Belonging
from argus_lab.lake.holdings import Holdings
from argus_lab.lake.sources import DataFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_lab.lake.namings import Hashes

__all__ = ["Among", "Doubt", "Settled", "among", "doubt", "nearest"]


@dataclass(frozen=True)
class Settled:
    """Files by path in the table, with their rows; those with spans that belong elsewhere are ``off``.

    ``belonging``: where these belong, if these files are all there are; None if that was too much to keep.
    ``holdings``: which traces are in some of them, maybe of other files too.
    """

    files: Mapping[str, int]
    off: frozenset[str] = frozenset()
    belonging: Belonging | None = None
    holdings: Holdings = field(default_factory=Holdings, compare=False)


class Doubt(NamedTuple):
    """What a :class:`Settled` does not tell of some files: traces with spans in one of these.

    ``files`` are among them, ``gone`` were among those that were settled. ``before``: where spans of all
    other traces belong. ``holdings``: which traces some files hold.
    """

    files: Sequence[DataFile]
    gone: Sequence[DataFile]
    before: Belonging = NOTHING
    holdings: Holdings = Holdings()

    @property
    def is_none(self) -> bool:
        """Whether it is known of every trace where its spans belong."""
        return not self.files and not self.gone

    @property
    def rows(self) -> int:
        """How many spans are to be looked at."""
        return sum(file.rows for file in (*self.files, *self.gone))

    @property
    def can_be_read(self) -> bool:
        """Whether files that were merged or dropped since are still there."""
        return all(Path(file.path).exists() for file in self.gone)


class Among(NamedTuple):
    """The traces in doubt, sorted; the files that hold spans of them, or store others under their ids."""

    traces: Hashes
    files: Sequence[DataFile]


def doubt(settled: Settled | None, root: str, files: Sequence[DataFile]) -> Doubt | None:
    """What is left to look at in these files; None if it is quicker, or only possible, to look at all."""
    if settled is None:
        return None
    is_told = settled.belonging is not None
    off = set() if is_told else {f"{root}/{name}" for name in settled.off}
    gone = {f"{root}/{name}": rows for name, rows in settled.files.items()}
    open = [file for file in files if gone.pop(file.path, None) is None or file.path in off]
    went = [DataFile(path, rows, {}) for path, rows in gone.items()]
    found = Doubt(open, went, settled.belonging or NOTHING, settled.holdings)
    is_most = sum(gone.values()) > sum(file.rows for file in files)
    return None if is_most or not found.can_be_read else found


def among(doubt: Doubt, files: Sequence[DataFile]) -> Among:
    """Where the traces in doubt are in these files."""
    traces = doubt.holdings.sought_in((*doubt.files, *doubt.gone))
    came = {file.path for file in doubt.files}
    near = [file for file in files if file.path in came or doubt.holdings.may_hold(file, traces)]
    return Among(traces.keys, near)


def nearest(some: Sequence[Settled | None], root: str, files: Sequence[DataFile]) -> Settled | None:
    """That of several which leaves the least to look at in these files; None if none is of use."""
    left = [(settled, doubt(settled, root, files)) for settled in some]
    useful = [(settled, found.rows) for settled, found in left if found is not None]
    return min(useful, key=lambda each: each[1])[0] if useful else None
