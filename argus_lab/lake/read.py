"""Rows of a snapshot as Arrow tables, each read by the engine that is faster at it.

Plain loads go through pyarrow, which reads whole columns several times faster than DuckDB.
Look-ups of a trace or session, ``where=`` and sorting go through DuckDB, which has Bloom filters, SQL
and a sort that spills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from argus_lab.errors import ArgusError, InvalidArgument, LakeUnavailable, NotFound
from argus_lab.frames import pandas_of
from argus_lab.lake import duck, frames
from argus_lab.lake.belonging import NOTHING, SCHEMA, SESSION_COLUMNS
from argus_lab.lake.sessions import NEEDED, inherited
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    import pandas as pd

    from argus_lab.lake.selection import Filter
    from argus_lab.lake.snapshot import Picked, Reader, Snapshot

    T = TypeVar("T")

__all__ = ["Columns", "Order", "asks_sessions", "count", "frame", "load", "on_newest", "rows", "whole_traces"]

Columns = Literal["light", "all"] | Sequence[str]
"""All but long text and raw JSON, every column, or these."""

Order = Literal["stored", "oldest", "newest"]
"""How rows are ordered: as the files hold them (fastest), or by when they started."""

SORTED = {
    "spans": ("start_time", "start_unix_nano", "trace_id", "span_id"),
    "refused": ("received_at", "refusal_id"),
}
FEW_ROWS = 100_000
"""Up to this many rows DuckDB stops reading sooner than pyarrow does; both keep the stored order."""

RUNS = 32
"""So many times at most, files of which spans moved and others are read by themselves, in their order."""

DIRECTION = {"oldest": "ASC", "newest": "DESC"}


def frame(
    reader: Reader, filter: Filter, columns: Columns, *, limit: int | None = None, order: Order = "stored"
) -> pd.DataFrame:
    """The rows of ``filter`` as a pandas frame that says where they came from."""
    chosen = reader.table.choose(columns)
    picked, table, matched = _loaded(reader, filter, chosen, limit, order)
    found = pandas_of(table)
    found.attrs["argus"] = frames.provenance(picked, chosen, matched=matched, returned=len(table))
    return found


def rows(
    reader: Reader, filter: Filter, columns: Columns, *, limit: int | None = None, order: Order = "stored"
) -> pa.Table:
    """The same rows as an Arrow table, for those who go on with one."""
    return _loaded(reader, filter, reader.table.choose(columns), limit, order)[1]


def whole_traces(reader: Reader, filter: Filter, columns: Columns, *, order: Order = "stored") -> pa.Table:
    """The same where the filter leaves out no span of a trace: then sessions follow from the rows alone."""
    chosen = reader.table.choose(columns)

    def act(snapshot: Snapshot) -> pa.Table:
        needed = list(dict.fromkeys((*chosen, *NEEDED)))
        stored = load(snapshot.stored(filter), needed, limit=None, order=order)[0]
        return inherited(stored).select(chosen)

    return on_newest(reader, act)


def _loaded(
    reader: Reader, filter: Filter, columns: Sequence[str], limit: int | None, order: Order
) -> tuple[Picked, pa.Table, int]:
    """What is picked, its rows, and how many there are without the limit."""

    def act(snapshot: Snapshot) -> tuple[Picked, pa.Table, int]:
        picked = snapshot.pick(filter, sessions=asks_sessions(columns))
        return picked, *load(picked, columns, limit=limit, order=order)

    return on_newest(reader, act)


def load(picked: Picked, columns: Sequence[str], *, limit: int | None, order: Order) -> tuple[pa.Table, int]:
    """The picked rows (at most ``limit`` of them), and how many there are without the limit."""
    _check(limit, order)
    whole = limit is None or limit > FEW_ROWS
    is_plain = _is_plain(picked.filter) and order == "stored" and whole
    is_moved = bool(picked.belonging.files) and asks_sessions(columns)
    if is_plain and is_moved:
        table = _moved(picked, columns, limit)
    elif is_plain:
        table = _plain(picked, columns, limit)
    elif is_moved and not picked.filter.asks_sessions:
        # Files in their order, as ever; their sessions are put right afterwards.
        stored = _queried(replace(picked, belonging=NOTHING), _with_ids(columns), limit, order)
        table = picked.belonging.applied(stored).select(columns)
    else:
        table = _queried(picked, columns, limit, order)
    complete = limit is None or len(table) < limit
    return table, len(table) if complete else count(picked)


def asks_sessions(columns: Sequence[str]) -> bool:
    """Whether these columns say which sessions spans belong to."""
    return not set(SESSION_COLUMNS).isdisjoint(columns)


def count(picked: Picked) -> int:
    """How many rows are picked; from the files' footers where those suffice."""
    filter = picked.filter
    if picked.near is not None and picked.near.spans is not None and _is_of_files(filter):
        return sum(picked.near.spans.get(file.path, 0) for file in picked.files)
    if _is_plain(filter):
        return int(_dataset(picked).count_rows(filter=_expression(filter)))
    return int(duck.rows("count(*) AS n", picked)["n"][0].as_py())


def on_newest(reader: Reader, act: Callable[[Snapshot], T]) -> T:
    """``act`` on the reader's snapshot; once more on a fresh one if its files are gone.

    Raises
    ------
    NotFound
        The snapshot's files were vacuumed away.
    LakeUnavailable
        They are there and cannot be read.
    """
    try:
        return _acting(reader.snapshot(), act)
    except NotFound:
        if reader.as_of is not None:
            raise
        return _acting(reader.snapshot(fresh=True), act)  # the directory was replaced by another lake


def _acting(snapshot: Snapshot, act: Callable[[Snapshot], T]) -> T:
    try:
        return act(snapshot)
    except ArgusError:
        raise
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        gone = [path for path in snapshot.paths() if not Path(path).exists()]
        if gone:
            raise NotFound(
                f"version {snapshot.version} of {snapshot.root} needs {len(gone)} files that are gone, "
                f"such as {gone[0]}: files replaced by compaction are kept for the setting vacuum_after "
                "(7 days by default). Open the lake without as_of, or with a later one."
            ) from error
        raise LakeUnavailable(f"{snapshot.root} cannot be read: {error}") from error


def _check(limit: object, order: object) -> None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise InvalidArgument(f"limit={limit!r}: a whole number of rows is expected, or None for all.")
    if order != "stored" and order not in DIRECTION:
        raise InvalidArgument(f"order={order!r}: one of 'stored', 'oldest', 'newest' is expected.")


def _is_plain(filter: Filter) -> bool:
    return filter.where is None and not filter.is_lookup


def _is_of_files(filter: Filter) -> bool:
    """Whether rows of these sessions are picked or not by the file that they are in."""
    is_timeless = filter.since is None and filter.until is None and filter.where is None
    return is_timeless and filter.among.keys() <= {"session_id", *SPANS.partition_by}


def _plain(
    picked: Picked, columns: Sequence[str], limit: int | None, encoded: Sequence[str] = ()
) -> pa.Table:
    dataset, names, test = _dataset(picked, encoded), list(columns), _expression(picked.filter)
    if limit is None:
        return dataset.to_table(columns=names, filter=test)
    return dataset.head(limit, columns=names, filter=test)


def _moved(picked: Picked, columns: Sequence[str], limit: int | None) -> pa.Table:
    """As :func:`_plain`, with sessions put right; files in which nothing moved are read as they are."""
    runs = [(is_off, tuple(files)) for is_off, files in groupby(picked.files, picked.is_off)]
    if not 0 < len(runs) <= RUNS:
        return _put_right(picked, columns, limit)
    parts: list[pa.Table] = []
    for is_off, files in runs:
        left = None if limit is None else limit - sum(map(len, parts))
        if left == 0:
            break
        parts.append((_put_right if is_off else _plain)(replace(picked, files=files), columns, left))
    return pa.concat_tables(parts)


def _put_right(picked: Picked, columns: Sequence[str], limit: int | None) -> pa.Table:
    """The same, all files alike. Ids are read as dictionaries, which makes it quick."""
    encoded = ["session_id", "session_source"]
    if len(picked.belonging.mended) or len(picked.belonging.spans):
        encoded.append("trace_id")
    needed = _with_ids(columns)
    if not len(picked.belonging.spans) and "span_id" not in columns:
        needed.remove("span_id")
    rows = _plain(picked, needed, limit, encoded)
    types = picked.table.arrow()
    rows = picked.belonging.applied(rows).select(list(columns))
    return rows.cast(
        pa.schema([rows.schema.field(name).with_type(types.field(name).type) for name in columns])
    )


def _with_ids(columns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*columns, *SCHEMA.names]))


def _queried(picked: Picked, columns: Sequence[str], limit: int | None, order: Order) -> pa.Table:
    names = ", ".join(f'"{name}"' for name in columns)
    tail = ""
    if order != "stored":
        keys = (f"{key} {DIRECTION[order]} NULLS LAST" for key in SORTED[picked.table.name])
        tail = f"ORDER BY {', '.join(keys)}"
    found = duck.rows(names, picked, tail if limit is None else f"{tail} LIMIT {limit}")
    schema = picked.table.arrow()
    return found.cast(pa.schema([pa.field(name, schema.field(name).type) for name in columns]))


def _dataset(picked: Picked, encoded: Sequence[str] = ()) -> ds.FileSystemDataset:
    """The picked files; columns that are ``encoded`` come as dictionaries."""
    parquet, disk = ds.ParquetFileFormat(dictionary_columns=set(encoded)), fs.LocalFileSystem()
    fragments = [
        parquet.make_fragment(file.path, disk, partition_expression=_constants(file.partition))
        for file in picked.files
    ]
    schema = _nullable(picked)
    for name in encoded:
        place = schema.get_field_index(name)
        schema = schema.set(place, schema.field(place).with_type(pa.dictionary(pa.int32(), pa.string())))
    return ds.FileSystemDataset(fragments, schema=schema, format=parquet, filesystem=disk)


def _nullable(picked: Picked) -> pa.Schema:
    # Files written by another engine may not repeat which columns are required.
    return pa.schema([field.with_nullable(True) for field in picked.table.arrow()])


def _constants(partition: Any) -> ds.Expression:
    test = ds.scalar(value=True)
    for name, value in partition.items():
        test = test & (ds.field(name) == ds.scalar(value))
    return test


def _expression(filter: Filter) -> ds.Expression | None:
    tests = [pc.field(column).isin(pa.array(values, pa.string())) for column, values in filter.among.items()]
    moment = pc.field(filter.time_column)
    if filter.since is not None:
        tests.append(moment >= pa.scalar(filter.since, pa.timestamp("us", "UTC")))
    if filter.until is not None:
        tests.append(moment < pa.scalar(filter.until, pa.timestamp("us", "UTC")))
    whole = None
    for test in tests:
        whole = test if whole is None else whole & test
    return whole
