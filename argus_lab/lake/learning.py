"""What small files name and hold, learnt in one look at all of them: those of the last seconds are many.

Most of what such a file costs is opening it; and DuckDB, which looks into them here, then knows their
footers when it is asked for their spans.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.lake import duck
from argus_lab.lake.namings import COLUMNS, Said, Texts, hashed, known_naming, naming, numbered, remember
from argus_lab.lake.sessions import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from argus_lab.lake.namings import Naming
    from argus_lab.lake.sources import DataFile

    Places = npt.NDArray[np.int64]

__all__ = ["SMALL", "learn"]

SMALL = 10_000
"""Files of no more spans than this are read, and remembered, sooner than looked into each time."""


AT_ONCE = 1_000_000
"""Spans that are looked at together at most: further files are read one by one, by who asks for them."""


def learn(files: Iterable[DataFile]) -> None:
    """Remember what the small ones of these files name, as far as it is not known."""
    small = [file for file in files if file.rows <= SMALL and known_naming(file.path, file.rows) is None]
    ends = accumulate(file.rows for file in small)
    new = {file.path: file for file, end in zip(small, ends, strict=True) if end <= AT_ONCE}
    if not new:
        return
    files = tuple(new.values())
    for path, found in _namings(duck.said(files, COLUMNS), duck.marked(files, MARK)):
        if path in new:  # DuckDB may call a file otherwise than we do
            remember(path, new[path].rows, found)


def _namings(rows: pa.Table, settled: set[str]) -> Iterator[tuple[str, Naming]]:
    """The namings of files by their paths, made from what their spans say, each of it once a file."""
    paths, traces, sessions, sources = (_Encoded(rows[name]) for name in ("filename", *COLUMNS))
    kind = numbered(sources.places, sources.texts)
    hashes = [hashed(column.texts) for column in (traces, sessions)]
    order = np.argsort(paths.places, kind="stable")
    starts = np.searchsorted(paths.places[order], np.arange(len(paths.texts) + 1))
    for path, start, end in zip(paths.texts.to_pylist(), starts[:-1], starts[1:], strict=True):
        here = order[start:end]
        own, trace = traces.among(here, hashes[0])
        named, session = sessions.among(here, hashes[1])
        yield path, naming(own, named, Said(trace, session, kind[here]), is_settled=path in settled)


class _Encoded:
    """A column as the texts in it, each once, and the place of each row's among them; -1 if it has none."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        found = pa.concat_arrays([pa.array([], pa.string()), *column.chunks]).dictionary_encode()
        self.texts: pa.Array = found.dictionary
        self.places: Places = np.asarray(pc.fill_null(found.indices, -1)).astype(np.int64)

    def among(self, rows: Places, hashes: Places) -> tuple[Texts, Places]:
        """The texts in some rows with their hashes, and the place of each of these rows' among them."""
        there = self.places[rows]
        once = np.unique(there[there >= 0])
        places = np.where(there < 0, -1, np.searchsorted(once, there))
        return Texts(self.texts.take(pa.array(once)), hashes[once]), places
