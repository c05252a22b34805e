"""The digests of this process: one a lake, whoever asks."""

from __future__ import annotations

import os
import threading

from argus_lab import settings
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.keeping import folder_of
from argus_lab.lake.opening import address_of

__all__ = ["digest_of", "forget_all", "warm"]

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


def warm(lake: str | None = None) -> None:
    """Begin to read a lake, so that the first visitor waits less."""
    threading.Thread(target=digest_of(lake).wait, name="argus-warm", daemon=True).start()


def forget_all() -> None:
    """Remove the tables of every lake from the disk; they cannot be asked any more."""
    with _LOCK:
        for digest in _DIGESTS.values():
            digest.forget()
