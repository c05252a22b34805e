"""``argus-lab renormalize``: today's conventions for the spans of a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_lab.lake import renormalize as lake
from argus_lab.lake.selection import select
from argus_lab.schema import SPANS

if TYPE_CHECKING:
    from argus_lab.settings import Settings

__all__ = ["renormalize"]


def renormalize(settings: Settings, project: list[str] | None, since: str | None, until: str | None) -> int:
    """Make the derived columns again, and say in how many spans they are different now."""
    done = lake.renormalize(settings, select(SPANS, {"project": project, "since": since, "until": until}))
    print(  # noqa: T201  it is the answer
        f"{settings.lake}: {done.changed:,} of {done.spans:,} spans changed, "
        f"{done.rewritten:,} of {done.files:,} files written anew"
    )
    for column, spans in done.columns.items():
        print(f"  {column}: {spans:,}")  # noqa: T201  the same
    return 0
