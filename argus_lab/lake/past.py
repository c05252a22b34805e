"""The past of a table: what ``as_of`` means, and the version that it names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake.exceptions import DeltaError

from argus_lab.errors import InvalidArgument, NotFound
from argus_lab.lake.times import When, instant

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from argus_lab.schema import Table

__all__ = ["committed_at", "pin", "travel"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pin(as_of: When | int | None) -> int | datetime | None:
    """What ``as_of`` pins a lake to: a version, or an instant that has passed."""
    if as_of is None or isinstance(as_of, int):
        return as_of
    now = datetime.now(UTC)
    moment = instant("as_of", as_of, now=now)
    if moment > now:
        raise InvalidArgument(
            f"as_of={as_of!r} is still to come: what will be in the lake then is not known yet. "
            "Leave as_of out to read the newest version."
        )
    return moment


def committed_at(root: str, version: int) -> datetime | None:
    """When a version was committed, rounded up to the milliseconds that deltalake travels by."""
    try:
        nanos = Path(root, "_delta_log", f"{version:020d}.json").stat().st_mtime_ns
    except OSError:
        return None  # cleaned up, its rows being in a checkpoint
    return EPOCH + timedelta(milliseconds=-(-nanos // 1_000_000))


def travel(delta: DeltaTable, lake: str, table: Table, as_of: int | datetime) -> None:
    """Go to the version that was the newest as of then."""
    newest = delta.version()
    try:
        delta.load_as_version(as_of)
    except (DeltaError, OverflowError) as error:
        raise NotFound(
            f"the lake {lake} has no version as of {as_of}: versions end at {newest}, and old ones "
            f"are dropped after a while. Open it without as_of, or with a later one. ({error})"
        ) from error
    first = committed_at(f"{lake}/{table.name}", delta.version())
    # deltalake answers a time before the first commit with the first version.
    if isinstance(as_of, datetime) and first is not None and first > as_of:
        raise NotFound(
            f"the lake {lake} did not exist as of {as_of.isoformat()}: its first version still on "
            f"record is of {first.isoformat()}. Open it with as_of={first.isoformat()!r} or later."
        )
