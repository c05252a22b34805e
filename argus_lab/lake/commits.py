"""What a commit added: the files of its new rows, as the Delta log tells them.

A commit that merges files or renormalises spans adds files too, but marks them as changing no data; one
that takes rows out puts back the rest of their files. Neither holds a span that was not there before.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from argus_lab.lake.snapshot import DataFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_lab.lake.snapshot import Snapshot
    from argus_lab.schema import Table

__all__ = ["appended", "rewrites"]


def appended(snapshot: Snapshot, version: int) -> list[DataFile]:
    """The files whose rows are new with a version that came before this snapshot, or is its own.

    Raises
    ------
    FileNotFoundError
        The log of that version was cleaned up.
    """
    actions = _actions(snapshot, version)
    if _removes(actions):
        return []
    adds = [action["add"] for action in actions if action.get("add", {}).get("dataChange")]
    return [_file(snapshot, add) for add in adds]


def rewrites(snapshot: Snapshot, version: int) -> bool:
    """Whether files were replaced by as many in one place, as renormalising does and merging does not.

    Raises
    ------
    FileNotFoundError
        The log of that version was cleaned up.
    """
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for action in _actions(snapshot, version):
        for name, counts in (("remove", before), ("add", after)):
            if name in action:
                counts[json.dumps(action[name].get("partitionValues"), sort_keys=True)] += 1
    return any(after[place] >= number for place, number in before.items())


def _actions(snapshot: Snapshot, version: int) -> list[dict[str, Any]]:
    log = Path(snapshot.root, "_delta_log", f"{version:020d}.json")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def _removes(actions: list[dict[str, Any]]) -> bool:
    return any(action.get("remove", {}).get("dataChange") for action in actions)


def _rows(action: Mapping[str, Any]) -> int:
    return int(json.loads(action.get("stats") or "{}").get("numRecords", 0))


def _file(snapshot: Snapshot, add: Mapping[str, Any]) -> DataFile:
    rows = _rows(add)
    # The log holds the path percent-encoded once more than the disk does.
    path = f"{snapshot.root}/{unquote(add['path'])}"
    return DataFile(path, rows, _typed(snapshot.table, add["partitionValues"]))


def _typed(table: Table, values: Mapping[str, str]) -> dict[str, Any]:
    dates = {name for name in table.partition_by if table.column(name).type == "date"}
    return {
        name: date.fromisoformat(values[name]) if name in dates else values[name]
        for name in table.partition_by
    }
