"""How far the keeper of a lake has come; light, since the receiver's workers ask all the time."""

from __future__ import annotations

from pathlib import Path

from argus_lab.lake.journal import durable_ends
from argus_lab.lake.status import Status, read_status

__all__ = ["Status", "backlog", "is_drained", "status"]

status = read_status


def backlog(root: Path) -> int:
    """Journal bytes that are not in the lake yet."""
    committed = read_status(root).committed
    return sum(max(0, end - committed.get(name, 0)) for name, end in durable_ends(root).items())


def is_drained(root: Path, ends: dict[str, int]) -> bool:
    """Whether everything before these journal offsets is readable in the lake."""
    committed = read_status(root).committed
    return all(end <= committed.get(name, 0) or not (root / name).exists() for name, end in ends.items())
