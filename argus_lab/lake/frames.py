"""Where the rows of a frame came from: what was asked, what matched, of which version of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.lake.selection import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from argus_lab.lake.snapshot import Picked, Snapshot

__all__ = ["answered", "origin", "provenance"]


def origin(snapshot: Snapshot) -> dict[str, Any]:
    """Where rows came from, for ``frame.attrs["argus"]``."""
    return {
        "lake": snapshot.lake,
        "version": snapshot.version,
        "as_of": snapshot.as_of.isoformat() if snapshot.as_of else None,
    }


def provenance(picked: Picked, columns: list[str], *, matched: int, returned: int) -> dict[str, Any]:
    """What was asked, matched and returned, JSON-able, for ``frame.attrs["argus"]``."""
    filter = picked.filter
    return origin(picked.snapshot) | {
        "asked": dict(filter.asked),
        "window": [moment and moment.isoformat() for moment in (filter.since, filter.until)],
        "columns": columns,
        "matched": matched,
        "returned": returned,
        "cut": returned < matched,
    }


def answered(snapshot: Snapshot, query: str, params: Any, rows: pa.Table) -> dict[str, Any]:
    """The provenance of a SQL result."""
    return origin(snapshot) | {
        "asked": {"sql": query, "params": shown(params)},
        "columns": rows.column_names,
        "matched": len(rows),
        "returned": len(rows),
        "cut": False,
    }
