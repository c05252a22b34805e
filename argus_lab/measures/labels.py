"""What people call a span."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["NEEDED", "labels"]

NEEDED = ("component_name", "tool_name", "request_model", "name")
"""Columns that tell it, the best first."""


def labels(rows: pa.Table) -> pa.ChunkedArray:
    """By row, the component, tool or model, else the span's name, else ``(no name)``; never null."""
    return pc.coalesce(*(rows[name] for name in NEEDED), pa.scalar("(no name)"))
