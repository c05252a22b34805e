"""What must be true of a lake, whatever happened to the receiver."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from pathlib import Path
from typing import Self

from deltalake import DeltaTable

import argus_lab as al
from tests.durability.load import Ledger, Place
from tests.durability.receivers import PATIENCE


def everything_once(lake: Path, ledger: Ledger) -> int:
    """Every acknowledged span is there exactly once, and none that was never sent; how many are.

    Each span is in its own project and trace, the counts of a project are right however they are
    asked for, and of the refused spans each that was answered for is kept, no record of it twice.
    """
    context = f"seed {ledger.seed}, answers {dict(ledger.answers)}"
    reader = al.open(lake)
    found = _rows(reader)
    again = {span: count for span, count in Counter(span for span, _ in found).items() if count > 1}
    assert not again, f"{context}: {len(again)} spans are there more than once: {_few(again)}"
    there = dict(found)
    lost = ledger.acknowledged_spans().keys() - there.keys()
    assert not lost, f"{context}: {len(lost)} acknowledged spans are missing: {_few(lost)}"
    invented = there.keys() - ledger.sent.keys()
    assert not invented, f"{context}: {len(invented)} spans were never sent: {_few(invented)}"
    moved = {span for span, place in found if ledger.sent[span] != place}
    assert not moved, f"{context}: {len(moved)} spans are in the wrong place: {_few(moved)}"

    projects = Counter(project for project, _ in there.values())
    assert reader.count() == len(there), context
    assert {name: reader.count(project=name) for name in projects} == projects, context
    listed = reader.projects()
    assert dict(zip(listed["project"], listed["spans"], strict=True)) == projects, context
    _refusals_kept(reader, ledger)
    return len(there)


def _rows(reader: al.Lake) -> list[tuple[str, Place]]:
    frame = reader.spans(columns=["span_id", "project", "trace_id"])
    columns = [frame[name].to_list() for name in ("span_id", "project", "trace_id")]
    return [(span, (project, trace)) for span, project, trace in zip(*columns, strict=True)]


def _refusals_kept(reader: al.Lake, ledger: Ledger) -> None:
    """A refused span may come twice, as it may be sent twice; but no record of one may."""
    refused = reader.refused(columns=["refusal_id", "span_id"])
    assert refused["refusal_id"].is_unique, f"seed {ledger.seed}: a journal was replayed into `refused`"
    kept = set(refused["span_id"])
    answered = {span for batch in ledger.acknowledged for span in batch.refused}
    assert answered <= kept, f"seed {ledger.seed}: refused spans are missing: {_few(answered - kept)}"
    assert kept <= ledger.refusable, f"seed {ledger.seed}: refused and never sent"


def _few(spans: object) -> list[object]:
    return sorted(spans)[:5]  # type: ignore[call-overload]  # any collection of texts


def merges(lake: Path) -> int:
    """How often compaction has swapped files of the span table."""
    return DeltaTable(str(lake / "spans")).transaction_version("argus-swap") or 0


class Onlooker(threading.Thread):
    """Reads the lake all the while, and writes down everything that a reader must never see."""

    def __init__(self, lake: Path, ledger: Ledger) -> None:
        super().__init__(name="onlooker", daemon=True)
        self.finishing = threading.Event()
        self.looks = 0
        self.complaints: list[str] = []
        self._lake, self._ledger = lake, ledger
        self._must_be_there: set[str] = set()
        self._moment = 0
        self._most = 0

    def run(self) -> None:
        """Until told to finish, with one reader for a while, then with a new one."""
        try:
            while not list(self._lake.glob("spans/_delta_log/*.json")):
                if self.finishing.wait(0.05):
                    return
            while not self.finishing.is_set():
                reader = al.open(self._lake)
                for _ in range(20):
                    if not self.finishing.is_set():
                        self._look(reader)
        except Exception as error:  # noqa: BLE001  a thread's failure would be seen by nobody
            self.complaints.append(f"a read failed: {error!r}")

    def _look(self, reader: al.Lake) -> None:
        flushed = self._ledger.flushed
        for batch in itertools.islice(self._ledger.acknowledged, self._moment, flushed):
            self._must_be_there.update(batch.spans)
        self._moment = flushed
        if (count := reader.count()) < self._most:
            self.complaints.append(f"{count} spans where there were {self._most}")
        frame = reader.spans(columns=["span_id"])
        seen = set(frame["span_id"].to_list())
        if len(seen) != len(frame):
            self.complaints.append(f"{len(frame) - len(seen)} duplicates in version {reader.version}")
        if lost := self._must_be_there - seen:
            self.complaints.append(f"{len(lost)} flushed spans were not there: {_few(lost)}")
        if invented := seen - self._ledger.sent.keys():
            self.complaints.append(f"{len(invented)} spans were never sent: {_few(invented)}")
        self._most = max(self._most, count, len(frame))
        self.looks += 1
        self.finishing.wait(0.1)  # the receiver shall have the machine, too

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finishing.set()
        self.join(PATIENCE)

    def verdict(self) -> int:
        """How often it looked, once it has ended; fails if it saw anything it must not."""
        assert not self.is_alive(), "a read never ended"
        assert not self.complaints, f"seed {self._ledger.seed}: {self.complaints[:5]}"
        return self.looks
