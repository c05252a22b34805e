"""What was found out of sessions once, kept beside the table for whoever reads it later.

A :class:`Settled` speaks of files by name, and files never change: if these are all there are, all but some
of them hold no span that belongs elsewhere than is stored. That stays so whatever is committed, and says
nothing of a file that it does not name. With other files than these, only traces can belong elsewhere that a
file has which came or went since, or was not right then: a :class:`Doubt`. See docs/decisions/0021.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from argus_lab.lake.held import held_in
from argus_lab.lake.namings import naming_of, once, shared
from argus_lab.lake.sources import DataFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.lake.held import Held
    from argus_lab.lake.namings import Hashes, Naming

__all__ = ["NAME", "Among", "Doubt", "Settled", "among", "doubt", "noted", "remembered"]

NAME = "_settled.json"
"""Where it stands in the folder of the table. Engines leave out what starts so."""

RULE = 1
"""The rule of :mod:`argus_lab.lake.sessions` that it was found by; another rule makes another number."""


class Settled(msgspec.Struct, frozen=True):
    """Files by path in the table, with their rows; those with spans that belong elsewhere are ``off``."""

    files: dict[str, int]
    off: frozenset[str] = frozenset()
    rule: int = RULE


class Doubt(NamedTuple):
    """What a :class:`Settled` does not tell of some files: traces with spans in one of these.

    ``files`` are among them, ``gone`` were among those that were settled.
    """

    files: Sequence[DataFile]
    gone: Sequence[DataFile]

    @property
    def is_none(self) -> bool:
        """Whether every span belongs where it is stored."""
        return not self.files and not self.gone

    @property
    def can_be_read(self) -> bool:
        """Whether files that were merged or dropped since are still there."""
        return all(Path(file.path).exists() for file in self.gone)


class Among(NamedTuple):
    """The traces in doubt, sorted; the files that hold spans of them, and what the others hold."""

    traces: Hashes
    files: Sequence[DataFile]
    others: Sequence[Naming | Held]


def remembered(root: str) -> Settled | None:
    """What is known of the table in this folder. If it cannot be read, reads are slower and as right."""
    try:
        found = msgspec.json.decode(Path(root, NAME).read_bytes(), type=Settled)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.rule == RULE and found.off <= found.files.keys() else None


def noted(root: str, settled: Settled) -> None:
    """Keep it for others, whole or not at all, in place of what was known before."""
    target = Path(root, NAME)
    # Not hidden: what a kill leaves of it goes with the vacuum, as other files that stand in no log.
    made = target.with_name(f"settled-{secrets.token_hex(8)}.tmp")
    try:
        with made.open("xb") as file:
            file.write(msgspec.json.encode(settled))
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def doubt(settled: Settled | None, root: str, files: Sequence[DataFile]) -> Doubt | None:
    """What is left to look at in these files; None if it is quicker, or only possible, to look at all."""
    if settled is None:
        return None
    off = {f"{root}/{name}" for name in settled.off}
    gone = {f"{root}/{name}": rows for name, rows in settled.files.items()}
    open = [file for file in files if gone.pop(file.path, None) is None or file.path in off]
    found = Doubt(open, [DataFile(path, rows, {}) for path, rows in gone.items()])
    is_most = sum(gone.values()) > sum(file.rows for file in files)
    return None if is_most or not found.can_be_read else found


def among(doubt: Doubt, files: Sequence[DataFile]) -> Among:
    """Where the traces in doubt are in these files."""
    held: dict[str, Naming | Held] = {file.path: naming_of(file.path, file.rows) for file in doubt.files}
    held |= {
        file.path: held_in(file.path, file.rows) for file in (*files, *doubt.gone) if file.path not in held
    }
    open = [held[file.path].keys for file in (*doubt.files, *doubt.gone)]
    traces = once(np.concatenate([np.empty(0, np.int64), *open]))
    near = [file for file in files if len(shared(traces, held[file.path].keys)[0])]
    others = held.keys() - {file.path for file in near}
    return Among(traces, near, [held[file.path] for file in files if file.path in others])
