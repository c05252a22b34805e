"""The files of a table as its log has them, by partition, and where else spans of their traces may be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from argus_lab.lake import table as t
from argus_lab.lake.snapshot import DataFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

    from argus_lab.schema import Table

__all__ = ["Logged", "Partition", "Partitions", "added", "data_files", "logged_files"]

Logged = dict[str, Any]
"""A file as ``DeltaTable.get_add_actions()`` tells it."""

COLUMNS = ["path", "size_bytes", "modification_time", "num_records", "partition"]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Partition:
    """A partition's values, and its files."""

    values: Mapping[str, Any]
    files: list[Logged] = field(default_factory=list)


class Partitions:
    """The partitions of a table, by their values."""

    def __init__(self, found: DeltaTable) -> None:
        self._held: dict[tuple[Any, ...], Partition] = {}
        for file in logged_files(found):
            values = file["partition"]
            self._held.setdefault(_key(values), Partition(values)).files.append(file)

    def all(self) -> list[Partition]:
        """Each of them."""
        return list(self._held.values())

    def near(self, place: Mapping[str, Any]) -> list[Logged]:
        """The files where the rest of a trace most likely is: of its project, one day around."""
        days = (dict(place, date=place["date"] + step) for step in (-DAY, 0 * DAY, DAY))
        found = (self._held.get(_key(values)) for values in days)
        return [file for part in found if part is not None for file in part.files]


def logged_files(found: DeltaTable) -> list[Logged]:
    """The files of the table's version."""
    files: list[Logged] = pa.table(found.get_add_actions()).select(COLUMNS).to_pylist()
    return files


def data_files(lake: str, table: Table, files: Iterable[Logged]) -> list[DataFile]:
    """The same files as readers take them."""
    root = t.table_uri(lake, table)
    return [DataFile(f"{root}/{unquote(f['path'])}", f["num_records"], f["partition"]) for f in files]


def added(lake: str, table: Table, add: AddAction) -> DataFile:
    """A file that is about to be committed, as readers take it."""
    rows = int(json.loads(add.stats)["numRecords"])
    return DataFile(f"{t.table_uri(lake, table)}/{add.path}", rows, add.partition_values)


def _key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values.values())
