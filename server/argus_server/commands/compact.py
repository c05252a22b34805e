"""``argus-lab compact``: the upkeep of a lake, now instead of in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_lab.lake import upkeep

if TYPE_CHECKING:
    from argus_lab.settings import Settings

__all__ = ["compact"]


def compact(settings: Settings) -> int:
    """Merge, retain and vacuum once, and say what was done."""
    done = upkeep.compact(settings)
    print(  # noqa: T201  it is the answer
        f"{settings.lake}: {done.merged} files merged into {done.written}, {done.duplicates} duplicate rows "
        f"dropped, {done.expired} old partitions dropped, {done.vacuumed} files deleted"
    )
    return 0
