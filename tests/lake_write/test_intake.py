"""From the journal into the tables: exactly once, whatever happens in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import argus_lab as al
from argus_lab.lake import intake as intake_module
from argus_lab.lake import journal
from argus_lab.lake import table as t
from argus_lab.lake import translate as translate_module
from argus_lab.lake.intake import Intake
from argus_lab.lake.journal import Entry, JournalWriter, Record, pack
from argus_lab.lake.recent import RecentIds
from argus_lab.lake.translate import translated
from argus_lab.schema import REFUSED, SPANS
from tests.lake_write import journalled as lakes
from tests.otlp import sent

MIXED = [
    lakes.entry(*lakes.numbered(1, 2), {"traceId": "bad"}),
    lakes.entry(*lakes.numbered(3), project=None),
    lakes.entry(*lakes.numbered(2, 4)),
    lakes.entry(*lakes.numbered(5, 5)),
]
TAKEN, REFUSED_SPANS = [1, 2, 4, 5], 2


def test_everything_journalled_becomes_rows(tmp_path: Path):
    """Spans and refusals of several requests, in one lake; the journals are gone afterwards."""
    lakes.write(tmp_path, MIXED[:2])
    lakes.write(tmp_path, MIXED[2:])
    intake = lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == TAKEN
    refused = lakes.rows(tmp_path, "refused").to_pylist()
    assert sorted(row["reason"] for row in refused) == ["invalid_id", "no_project"]
    assert len({row["refusal_id"] for row in refused}) == REFUSED_SPANS
    assert journal.journals(t.journal_root(str(tmp_path))) == []
    assert (intake.counts["spans"], intake.counts["duplicates"], intake.counts["refused"]) == (4, 2, 2)


POINTS = [
    (intake_module.t, "write_files"),
    (intake_module.t, "commit"),
    (intake_module.j, "remove"),
    (intake_module.j, "drop_before"),
]


def test_a_crash_at_any_point_neither_loses_nor_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The lake as it stands before and after each write, commit and removal, started anew: exactly once."""
    lake, copies = tmp_path / "lake", tmp_path / "copies"
    monkeypatch.setattr(intake_module, "STEP_BYTES", 1)  # a step a record: more points to crash at
    lakes.write(lake, MIXED[:2])
    lakes.write(lake, MIXED[2:])
    crashes: list[Path] = []

    def crash(name: str) -> None:
        crashes.append(copies / f"{len(crashes):03d} {name}")
        shutil.copytree(lake, crashes[-1])

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any, **options: Any) -> Any:
            crash(f"before {name}")
            done = real(*arguments, **options)
            crash(f"after {name}")
            return done

        return act

    with monkeypatch.context() as patched:
        for module, name in POINTS:
            patched.setattr(module, name, watched(name, getattr(module, name)))
        lakes.taken_in(lake)
    assert len(crashes) > 20
    assert {path.name[4:] for path in crashes} >= {"before write_files", "after commit", "before remove"}
    for copy in [*crashes, lake]:
        lakes.taken_in(copy)
        assert lakes.ids(copy) == TAKEN, copy.name
        refused = lakes.rows(copy, "refused")["refusal_id"].to_pylist()
        assert len(refused) == len(set(refused)) == REFUSED_SPANS, copy.name
        assert journal.journals(t.journal_root(str(copy))) == []


def test_a_torn_end_is_put_aside_and_the_rest_taken_in(tmp_path: Path):
    """What a crash left behind the last whole record is no row and no loss; it is kept to be seen."""
    lakes.write(tmp_path, MIXED[:2])
    root = t.journal_root(str(tmp_path))
    ((_, file),) = journal.segments(journal.journals(root)[0])
    with file.open("ab") as torn:
        torn.write(MIXED[2][:-1])
    intake = lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1, 2]
    assert intake.counts["damaged"] == 1
    assert journal.journals(root) == []
    assert len(list((root / "damaged").iterdir())) == 1


def test_a_damaged_length_loses_no_byte(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A record whose end cannot be told: what stands before it is rows, all from it on is kept."""
    lakes.write(tmp_path, MIXED)
    root = t.journal_root(str(tmp_path))
    ((_, file),) = journal.segments(journal.journals(root)[0])
    whole = bytearray(file.read_bytes())
    whole[len(MIXED[0]) + 1] ^= 1
    file.write_bytes(whole)
    lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1, 2]
    (kept,) = (root / "damaged").glob("*/*.wal")
    assert kept.read_bytes() == whole
    assert f"behind byte {len(MIXED[0])}" in caplog.text


def test_a_live_journal_is_read_on_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Entries that come between steps are taken in; a living writer's journal loses only committed files."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1)
    writer = JournalWriter(t.journal_root(str(tmp_path)))
    intake = Intake.opened(lakes.made_for(tmp_path))
    assert not intake.step()
    for n in range(3):
        writer.append([lakes.entry(*lakes.numbered(n + 1))])
        assert intake.step()
        assert not intake.step()
    assert lakes.ids(tmp_path) == [1, 2, 3]
    (path,) = journal.journals(t.journal_root(str(tmp_path)))
    assert len(journal.segments(path)) == 1
    writer.close()
    intake.step()
    assert not path.exists()


def test_a_delivery_again_is_one_row(tmp_path: Path):
    """Across requests, journals, and a restart that has to learn the ids from the table."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1, 2)), lakes.entry(*lakes.numbered(2, 3))])
    lakes.taken_in(tmp_path)
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1, 3, 4))])
    intake = lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1, 2, 3, 4]
    assert intake.counts["duplicates"] == 2


def test_two_projects_may_hold_the_same_span(tmp_path: Path):
    """The same trace sent to two projects is a row in each."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1), project=p) for p in ("a", "b", "a")])
    lakes.taken_in(tmp_path)
    found = lakes.rows(tmp_path)
    assert sorted(found["project"].to_pylist()) == ["a", "b"]


def test_ids_older_than_the_window_are_not_learnt(tmp_path: Path):
    """A restart looks back as far as the window says: beyond it, compaction is what drops duplicates."""
    old = lakes.NOW - 7200 * 10**9
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1), received_at=old), lakes.entry(*lakes.numbered(2))])
    lakes.taken_in(tmp_path)
    intake = Intake.opened(lakes.made_for(tmp_path, dedup_window=3600.0))
    assert len(intake.recent) == 1
    assert len(Intake.opened(lakes.made_for(tmp_path, dedup_window=86400.0)).recent) == 2
    assert len(Intake.opened(lakes.made_for(tmp_path, dedup_window=86400.0, dedup_ids=1)).recent) == 1
    assert isinstance(intake.recent, RecentIds)


def test_a_malformed_entry_is_counted_and_passed(tmp_path: Path):
    """A body that is no request (only an import could journal one) does not stop those behind it."""
    bad = pack(Entry(lakes.NOW, "json", None, b"{"))
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1)), bad, lakes.entry(*lakes.numbered(2))])
    intake = lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1, 2]
    assert intake.counts["malformed"] == 1


def test_the_project_of_the_header_reaches_the_row(tmp_path: Path):
    """What came outside of the body is journalled with it."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1), project=None, header="from-header")])
    lakes.taken_in(tmp_path)
    assert lakes.rows(tmp_path)["project"].to_pylist() == ["from-header"]


@settings(max_examples=10)
@given(st.lists(st.lists(st.integers(1, 30), max_size=5), max_size=6))
def test_any_deliveries_are_the_set_of_their_spans(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[int]]
):
    """Whatever comes how often in which order: each span once."""
    lake = tmp_path_factory.mktemp("lake")
    for numbers in deliveries:
        lakes.write(lake, [lakes.entry(*lakes.numbered(*numbers))])
        lakes.taken_in(lake)
    if deliveries:
        assert lakes.ids(lake) == sorted({n for numbers in deliveries for n in numbers})


def test_translation_repeats_itself():
    """The same records give the same rows, refusals and their ids included: a replay changes nothing."""
    records = [Record(Entry(lakes.NOW, "json", None, _body_of(packed)), n) for n, packed in enumerate(MIXED)]
    first, again = translated("j", records), translated("j", list(records))
    assert first == again
    assert len(first.spans) == 6
    assert first.refused_ends == [0, 1]
    elsewhere = translated("other", records)
    assert elsewhere.spans == first.spans
    ids = REFUSED.names.index("refusal_id")
    assert {row[ids] for row in elsewhere.refused}.isdisjoint(row[ids] for row in first.refused)


def _body_of(packed: bytes) -> bytes:
    return bytes(journal._decode(packed[8:]).body)  # noqa: SLF001  the record's payload without its head


def test_rows_hold_what_was_sent(tmp_path: Path):
    """The table's columns, read back from disk, equal the span that was journalled."""
    (span,) = lakes.numbered(7)
    lakes.write(tmp_path, [lakes.entry(span)])
    lakes.taken_in(tmp_path)
    (row,) = lakes.rows(tmp_path).select(SPANS.names).to_pylist()
    assert row["trace_id"] == span["traceId"]
    assert row["start_unix_nano"] == int(span["startTimeUnixNano"])
    assert row["duration_ms"] == 250.0
    assert (row["kind"], row["status"], row["name"]) == ("CLIENT", "OK", span["name"])
    assert json.loads(row["attributes"]) == {"gen_ai.operation.name": "chat"}
    assert json.loads(row["links"])[0]["span_id"] == span["links"][0]["spanId"]
    assert str(row["date"]) == "2026-09-21"
    assert row["received_at"].timestamp() == pytest.approx(lakes.NOW / 1e9, abs=1e-3)


def test_a_mistake_of_ours_costs_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A request that cannot be translated is put aside whole, and comes in once the mistake is mended."""
    good, bad = lakes.entry(*lakes.numbered(1)), lakes.entry(*lakes.numbered(2))
    real = translate_module.admit

    def mistaken(export: Any, *, project: str | None = None) -> Any:
        if any(export.identify(span).span_id.endswith("2") for _, _, span in export.spans()):
            raise ZeroDivisionError("secret text")
        return real(export, project=project)

    lakes.write(tmp_path, [good, bad])
    with monkeypatch.context() as patched:
        patched.setattr(translate_module, "admit", mistaken)
        lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1]
    (row,) = lakes.rows(tmp_path, "refused").to_pylist()
    assert row["reason"] == "internal"
    assert "ZeroDivisionError" in row["message"]
    assert "secret" not in row["message"]
    told = al.open(str(tmp_path)).redrive()
    assert told["accepted"].tolist() == [True]
    assert lakes.ids(tmp_path) == [1, 2]


def test_rows_that_do_not_fit_cost_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A row of the wrong type puts its request aside, and leaves the batch of its neighbours whole."""
    real = translate_module.span_rows

    def misfit(export: Any, admission: Any, received_at: int, own: Any = None) -> Any:
        for row in real(export, admission, received_at, own):
            wrong = row[SPANS.names.index("span_id")].endswith("2")
            yield (7, *row[1:]) if wrong else row

    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(1)), lakes.entry(*lakes.numbered(2))])
    monkeypatch.setattr(translate_module, "span_rows", misfit)
    lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1]
    assert [row["reason"] for row in lakes.rows(tmp_path, "refused").to_pylist()] == ["internal"]


def test_many_refusals_of_a_large_resource_stay_small(tmp_path: Path):
    """Refused spans do not repeat a large resource each: the request is kept whole, and can be redriven."""
    request = sent.request(*lakes.numbered(*range(1, 101)), project=None)
    large = {"key": "large", "value": {"stringValue": "x" * 1_000_000}}
    request["resourceSpans"][0]["resource"]["attributes"].append(large)
    body = json.dumps(request).encode()
    lakes.write(tmp_path, [pack(Entry(lakes.NOW, "json", None, body))])
    lakes.taken_in(tmp_path)
    (row,) = lakes.rows(tmp_path, "refused").to_pylist()
    assert row["reason"] == "no_project"
    assert "100 spans" in row["message"]
    assert len(row["body"]) == len(body)
    lake = al.open(str(tmp_path))
    assert lake.redrive(project="late")["accepted"].tolist() == [True]
    assert lakes.ids(tmp_path) == list(range(1, 101))
    assert len(lake.refused()) == 0


def test_damage_in_the_middle_costs_one_record(tmp_path: Path):
    """A byte the disk changed: that record is put aside, and those behind it come in."""
    lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n)) for n in (1, 2, 3)])
    root = t.journal_root(str(tmp_path))
    (path,) = journal.journals(root)
    ((_, segment),) = journal.segments(path)
    content = bytearray(segment.read_bytes())
    content[content.index(b"span 2")] ^= 1
    segment.write_bytes(content)
    intake = lakes.taken_in(tmp_path)
    assert lakes.ids(tmp_path) == [1, 3]
    assert intake.counts["damaged"] == 1
    (kept,) = (root / "damaged").iterdir()
    assert kept.read_bytes() in bytes(content)
