"""Journals to tables, a step at a time; used by the keeper and by whoever drains a lake."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

from argus_lab.conventions.own_rules import OwnRules
from argus_lab.lake import journal as j
from argus_lab.lake import leftovers
from argus_lab.lake import table as t
from argus_lab.lake.foresight import Foresight
from argus_lab.lake.recent import RecentIds, keys_of, rebuilt
from argus_lab.lake.rows import Row, arrow_table, sorted_spans
from argus_lab.lake.rule_file import rules_of
from argus_lab.lake.translate import Translation, translated
from argus_lab.schema import REFUSED, SPANS
from argus_lab.settings import Settings

__all__ = ["Intake"]

log = logging.getLogger("argus.keeper")

_KEY = ("project", "trace_id", "span_id")

STEP_BYTES = 32 * 1024 * 1024
"""Journal bytes taken in at once: bounds the memory, and the time until rows are seen."""


@dataclass
class Intake:
    """The tables of a lake with how far its journals were read."""

    settings: Settings
    root: Path
    spans: DeltaTable
    refused: DeltaTable
    recent: RecentIds
    foresight: Foresight
    own: OwnRules | None = None
    committed: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def opened(cls, settings: Settings) -> Self:
        """Open the tables, making them if need be, and learn the recent ids."""
        own = rules_of(settings)
        # pyarrow looks for pandas at its first array: a second that the first span need not wait.
        pa.array([0])
        spans = t.open_table(settings.lake, SPANS, create=True)
        refused = t.open_table(settings.lake, REFUSED, create=True)
        recent = _recent_ids(spans, settings)
        made = cls(
            settings, t.journal_root(settings.lake), spans, refused, recent, Foresight(settings.lake), own
        )
        for journal in j.journals(made.root):
            made._position(journal.name)
        return made

    @property
    def version(self) -> int:
        """Version of the spans table."""
        return self.spans.version()

    def step(self) -> bool:
        """Take in some of what the journals hold; false if they hold nothing new."""
        taken, ends = self._collected()
        moved = {name: end for name, end in ends.items() if end > self.committed.get(name, 0)}
        if moved:
            self._commit(*_translations(taken, self.own), moved)
        self._tidy()
        return bool(moved)

    def _collected(self) -> tuple[dict[str, list[j.Record]], dict[str, int]]:
        left = STEP_BYTES
        taken: dict[str, list[j.Record]] = {}
        ends: dict[str, int] = {}
        for journal in j.journals(self.root):
            if left <= 0:
                break
            name = journal.name
            after = self._position(name)
            found = list(j.records(journal, after=after, limit=left))
            if found:
                left -= found[-1].end - after
                taken[name] = [record for record in found if isinstance(record, j.Record)]
                ends[name] = found[-1].end
                self._put_aside(journal, [record for record in found if isinstance(record, j.Damage)])
        return taken, ends

    def _put_aside(self, journal: Path, damages: list[j.Damage]) -> None:
        for damage in damages:
            kept = leftovers.put_aside(journal, damage)
            self.counts["damaged"] += 1
            log.error(
                "the disk changed %d bytes of journal %s before byte %d: acknowledged spans in them are "
                "lost, the bytes are kept at %s",
                len(damage.payload),
                journal.name,
                damage.end,
                kept,
            )

    def _position(self, name: str) -> int:
        if name not in self.committed:
            self.committed[name] = self.spans.transaction_version(name) or 0
        return self.committed[name]

    def _commit(self, made: dict[str, Translation], rows: pa.Table, ends: dict[str, int]) -> None:
        """Refusals first: the spans' commit is what moves the journals on."""
        self._commit_refused(made, ends)
        keys = keys_of(*(rows[name].to_pylist() for name in _KEY))
        fresh = self.recent.fresh(keys)
        kept = rows if fresh.all() else rows.filter(pa.array(fresh))
        adds = t.write_files(self.settings.lake, SPANS, sorted_spans(kept)) if len(kept) else []
        with self.foresight.of(adds):
            t.commit(self.spans, adds, ends)
        self.recent.add(keys[fresh], time.time())
        self.committed |= ends
        self._count(made, spans=len(kept), duplicates=len(rows) - len(kept))

    def _commit_refused(self, made: dict[str, Translation], ends: dict[str, int]) -> None:
        rows: list[Row] = []
        for name, part in made.items():
            done = self.refused.transaction_version(name) or 0
            pairs = zip(part.refused, part.refused_ends, strict=True)
            rows += [row for row, end in pairs if end > done]
        if rows:
            adds = t.write_files(self.settings.lake, REFUSED, arrow_table(REFUSED, rows))
            self.refused.update_incremental()
            t.commit(self.refused, adds, ends)

    def _count(self, made: dict[str, Translation], *, spans: int, duplicates: int) -> None:
        self.counts += Counter(commits=1, spans=spans, duplicates=duplicates)
        for part in made.values():
            self.counts += part.counts
        log.info(
            "committed version=%d spans=%d duplicates=%d refused=%d",
            self.version,
            spans,
            duplicates,
            sum(len(part.refused) for part in made.values()),
        )

    def _tidy(self) -> None:
        """Delete what is in the lake, and the journals whose writers are gone."""
        leftovers.forget_unborn(self.root)
        for journal in j.journals(self.root):
            done = self._position(journal.name)
            # Liveness first: a writer may append between the two looks, never after its death.
            is_live = j.is_live(journal)
            if is_live:
                j.drop_before(journal, done)
            elif not any(True for _ in j.records(journal, after=done, limit=1)):
                self._remove(journal, done)

    def _remove(self, journal: Path, done: int) -> None:
        kept = j.remove(journal, committed=done)
        self.committed.pop(journal.name, None)
        if kept is not None:
            self.counts["damaged"] += 1
            log.warning(
                "behind byte %d journal %s holds no whole record: a write that a crash cut short, which "
                "was never acknowledged, or else damage on the disk; the rest is kept at %s",
                done,
                journal.name,
                kept,
            )


def _translations(
    taken: dict[str, list[j.Record]], own: OwnRules | None
) -> tuple[dict[str, Translation], pa.Table]:
    """What the records became, and all their spans as one table."""
    made = {name: translated(name, found, own) for name, found in taken.items()}
    try:
        return made, _spans_of(made)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        # One request does not fit the table, by a mistake of ours: find it, and put it aside.
        made = {name: translated(name, found, own, checked=True) for name, found in taken.items()}
        return made, _spans_of(made)


def _spans_of(made: dict[str, Translation]) -> pa.Table:
    return arrow_table(SPANS, [row for part in made.values() for row in part.spans])


def _recent_ids(spans: DeltaTable, settings: Settings) -> RecentIds:
    """The recent ids of a table, from the files that hold spans received within the window."""
    cutoff = time.time() - settings.dedup_window
    dataset = spans.to_pyarrow_dataset()
    since = pa.scalar(int(cutoff * 1e6), pa.timestamp("us", "UTC"))
    found = dataset.to_table(columns=[*_KEY, "received_at"], filter=ds.field("received_at") >= since)
    found = found.sort_by("received_at").slice(max(0, len(found) - settings.dedup_ids))
    batches = []
    for batch in found.to_batches(max_chunksize=100_000):
        texts = [batch.column(name).to_pylist() for name in _KEY]
        moment = batch.column("received_at")[-1].as_py().timestamp()
        batches.append((keys_of(*texts), moment))
    return rebuilt(batches, window=settings.dedup_window, most=settings.dedup_ids)
