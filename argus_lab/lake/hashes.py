"""The file beside the table in which hashes of the traces are kept that files hold.

They are most of what is kept, and hold for as long as a file is there: those of new files stand with what
else is kept until they are many, so that this is seldom written. A line with a digest of what follows, a
line of JSON with the key and the files, and the hashes. See docs/decisions/0026.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from argus_lab.lake import sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.lake.namings import Hashes

__all__ = ["FEW", "NAME", "noted", "packed", "remembered", "sizes", "unpacked"]

NAME = "_held"
"""Where it stands in the folder of the table."""

RULE = 1
"""Its form; others have others."""

FEW = 50_000
"""So many hashes of new files do not stand here yet."""


class _Head(msgspec.Struct, frozen=True):
    """By which key, and how many hashes of which files, by their paths in the table."""

    rule: int
    seed: bytes
    held: dict[str, int]


def remembered(root: str, seed: bytes) -> Mapping[str, Hashes]:
    """What is kept by this key of the table in this folder, by the paths of the files in it."""
    try:
        there = Path(root, NAME).stat()
        found = _read(root, (there.st_ino, there.st_mtime_ns, there.st_size))
    except OSError:
        return {}
    return found[1] if found is not None and found[0] == seed else {}


def noted(root: str, seed: bytes, keys: Mapping[str, Hashes]) -> None:
    """Keep these, by the paths of files in the table, in place of what was kept before."""
    told = msgspec.json.encode(_Head(RULE, seed, sizes(keys))) + b"\n" + packed(keys)
    sealed.put(Path(root, NAME), [sealed.digest(told), b"\n", told])


def sizes(keys: Mapping[str, Hashes]) -> dict[str, int]:
    """How many hashes there are of each."""
    return {name: len(each) for name, each in keys.items()}


def packed(keys: Mapping[str, Hashes]) -> bytes:
    """The hashes of all files, eight bytes each."""
    return b"".join(each.astype("<i8").tobytes() for each in keys.values())


def unpacked(held: Mapping[str, int], data: bytes) -> dict[str, Hashes]:
    """The hashes of each file, of which there are so many."""
    keys = np.frombuffer(data, "<i8")
    ends = accumulate(held.values())
    return {name: keys[end - size : end] for (name, size), end in zip(held.items(), ends, strict=True)}


@lru_cache(maxsize=4)
def _read(root: str, _which: tuple[int, int, int]) -> tuple[bytes, dict[str, Hashes]] | None:
    with Path(root, NAME).open("rb") as file:
        digest, told, data = file.readline(), file.readline(), file.read()
    if digest[:-1] != sealed.digest(told + data):
        return None
    try:
        head = msgspec.json.decode(told, type=_Head)
    except msgspec.MsgspecError:
        return None
    return None if head.rule != RULE else (head.seed, unpacked(head.held, data))
