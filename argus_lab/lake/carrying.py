"""Where spans belong, by what was found out before of other files: only traces in doubt are worked out anew.

A file that came or went changes nothing for a trace of which it holds no span: what was found out of that one
is carried over. See docs/decisions/0024.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from argus_lab.lake.belonging import SCHEMA, Belonging
from argus_lab.lake.namings import any_shared, hashed, naming_of, once
from argus_lab.lake.resolving import belonging
from argus_lab.lake.settled import among

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.lake.resolving import Load
    from argus_lab.lake.settled import Doubt
    from argus_lab.lake.sources import DataFile

__all__ = ["carried"]


def carried(doubt: Doubt, files: Sequence[DataFile], asked: Sequence[DataFile], load: Load) -> Belonging:
    """Where spans of the files ``asked`` belong, if ``files`` are all there are; as ``belonging`` finds it.

    More may be told, of other files that were known before.
    """
    if doubt.is_none:
        return doubt.before
    where = among(doubt, files)
    found = belonging(files, asked, load, among=where)
    if not doubt.before.files:
        return found
    rest = doubt.before.without(where.traces)
    sought = doubt.holdings.sought(pa.chunked_array([rest.ids], pa.string()))
    there = [file for file in files if file.path in rest.files]
    holding = [file.path for file in there if doubt.holdings.may_hold(file, sought)]
    return _together(replace(rest, files=frozenset(holding)), found, doubt)


def _together(rest: Belonging, found: Belonging, doubt: Doubt) -> Belonging:
    """What was known of the other traces, and what was found of those in doubt."""
    own = once(hashed(rest.traces["trace_id"].combine_chunks()))
    came = [naming_of(file.path, file.rows) for file in doubt.files]
    # Files that went since can only have left them more alone.
    is_alone = rest.is_alone and not any(any_shared(own, naming.others) for naming in came)
    both = [(rest.traces, is_alone), (found.traces, found.is_alone)]
    return Belonging(
        pa.concat_tables([rest.traces, found.traces]),
        pa.concat_tables([rest.mended, found.mended]),
        pa.concat_tables([rest.spans, found.spans]),
        rest.files | found.files,
        _stored(rest, found),
        all(is_alone for traces, is_alone in both if len(traces)),
    )


def _stored(*parts: Belonging) -> pa.Table | None:
    """What is stored for the traces of these, if it is known of all."""
    found = [SCHEMA.empty_table().select(["trace_id", "session_id"])]
    for part in parts:
        if len(part.mended) or len(part.spans):
            if part.stored is None:
                return None
            found.append(part.stored)
    return pa.concat_tables(found)
