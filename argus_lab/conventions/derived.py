"""Which columns the conventions fill: all that no field of OTLP and no receiver gives by itself."""

from __future__ import annotations

from argus_lab.schema import SPANS

__all__ = ["DERIVED"]

_GIVEN = frozenset(
    {
        "org",
        "project",
        "service",
        "service_version",
        "environment",
        "duration_ms",
        "received_at",
        "date",
        "unread",
    }
)
"""Columns without a field of OTLP that the receiver fills, or that follow from such fields."""

DERIVED: tuple[str, ...] = tuple(c.name for c in SPANS.columns if not c.otlp and c.name not in _GIVEN)
"""The columns of :func:`argus_lab.conventions.columns`; the others are never changed by a convention."""
