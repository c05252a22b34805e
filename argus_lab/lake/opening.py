"""``al.open()``: where a lake is, and as of when it is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab import settings
from argus_lab.lake.lake import Lake

if TYPE_CHECKING:
    from argus_lab.lake.times import When

__all__ = ["address_of", "open"]


def open(
    lake: str | os.PathLike[str] | None = None,
    *,
    as_of: When | int | None = None,
    infer_sessions: bool = False,
) -> Lake:
    """Open a lake for reading. No receiver needs to run; one may be writing.

    Parameters
    ----------
    lake
        Directory of the lake. Default: ``$ARGUS_LAKE``, else ``datasets/lake`` under the working
        directory.
    as_of
        Read the lake as it was: a version number of the span table, a tz-aware datetime, ISO text such
        as ``"2026-03-01T12:00Z"``, or how long ago, such as ``"7d"``. Default: every call reads
        the newest version.
    infer_sessions
        Also take traces that name no session for one, if what was said in one of them is repeated at the
        start of the next (``session_source`` is then ``inferred``). Reads the messages of such traces once a
        version, so it takes longer.

    Raises
    ------
    LakeNotFound
        There is no lake at this address; the message says how to start a receiver.
    NotFound
        The lake has no such version, or not any more.

    Examples
    --------
    >>> import argus_lab as al
    >>> lake = al.open(tiny_lake)
    >>> lake.spans(project="customer-bot", columns=["name", "service", "input_tokens"]).head(2)
                name        service  input_tokens
    0  user.message        gateway          <NA>
    1          chat  support-agent          1200
    """
    return Lake(address_of(lake), as_of=as_of, infer=infer_sessions)


def address_of(lake: str | os.PathLike[str] | None = None) -> str:
    """Where a lake is that is named like this, or not at all; whether there is one is not asked.

    Examples
    --------
    >>> address_of("/srv/traces"), address_of("s3://bucket/argus")
    ('/srv/traces', 's3://bucket/argus')
    """
    place = settings.read(os.environ, lake=None if lake is None else os.fspath(lake)).lake
    return place if "://" in place else str(Path(place).expanduser().absolute())
