"""Requests from files into a lake, through the same journal as the receiver's."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from argus_lab.conventions import admit
from argus_lab.lake import keeper
from argus_lab.lake.journal import Entry, JournalWriter, journal_root, pack
from argus_lab.otlp import decode

if TYPE_CHECKING:
    from argus_lab.files import Found
    from argus_lab.settings import Settings

__all__ = ["Filing"]

GROUP_BYTES: Final = 4 * 1024 * 1024
"""Bytes written to the journal with one sync."""
DRAIN_BYTES: Final = 256 * 1024 * 1024
"""Bytes in the journal after which they are brought into the lake before more is read."""


@dataclass
class Filing:
    """Writes requests to the journal and counts what was in them."""

    settings: Settings
    accepted: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    _group: list[bytes] = field(default_factory=list)
    _group_bytes: int = 0
    _undrained: int = 0

    def __post_init__(self) -> None:
        self._writer = JournalWriter(journal_root(self.settings.lake))

    def take(self, found: Found) -> None:
        """One request: its spans are accepted or refused one by one, and kept either way.

        Raises
        ------
        PayloadError
            What stands there instead of a request, or that it is no OTLP export request.
        """
        if found.problem is not None:
            raise found.problem
        export = decode(found.body, found.encoding)
        if not export.span_count:
            return
        project = self.settings.default_project
        admission = admit(export, project=project)
        self.accepted += admission.accepted
        self.refused += len(admission.refusals)
        for refusal in admission.refusals:
            self.reasons[refusal.reason] = self.reasons.get(refusal.reason, 0) + 1
        entry = Entry(received_at=time.time_ns(), encoding=found.encoding, project=project, body=found.body)
        self._group.append(pack(entry))
        self._group_bytes += len(found.body)
        if self._group_bytes >= GROUP_BYTES:
            self._write()
        if self._undrained >= DRAIN_BYTES:
            self._drain()

    def finish(self) -> None:
        """Bring everything into the lake."""
        self._write()
        self._drain()

    def close(self) -> None:
        """Give the journal back; what is in it is taken in by whoever keeps the lake next."""
        self._writer.close()

    def _write(self) -> None:
        if self._group:
            self._writer.append(self._group)
        self._undrained += self._group_bytes
        self._group, self._group_bytes = [], 0

    def _drain(self) -> None:
        self._writer.close()  # a journal whose writer is gone is taken in whole and deleted
        keeper.drain(self.settings)
        self._undrained = 0
