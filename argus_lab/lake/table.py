"""The Delta tables of a lake: where they are, how they are made, how rows are added and swapped.

Parquet files are laid out here and nowhere else: zstd throughout; long text without dictionary and
in large pages, so that prompts sent again compress away; Bloom filters on the ids, so that one
trace is found without reading the rest; row groups of 100,000 rows.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from argus_lab.errors import LakeNotFound, LakeUnavailable, LakeVersionError
from argus_lab.lake.journal import journal_root
from argus_lab.schema import SCHEMA_VERSION, Table

__all__ = [
    "check_stamp",
    "commit",
    "journal_root",
    "open_table",
    "partition_path",
    "swap",
    "table_uri",
    "write_file",
    "write_files",
]

ROW_GROUP_ROWS = 100_000
_BLOOM = ("trace_id", "span_id", "session_id")
_STATISTICS = ("start_time", "received_at", "session_id", "trace_id")
_STAMP = "argus.schema"
_SWAPS = "argus-swap"
_CONFIGURATION = {
    _STAMP: str(SCHEMA_VERSION),
    "delta.logRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "50",
}


def table_uri(lake: str, table: Table) -> str:
    """Where a table of the lake is."""
    return f"{lake.rstrip('/')}/{table.name}"


def open_table(lake: str, table: Table, *, create: bool = False) -> DeltaTable:
    """The newest version of a table.

    Raises
    ------
    LakeNotFound
        No such table, and ``create`` is false.
    LakeVersionError
        The table is stamped with another schema version.
    LakeUnavailable
        It cannot be read or made: permission, disk full, store out of reach.
    """
    uri = table_uri(lake, table)
    try:
        found = DeltaTable(uri)
    except TableNotFoundError:
        if not create:
            raise LakeNotFound(
                f"no lake at {lake!r} (no Delta table {uri!r}). Start a receiver there with:  "
                f"argus-lab serve --lake {lake}   or pass the right place to al.open(...)."
            ) from None
        found = _created(uri, table)
    except (DeltaError, OSError) as error:
        raise LakeUnavailable(f"the table {uri!r} cannot be read: {error}") from error
    check_stamp(found, lake, table)
    return found


def _created(uri: str, table: Table) -> DeltaTable:
    try:
        if "://" not in uri:
            Path(uri).mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            uri,
            schema=table.arrow(),
            mode="ignore",  # another process may be faster
            partition_by=list(table.partition_by),
            name=f"argus {table.name}",
            configuration=_CONFIGURATION,
            raise_if_key_not_exists=False,
        )
    except (DeltaError, OSError) as error:
        raise LakeUnavailable(
            f"the table {uri!r} cannot be made: {error}. Make the directory writable, or choose "
            "another lake with --lake or ARGUS_LAKE."
        ) from error


def check_stamp(found: DeltaTable, lake: str, table: Table) -> None:
    """Raise ``LakeVersionError`` for a table that another schema version made, or took over meanwhile."""
    stamp = found.metadata().configuration.get(_STAMP)
    if stamp == str(SCHEMA_VERSION):
        return
    written = f"schema version {stamp}" if stamp else "no Argus schema version"
    raise LakeVersionError(
        f"the table {table_uri(lake, table)!r} has {written}; this argus-lab reads version {SCHEMA_VERSION}. "
        "Use the argus-lab that wrote it, or point ARGUS_LAKE at another lake."
    )


def partition_path(values: Mapping[str, str]) -> str:
    """The directory of a partition, percent-encoded so that no value can leave it.

    Examples
    --------
    >>> partition_path({"org": "default", "project": "../../x"})
    'org=default/project=..%2F..%2Fx'
    """
    return "/".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


def write_files(lake: str, table: Table, rows: pa.Table) -> list[AddAction]:
    """Write rows to new Parquet files, one a partition; nobody sees them before :func:`commit`.

    Rows keep their order inside a partition.
    """
    keys = list(table.partition_by)
    places = rows.select(keys).group_by(keys, use_threads=False).aggregate([]).to_pylist()
    written: list[AddAction] = []
    try:
        for place in places:
            # What the schema says of all rows together need not be so of a part of them.
            part = rows if len(places) == 1 else _within(rows, place).replace_schema_metadata(None)
            written.append(write_file(lake, table, place, part.drop_columns(keys).to_reader()))
    except LakeUnavailable:
        # The disk is full or the like, and this is tried again every second: leave it no fuller.
        for add in written:
            Path(table_uri(lake, table), add.path).unlink(missing_ok=True)
        raise
    return written


def _within(rows: pa.Table, place: Mapping[str, Any]) -> pa.Table:
    mask = None
    for name, value in place.items():
        same = pc.equal(rows[name], pa.scalar(value, rows.schema.field(name).type))
        mask = same if mask is None else pc.and_(mask, same)
    return rows.filter(mask)


def write_file(lake: str, table: Table, place: Mapping[str, Any], batches: pa.RecordBatchReader) -> AddAction:
    """Write one Parquet file of a partition, durably; ``batches`` are without partition columns."""
    values = {name: str(place[name]) for name in table.partition_by}
    path = f"{partition_path(values)}/part-{int(time.time())}-{secrets.token_hex(8)}.parquet"
    target = Path(table_uri(lake, table)) / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(target, batches.schema, **_layout(table)) as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=ROW_GROUP_ROWS)
            writer.add_key_value_metadata(batches.schema.metadata or {})
        _sync(target)
        size = target.stat().st_size
    except OSError as error:
        target.unlink(missing_ok=True)
        raise LakeUnavailable(
            f"no Parquet file could be written in {lake!r}: {error}. Free disk space or make the "
            "directory writable; nothing acknowledged is lost meanwhile."
        ) from error
    now = int(time.time() * 1000)
    return AddAction(path, size, values, now, True, _json(_statistics(target)))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _layout(table: Table) -> dict[str, Any]:
    heavy = {c.name for c in table.columns if c.group in {"content", "raw"}}
    light = [c.name for c in table.columns if c.name not in heavy | set(table.partition_by)]
    bloom = {name: {"ndv": ROW_GROUP_ROWS, "fpp": 0.01} for name in _BLOOM if name in light}
    # Ids of spans do not repeat: a dictionary of them would only be thrown away.
    dictionary = [name for name in light if name not in {"span_id", "parent_span_id", "refusal_id"}]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": dictionary,
        "data_page_size": 1024 * 1024,
        "write_statistics": light,
        "bloom_filter_options": bloom,
        "store_schema": False,
    }


def _statistics(path: Path) -> dict[str, Any]:
    """What the footer says of the columns that reads are narrowed by, in Delta's form."""
    footer = pq.read_metadata(path)
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    places = {footer.schema.column(i).path: i for i in range(footer.num_columns)}
    for name in (name for name in _STATISTICS if name in places):
        groups = [footer.row_group(i).column(places[name]) for i in range(footer.num_row_groups)]
        found = [group.statistics for group in groups if group.is_stats_set]
        valued = [s for s, group in zip(found, groups, strict=False) if s.null_count < group.num_values]
        # The writer leaves out the ends of very long texts; half a range would hide rows.
        if len(found) == len(groups) and all(s.has_min_max for s in valued):
            nulls[name] = sum(s.null_count for s in found)
            if valued:
                low[name] = _stated(min(s.min for s in valued))
                high[name] = _stated(max(s.max for s in valued))
    return {"numRecords": footer.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}


def _json(statistics: dict[str, Any]) -> str:
    # deltalake misreads escaped surrogate pairs.
    return json.dumps(statistics, ensure_ascii=False)


def _stated(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def commit(found: DeltaTable, adds: Sequence[AddAction], transactions: Mapping[str, int]) -> None:
    """Make files visible and record how far each application has come, in one atomic commit."""
    properties = CommitProperties(
        app_transactions=[Transaction(app, version) for app, version in transactions.items()]
    )
    _transact(found, list(adds), properties)


def swap(found: DeltaTable, removed: Iterable[Mapping[str, Any]], adds: Sequence[AddAction]) -> None:
    """Replace files by others that hold the same spans, in one atomic commit.

    ``removed`` are rows of ``DeltaTable.get_add_actions()``. Swaps are numbered: the commit fails
    with ``CommitFailedError`` if another swap happened since ``found`` was loaded, because Delta's
    own conflict check lets two writers remove the same file. They are marked as changing no data, because
    Delta would make the keeper's appends fail otherwise, which do not mind.
    """
    now = int(time.time() * 1000)
    removes = [
        RemoveAction(unquote(f["path"]), False, now, f["size_bytes"], _texts(f["partition"])) for f in removed
    ]
    kept = [AddAction(a.path, a.size, a.partition_values, a.modification_time, False, a.stats) for a in adds]
    number = (found.transaction_version(_SWAPS) or 0) + 1
    properties = CommitProperties(app_transactions=[Transaction(_SWAPS, number)])
    _transact(found, [*removes, *kept], properties)


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in values.items()}


def _transact(found: DeltaTable, actions: list[Any], properties: CommitProperties) -> None:
    try:
        found.create_write_transaction(
            actions,
            mode="append",
            schema=found.schema(),
            partition_by=found.metadata().partition_columns,
            commit_properties=properties,
        )
        found.update_incremental()
        _sync_log(found)
    except CommitFailedError:
        raise
    except (DeltaError, OSError) as error:
        raise LakeUnavailable(
            f"the lake {found.table_uri} cannot be committed to: {error}. Free disk space or make "
            "the directory writable; nothing acknowledged is lost meanwhile."
        ) from error


def _sync_log(found: DeltaTable) -> None:
    """Put the commit on disk: the journal is deleted on the strength of it."""
    if "://" in found.table_uri and not found.table_uri.startswith("file://"):
        return  # an object store answers when it holds the data
    log = Path(unquote(found.table_uri.removeprefix("file://"))) / "_delta_log"
    _sync(log / f"{found.version():020d}.json")
    _sync(log)
