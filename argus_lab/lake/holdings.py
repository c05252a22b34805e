"""Which traces files hold, as it is kept beside the table: told in every process, with no look into them.

Of each file hashes of the traces it holds and of the sessions that are stored there, by a key that is kept
with them, since those of :mod:`argus_lab.lake.namings` are other ones in each process.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from argus_lab.lake.held import held_in, is_remembered
from argus_lab.lake.namings import any_shared, hashed, naming_of, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from argus_lab.lake.namings import Hashes
    from argus_lab.lake.sources import DataFile

__all__ = ["MOST", "SEED_BYTES", "Holdings", "Sought"]

SEED_BYTES = 24

MOST = 4_000_000
"""Traces and sessions that are kept, eight bytes each; which further files hold is read from these."""


class Sought(NamedTuple):
    """Traces that are looked for in files: as this process tells them, and as what is kept does; sorted."""

    keys: Hashes
    told: Hashes


@dataclass(frozen=True, eq=False)
class Holdings:
    """What files hold, by hashes with a ``seed``; ``read`` gives them by the paths of the files."""

    seed: bytes = field(default_factory=lambda: secrets.token_bytes(SEED_BYTES))
    read: Callable[[], Mapping[str, Hashes]] = dict

    @cached_property
    def keys(self) -> Mapping[str, Hashes]:
        """The hashes, sorted, by the paths of the files."""
        return self.read()

    def sought(self, ids: pa.ChunkedArray) -> Sought:
        """Traces to look for, by their ids."""
        ids = ids.combine_chunks()
        return Sought(once(hashed(ids)), self._told(ids))

    def sought_in(self, files: Iterable[DataFile]) -> Sought:
        """The traces that these files hold."""
        keys, told = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for file in files:
            known = self.keys.get(file.path)
            held = held_in(file.path, file.rows) if known is not None else naming_of(file.path, file.rows)
            keys.append(held.keys)
            if self.keys:
                told.append(self._told(naming_of(file.path, file.rows).ids) if known is None else known)
        return Sought(once(np.concatenate(keys)), once(np.concatenate(told)))

    def may_hold(self, file: DataFile, sought: Sought) -> bool:
        """Whether a file has spans of these traces, or stores others under their ids, as far as is known."""
        if file.path in self.keys and not is_remembered(file.path, file.rows):
            return self.is_told_to_hold(file, sought)
        held = held_in(file.path, file.rows)
        return any(any_shared(sought.keys, keys) for keys in (held.keys, held.others))

    def is_told_to_hold(self, file: DataFile, sought: Sought) -> bool:
        """The same as far as it is kept; nothing is read."""
        known = self.keys.get(file.path)
        return known is None or any_shared(sought.told, known)

    def unknown(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Those files of which it would have to be read what they hold."""
        return [
            file for file in files if file.path not in self.keys and not is_remembered(file.path, file.rows)
        ]

    def of(self, files: Sequence[DataFile]) -> Holdings:
        """The same of these files, as many as are kept, the last ones first."""
        kept, size = dict[str, "Hashes"](), 0
        for file in reversed(files):
            keys = self.keys.get(file.path)
            if keys is None:
                naming = naming_of(file.path, file.rows)
                keys = once(np.concatenate([self._told(naming.ids), self._told(naming.sessions)]))
            size += len(keys)
            if size > MOST:
                break
            kept[file.path] = keys
        return Holdings(self.seed, lambda: kept)

    def _told(self, ids: pa.Array) -> Hashes:
        def other(text: str) -> int:
            digest = hashlib.blake2b(text.encode(), key=self.seed, digest_size=8).digest()
            return int.from_bytes(digest, "little", signed=True)

        return once(hashed(ids, np.frombuffer(self.seed, np.uint64) | np.uint64(1), other))
