"""The digests of this process: one a lake, whoever asks."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from argus_lab import settings
from argus_lab.dashboards.arriving import ARRIVALS, LONGEST_S
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.keeping import folder_of
from argus_lab.lake.opening import address_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["digest_of", "forget_all", "warm"]

LOG = logging.getLogger(__name__)
AFTER_S = 3.0
"""By then a visitor who waited for the server to start is on the way."""

_DIGESTS: dict[str, Digest] = {}
_LOCK = threading.Lock()


def digest_of(lake: str | None = None) -> Digest:
    """The digest of a lake.

    Examples
    --------
    >>> from argus_lab.dashboards.choices import Choices
    >>> digest = digest_of(tiny_lake)
    >>> digest.sessions(Choices()).total, len(digest.latency(Choices(), by="service"))
    (2, 3)
    """
    address = address_of(lake)
    with _LOCK:
        if address not in _DIGESTS:
            given = settings.read(os.environ)
            _DIGESTS[address] = Digest(address, given.dashboard_memory, folder_of(given.dashboard_cache))
        return _DIGESTS[address]


def warm(lake: str | None = None, then: Callable[[Digest], None] = lambda _: None) -> None:
    """Begin to read a lake before the first visitor comes; ``then`` is done once there is something."""
    threading.Thread(target=_warmed, args=(lake, then), name="argus-warm", daemon=True).start()


def _warmed(lake: str | None, then: Callable[[Digest], None]) -> None:
    is_there = ARRIVALS.begin()  # as if a visitor were: the rest of the lake can wait
    try:
        digest = digest_of(lake)
        state = digest.wait()
        if state.is_whole:  # what is found of all of it takes time, which the first visitor has use for
            is_there()
            time.sleep(AFTER_S)
            ARRIVALS.wait(LONGEST_S)
        if state.spans:
            then(digest)
    except Exception:  # a visitor waits a little longer then, and is told what is wrong
        LOG.exception("nothing could be made ready for the first visitor")
    finally:
        is_there()


def forget_all() -> None:
    """Remove the tables of every lake from the disk; they cannot be asked any more."""
    with _LOCK:
        for digest in _DIGESTS.values():
            digest.forget()
