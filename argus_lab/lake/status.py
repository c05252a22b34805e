"""What the keeper of a lake last said: a small file that the receiver's workers read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

__all__ = ["Status", "begun", "read_status", "write_status"]

_FILE = "keeper.json"
_BEGUN = 19
"""Place of ``starttime`` in ``/proc/PID/stat`` (proc_pid_stat(5)) after the name, which may have blanks."""


@dataclass(frozen=True)
class Status:
    """How the keeper is.

    ``committed`` says by journal id up to which offset rows are in the lake; ``counts`` are totals
    since the keeper started (spans, duplicates, refused, commits, unread.<column>).
    """

    state: Literal["ok", "failing", "absent"] = "absent"
    reason: str | None = None
    committed: dict[str, int] = field(default_factory=dict)
    table_version: int | None = None
    at: float = 0.0
    pid: int | None = None
    begun: int | None = None
    """When that process began, as :func:`begun` tells it: its number may be another's by now."""
    counts: dict[str, int] = field(default_factory=dict)


def read_status(root: Path) -> Status:
    """What the keeper last said; ``absent`` if it never said anything."""
    try:
        said = json.loads((root / _FILE).read_text())
    except FileNotFoundError:
        return Status()
    known = {each.name for each in fields(Status)}
    return Status(**{name: value for name, value in said.items() if name in known})  # a newer one says more


def begun(pid: int) -> int | None:
    """When a process of this machine began, in ticks since that did; ``None`` where nothing tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(told.rpartition(") ")[2].split()[_BEGUN])


def write_status(root: Path, status: Status) -> None:
    """Say it, replacing the file at once."""
    new = root / f".{_FILE}.{os.getpid()}"
    new.write_text(json.dumps(asdict(status)))
    new.replace(root / _FILE)
