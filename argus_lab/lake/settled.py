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

from argus_lab.lake.namings import held_in, once, shared
from argus_lab.lake.sources import DataFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.lake.namings import Hashes, Held, Naming

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

    def __bool__(self) -> bool:
        return bool(self.files or self.gone)


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
    open = [file for file in files if gone.pop(file.path, None) != file.rows or file.path in off]
    if sum(gone.values()) > sum(file.rows for file in files) or not all(map(os.path.exists, gone)):
        return None
    return Doubt(open, [DataFile(path, rows, {}) for path, rows in gone.items()])


def among(doubt: Doubt, files: Sequence[DataFile]) -> Among:
    """Where the traces in doubt are in these files."""
    held = {file.path: held_in(file.path, file.rows) for file in (*files, *doubt.gone)}
    open = [held[file.path].keys for file in (*doubt.files, *doubt.gone)]
    traces = once(np.concatenate([np.empty(0, np.int64), *open]))
    near = [file for file in files if len(shared(traces, held[file.path].keys)[0])]
    others = held.keys() - {file.path for file in near}
    return Among(traces, near, [held[file.path] for file in files if file.path in others])
