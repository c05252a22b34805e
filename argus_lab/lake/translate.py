"""Journal entries to rows: decode, admit and convention, once more and for good.

Pure: the same entries and rules always give the same rows, which is what makes a replay safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from argus_lab import otlp
from argus_lab.conventions import admit
from argus_lab.conventions.own_rules import OwnRules
from argus_lab.errors import MalformedPayload
from argus_lab.lake.journal import Record
from argus_lab.lake.rows import Row, refused_rows, span_rows
from argus_lab.schema import SPANS

__all__ = ["Translation", "translated"]

_UNREAD = SPANS.names.index("unread")
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(slots=True)
class Translation:
    """Rows that entries became. ``refused_ends`` holds, row by row, the offset of its entry."""

    spans: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    refused_ends: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def translated(journal: str, records: Iterable[Record], own: OwnRules | None = None) -> Translation:
    """The rows of some records of one journal, with rules of one's own if there are."""
    made = Translation()
    for record in records:
        entry = record.entry
        try:
            export = otlp.decode(entry.body, entry.encoding)
        except MalformedPayload:
            # The receiver answered 400 and journals no such body; an import may hold one.
            made.counts["malformed"] += 1
            continue
        admission = admit(export, project=entry.project)
        for row in span_rows(export, admission, entry.received_at, own):
            made.spans.append(row)
            if row[_UNREAD] is not None:
                made.counts.update(f"unread.{column}" for column in _columns(row[_UNREAD]))
        place = f"{journal}/{record.end}"
        for row in refused_rows(admission.refusals, entry.received_at, place):
            made.refused.append(row)
            made.refused_ends.append(record.end)
    made.counts["refused"] += len(made.refused)
    return made
