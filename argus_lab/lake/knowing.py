"""Where the spans of a snapshot's files belong: what was found out before, and what is worked out for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from argus_lab.lake import chains, duck
from argus_lab.lake.carrying import carried
from argus_lab.lake.holdings import Holdings
from argus_lab.lake.keeping import remembered
from argus_lab.lake.learning import learn
from argus_lab.lake.resolving import belonging
from argus_lab.lake.sessions import NEEDED
from argus_lab.lake.settled import Settled, doubt, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from argus_lab.lake.belonging import Belonging
    from argus_lab.lake.settled import Doubt
    from argus_lab.lake.sources import DataFile
    from argus_lab.schema import Table

    Files = tuple[DataFile, ...]

__all__ = ["Knowing", "remember", "together"]

Key = TypeVar("Key")
Value = TypeVar("Value")

REMEMBERED = 8
"""Of so many selections of files, or of sessions, it is remembered where their spans belong."""


@dataclass(frozen=True)
class Knowing:
    """What is known of the files of a snapshot, ``every`` one of them.

    ``before``: what was found out at another version. ``found``: where spans of some of the files belong.
    """

    table: Table
    root: str
    every: Files
    infers: bool
    before: Settled | None
    found: dict[tuple[str, ...], Belonging]

    @cached_property
    def known(self) -> Settled | None:
        """What was found out before of where spans belong, if anything that is of use."""
        if self.infers:
            return None
        mine = doubt(self.before, self.root, self.every)
        if mine is not None and mine.is_none:
            return self.before
        return nearest((self.before, remembered(self.root)), self.root, self.every)

    @cached_property
    def _left(self) -> Doubt | None:
        return doubt(self.known, self.root, self.every)

    @property
    def doubt(self) -> Doubt | None:
        """What that leaves open here; None: everything."""
        return self._left if self._left is not None and self._left.can_be_read else None

    @property
    def holdings(self) -> Holdings:
        """Which traces some of the files hold."""
        return Holdings() if self.known is None else self.known.holdings

    @property
    def whole(self) -> Belonging | None:
        """Where the spans of all files belong, if that is known already."""
        left = self.doubt
        return left.before if left is not None and left.is_none else self.found.get(_paths(self.every))

    @property
    def effort(self) -> int:
        """How many spans are in files that would have to be looked at to know where all belong."""
        left = self.doubt
        if left is None:
            return sum(file.rows for file in self.every)
        return left.rows + sum(file.rows for file in self.holdings.unknown(self.every))

    @property
    def latest(self) -> Settled | None:
        """What is known here, for who reads another version."""
        whole = None if self.infers else self.found.get(_paths(self.every))
        return self.before if whole is None else self._settled(self.every, whole)

    def settled(self, files: Files) -> Settled:
        """Where the spans of these files belong, if there were no others."""
        found = self._settled(files, self._worked_out(files, files))
        return replace(found, holdings=found.holdings.of(files))

    def belonging(self, files: Files) -> Belonging:
        """Where spans of these files belong, of which some may be of another version."""
        every = together(self.every, files)
        if self.doubt is not None and len(every) == len(self.every):
            files = self.every  # all at once, which the next version goes on from
        asked = _paths(files)
        if asked not in self.found:
            remember(self.found, asked, self._worked_out(every, files))
        return self.found[asked]

    def _settled(self, files: Files, found: Belonging) -> Settled:
        names = {file.path: file.path.removeprefix(f"{self.root}/") for file in files}
        off = frozenset(name for path, name in names.items() if path in found.files)
        return Settled({names[file.path]: file.rows for file in files}, off, found, self.holdings)

    def _worked_out(self, every: Files, asked: Files) -> Belonging:
        left = doubt(self.known, self.root, every)
        learn(every if left is None else [*left.files, *left.gone])
        if left is None or len(left.files) == len(every) > 0:
            return belonging(every, asked, self._load, self._guesses if self.infers else None)
        return carried(left, every, asked, self._load)

    def _load(self, files: Sequence[DataFile], traces: pa.Array) -> pa.Table:
        return duck.whole_traces(self.table, files, traces, NEEDED)

    @cached_property
    def _guesses(self) -> pa.Table:
        return chains.inferred(duck.source(self.table, self.every))


def remember(memory: dict[Key, Value], key: Key, value: Value) -> None:
    """Remember one more, and forget what was there longest."""
    while len(memory) >= REMEMBERED:
        memory.pop(next(iter(memory)), None)
    memory[key] = value


def _paths(files: Files) -> tuple[str, ...]:
    return tuple(file.path for file in files)


def together(files: Files, more: Files) -> Files:
    """The files of both, each once."""
    known = {file.path for file in files}
    return (*files, *(file for file in more if file.path not in known))
