"""Journal entries to rows: decode, admit and convention, once more and for good.

Pure: the same entries and rules always give the same rows, which is what makes a replay safe.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from argus_lab import otlp
from argus_lab.conventions import admit
from argus_lab.conventions.own_rules import OwnRules
from argus_lab.errors import MalformedPayload
from argus_lab.lake.journal import Entry, Record
from argus_lab.lake.rows import Row, arrow_table, refused_rows, span_rows, whole_request
from argus_lab.schema import REFUSED, SPANS

__all__ = ["Translation", "translated"]

log = logging.getLogger("argus.keeper")

_UNREAD = SPANS.names.index("unread")
_columns = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(slots=True)
class Translation:
    """Rows that entries became. ``refused_ends`` holds, row by row, the offset of its entry."""

    spans: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    refused_ends: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def translated(
    journal: str, records: Iterable[Record], own: OwnRules | None = None, *, checked: bool = False
) -> Translation:
    """The rows of some records of one journal, with rules of one's own if there are.

    ``checked`` holds each request's rows against the table at once, which takes longer: a request
    that does not fit, by a mistake of ours, is then put aside alone.
    """
    made = Translation()
    for record in records:
        place = f"{journal}/{record.end}"
        try:
            spans, refused = _rows(record.entry, place, own)
            if checked:
                arrow_table(SPANS, spans)
                arrow_table(REFUSED, refused)
        except MalformedPayload:
            # The receiver answered 400 and journals no such body; an import may hold one.
            made.counts["malformed"] += 1
            continue
        except Exception as error:  # noqa: BLE001  acknowledged spans outlive a mistake of ours
            message = f"a mistake in argus-lab ({_place(error)}); please report it, and redrive later"
            # Not the exception's own text, which may quote what the request says.
            log.error("a request is kept in the refused table: %s", message)  # noqa: TRY400
            spans, refused = [], [whole_request(record.entry, place, "internal", message)]
            made.counts["internal"] += 1
        made.spans += spans
        made.refused += refused
        made.refused_ends += [record.end] * len(refused)
    for row in made.spans:
        if row[_UNREAD] is not None:
            made.counts.update(f"unread.{column}" for column in _columns(row[_UNREAD]))
    made.counts["refused"] += len(made.refused)
    return made


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{where}"


def _rows(entry: Entry, place: str, own: OwnRules | None) -> tuple[list[Row], list[Row]]:
    export = otlp.decode(entry.body, entry.encoding)
    admission = admit(export, project=entry.project)
    spans = list(span_rows(export, admission, entry.received_at, own))
    return spans, list(refused_rows(admission.refusals, entry, place))
