"""What the keeper of a lake last said: a small file that the receiver's workers read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Status", "read_status", "write_status"]

_FILE = "keeper.json"


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
    counts: dict[str, int] = field(default_factory=dict)


def read_status(root: Path) -> Status:
    """What the keeper last said; ``absent`` if it never said anything."""
    try:
        return Status(**json.loads((root / _FILE).read_text()))
    except FileNotFoundError:
        return Status()


def write_status(root: Path, status: Status) -> None:
    """Say it, replacing the file at once."""
    new = root / f".{_FILE}.{os.getpid()}"
    new.write_text(json.dumps(asdict(status)))
    new.replace(root / _FILE)
