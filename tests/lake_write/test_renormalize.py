"""Renormalising: old rows become what today's conventions make of what was sent; nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import example, given

import argus_lab as al
from argus_lab import conventions
from argus_lab.conventions import admit
from argus_lab.conventions.derived import DERIVED
from argus_lab.lake import journal, redone, renormalize, rows, stored, upkeep
from argus_lab.lake import table as t
from argus_lab.lake.intake import Intake
from argus_lab.lake.journal import JournalWriter
from argus_lab.lake.locks import FileLock
from argus_lab.lake.rows import SORTED_BY
from argus_lab.otlp import Resource, Scope, Span, decode, encode
from argus_lab.schema import SPANS
from tests.conventions.rows import OWNER
from tests.lake_write import journalled as lakes
from tests.otlp import sent

SAMPLES = sorted(
    path for path in (sent.DATA / "dialects").glob("*.json") if not path.name.endswith("expected.json")
)
KEPT = [name for name in SPANS.names if name not in redone.MADE]


def _knew_nothing(span: Span, _scope: Scope, _own: Any) -> dict[str, Any]:
    return {"session_id": span.trace_id, "session_source": "trace"}


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take spans in with conventions that know nothing, until called."""
    monkeypatch.setattr(rows, "conventions", SimpleNamespace(columns=_knew_nothing))
    return lambda: monkeypatch.setattr(rows, "conventions", conventions)


def _take_in_samples(lake: Path) -> None:
    for number, path in enumerate(SAMPLES):
        body = path.read_bytes()
        lakes.write(lake, [journal.pack(journal.Entry(lakes.NOW + number * 1000, "json", "samples", body))])
        lakes.taken_in(lake)


def _chat(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    pairs = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "session.id": "s"}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]
    return lakes.numbered(*numbers, attributes=attributes, **fields)


def _take_in(lake: Path, *spans: Any, project: str = "bot") -> None:
    lakes.write(lake, [lakes.entry(*spans, project=project)])
    lakes.taken_in(lake)


def _ordered(lake: Path) -> pa.Table:
    return lakes.rows(lake).select(SPANS.names).sort_by([("trace_id", "ascending"), ("span_id", "ascending")])


def _files(lake: Path) -> set[str]:
    return set(DeltaTable(str(lake / "spans")).file_uris())


def _on_disk(lake: Path) -> set[str]:
    return {str(path) for path in (lake / "spans").rglob("*.parquet") if "_delta_log" not in path.parts}


# --- what it makes ------------------------------------------------------------------------------------


def test_old_rows_become_what_is_taken_in_today(tmp_path: Path, before: Callable[[], None]):
    """All samples of all dialects, taken in without any convention and renormalised, equal themselves."""
    _take_in_samples(tmp_path / "old")
    raw = _ordered(tmp_path / "old")
    assert raw["dialect"].null_count == len(raw)
    before()
    _take_in_samples(tmp_path / "new")
    done = al.open(tmp_path / "old").renormalize()
    old, new = _ordered(tmp_path / "old"), _ordered(tmp_path / "new")
    for name in SPANS.names:
        assert old[name].equals(new[name]), name
    assert old.select(KEPT).equals(raw.select(KEPT))
    assert done.spans == len(raw)
    assert done.changed > len(raw) * 0.9
    changed = {
        name: sum(a != b for a, b in zip(*_texts(raw, old, name), strict=True)) for name in redone.MADE
    }
    assert done.columns == {name: count for name, count in changed.items() if count}


def _texts(first: pa.Table, second: pa.Table, name: str) -> tuple[list[Any], list[Any]]:
    return first[name].to_pylist(), second[name].to_pylist()


def test_what_is_right_already_is_not_touched(tmp_path: Path):
    """Without a new rule nothing changes: no commit, no new file."""
    _take_in_samples(tmp_path)
    files, version = _files(tmp_path), al.open(tmp_path).version
    done = al.open(tmp_path).renormalize()
    assert (done.changed, done.rewritten, done.columns, done.version) == (0, 0, {}, version)
    assert done.files == len(files)
    assert done.spans == len(lakes.rows(tmp_path))
    assert _on_disk(tmp_path) == files


def test_only_files_with_changes_are_rewritten(tmp_path: Path, before: Callable[[], None]):
    """A file taken in by today's code stays the file it is."""
    _take_in(tmp_path, *_chat(1))
    old = _files(tmp_path)
    before()
    _take_in(tmp_path, *_chat(2))
    (right,) = _files(tmp_path) - old
    done = al.open(tmp_path).renormalize()
    assert (done.files, done.rewritten, done.spans, done.changed) == (2, 1, 2, 1)
    assert right in _files(tmp_path)
    assert not old & _files(tmp_path)


def test_rows_are_in_lake_order_after_spans_moved_to_other_sessions(
    tmp_path: Path, before: Callable[[], None]
):
    """Files stay sorted by session, trace and start, in the documented layout."""
    spans = [span for n in (5, 1, 3, 2, 4) for span in _chat(n)]
    for n, span in enumerate(spans):
        span["attributes"] = [{"key": "session.id", "value": {"stringValue": f"s{n}"}}]
    _take_in(tmp_path, *spans)
    before()
    al.open(tmp_path).renormalize()
    (file,) = _files(tmp_path)
    keys = pq.ParquetFile(file).read(list(SORTED_BY)).to_pylist()
    assert [row["session_id"] for row in keys] == [f"s{n}" for n in range(5)]
    assert pq.ParquetFile(file).metadata.num_row_groups == 1
    assert _on_disk(tmp_path) >= {file}
    assert al.open(tmp_path).session("s3")["span_id"].tolist() == [f"{2:016x}"]


def test_many_batches_are_one_row_group(
    tmp_path: Path, before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """Reading in small steps does not make small row groups; no row is lost between them."""
    _take_in(tmp_path, *_chat(*range(1, 101)))
    before()
    monkeypatch.setattr(renormalize, "ROWS_AT_ONCE", 7)
    assert al.open(tmp_path).renormalize().changed == 100
    (file,) = _files(tmp_path)
    assert pq.ParquetFile(file).metadata.num_row_groups == 1
    assert lakes.ids(tmp_path) == list(range(1, 101))


@pytest.mark.parametrize("since", [None, "2026-09-21T00:00:00Z"])
def test_only_what_was_asked_for_changes(tmp_path: Path, before: Callable[[], None], since: str | None):
    """Other projects, and spans of the same file outside of the window, stay as they are."""
    early = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000250000000"}
    late = {"startTimeUnixNano": "1790000001000000000", "endTimeUnixNano": "1790000001250000000"}
    _take_in(tmp_path, *_chat(1, **early), *_chat(2, **late), *_chat(3, startTimeUnixNano="0"))
    _take_in(tmp_path, *_chat(4, **late), project="other")
    before()
    lake = al.open(tmp_path)
    done = lake.renormalize(project="bot", since=since, until="2026-09-21T14:13:21Z")
    assert (done.spans, done.changed) == (1, 1)
    models = dict(lake.sql("select span_id, request_model from spans where request_model is not null").values)
    assert models == {f"{1:016x}": "m"}
    assert lake.renormalize(project=["bot"]).changed == 2
    assert lake.renormalize().changed == 1


def test_tags_change_only_where_asked(tmp_path: Path, before: Callable[[], None]):
    """Lists are put together row by row as well."""
    tags = {"arrayValue": {"values": [{"stringValue": "a"}]}}
    for n, start in ((1, "1790000000000000000"), (2, "1790000001000000000")):
        pairs = [{"key": "argus.tags", "value": tags}]
        lakes.write(tmp_path, [lakes.entry(*lakes.numbered(n, attributes=pairs, startTimeUnixNano=start))])
    lakes.taken_in(tmp_path)
    before()
    al.open(tmp_path).renormalize(until="2026-09-21T14:13:21Z")
    found = dict(zip(*(lakes.rows(tmp_path)[name].to_pylist() for name in ("span_id", "tags")), strict=True))
    assert found == {f"{1:016x}": ["a"], f"{2:016x}": None}


def test_what_could_not_be_read_is_told_by_today(tmp_path: Path, before: Callable[[], None]):
    """``unread`` keeps what OTLP's own fields left there; the rest is today's."""
    pairs = [{"key": "gen_ai.request.seed", "value": {"stringValue": "not a number"}}]
    _take_in(tmp_path, *lakes.numbered(1, attributes=pairs, startTimeUnixNano=str(2**64 - 1)))
    assert set(json.loads(lakes.rows(tmp_path)["unread"][0].as_py())) >= {"start_unix_nano"}
    before()
    al.open(tmp_path).renormalize()
    unread = json.loads(lakes.rows(tmp_path)["unread"][0].as_py())
    assert unread["start_unix_nano"] == str(2**64 - 1)
    assert unread["seed"] == "not a number"


@given(span=sent.spans, resource=sent.resources, scope=sent.scopes)
@example(
    Span(sent.TRACE, sent.SPAN, start=2**64 - 1, attributes={"gen_ai.usage.input_tokens": "many"}),
    Resource({}),
    Scope(),
)
def test_a_row_holds_all_that_conventions_need(span: Span, resource: Resource, scope: Scope):
    """Any span: its row, read back and normalised again, gives the same row."""
    owned = Resource({**resource.attributes, **OWNER.attributes})
    export = decode(encode([span], resource=owned, scope=scope), "json")
    (made,) = rows.span_rows(export, admit(export), lakes.NOW)
    row = dict(zip(SPANS.names, made, strict=True))
    again = stored.span_of(row)
    assert again.attributes == json.loads(row["attributes"] or "{}")
    today = redone._made(row)  # noqa: SLF001  the row's derived columns, without a lake around them
    assert {name: today.get(name) for name in redone.MADE} == {name: row[name] for name in redone.MADE}


def test_derived_columns_are_all_that_conventions_fill():
    """No convention fills a column that renormalising would leave as it was."""
    for path in SAMPLES:
        for row in _columns_of(path):
            assert row.keys() <= set(DERIVED)


def _columns_of(path: Path) -> list[dict[str, Any]]:
    export = decode(path.read_bytes(), "json")
    return [conventions.columns(export.read(span), group.scope) for group, _, span in export.spans()]


# --- beside others ------------------------------------------------------------------------------------


def test_spans_that_come_meanwhile_stay(
    tmp_path: Path, before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """The keeper commits while files are rewritten: its rows are there afterwards, and so is the change."""
    _take_in(tmp_path, *_chat(1))
    before()
    real = t.swap

    def overtaken(*given: Any, **named: Any) -> None:
        _take_in(tmp_path, *_chat(2))
        real(*given, **named)

    monkeypatch.setattr(t, "swap", overtaken)
    assert al.open(tmp_path).renormalize().changed == 1
    assert lakes.ids(tmp_path) == [1, 2]
    assert lakes.rows(tmp_path)["request_model"].to_pylist() == ["m", "m"]


def test_a_receiver_at_work_and_readers_notice_nothing(tmp_path: Path, before: Callable[[], None]):
    """Rows keep coming and are merged while everything is renormalised, again and again."""
    _take_in(tmp_path, *_chat(*range(1, 50)))
    before()
    errors: list[BaseException] = []
    stop = threading.Event()

    def redo() -> None:
        try:
            while not stop.is_set():
                al.open(tmp_path).renormalize()
                upkeep.compact(lakes.made_for(tmp_path))
        except BaseException as error:  # noqa: BLE001  told below
            errors.append(error)

    writer = JournalWriter(t.journal_root(str(tmp_path)))
    intake = Intake.opened(lakes.made_for(tmp_path))
    thread = threading.Thread(target=redo)
    thread.start()
    try:
        for n in range(50, 70):
            writer.append([lakes.entry(*_chat(n))])
            intake.step()
            assert al.open(tmp_path).count() >= n
    finally:
        stop.set()
        thread.join()
    writer.close()
    assert errors == []
    assert lakes.ids(tmp_path) == list(range(1, 70))
    assert set(lakes.rows(tmp_path)["request_model"].to_pylist()) == {"m"}


def _swap_something(lake: Path, real: Callable[..., None]) -> None:
    """What a compaction on another machine would do: one file becomes another with the same rows."""
    found = t.open_table(str(lake), SPANS)
    file = pa.table(found.get_add_actions()).to_pylist()[0]
    held = pq.read_table(t.table_uri(str(lake), SPANS) + "/" + file["path"], partitioning=None)
    real(found, [file], [t.write_file(str(lake), SPANS, file["partition"], held.to_reader())])


def test_an_overtaken_commit_is_tried_again_from_the_new_files(
    tmp_path: Path, before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """Somebody swaps files between the look and the commit: nothing is lost, done twice or left behind."""
    for n in range(1, 4):
        _take_in(tmp_path, *_chat(n))
    before()
    real, redo, calls = t.swap, renormalize._redo, []  # noqa: SLF001  to count the work

    def overtaken(*given: Any, **named: Any) -> None:
        if len(calls) == 3:
            _swap_something(tmp_path, real)
        real(*given, **named)

    monkeypatch.setattr(t, "swap", overtaken)
    monkeypatch.setattr(renormalize, "_redo", lambda *given: calls.append(given) or redo(*given))
    done = al.open(tmp_path).renormalize()
    assert (done.rewritten, done.changed, len(calls)) == (3, 3, 4)
    assert lakes.ids(tmp_path) == [1, 2, 3]
    assert set(lakes.rows(tmp_path)["request_model"].to_pylist()) == {"m"}
    assert len(_on_disk(tmp_path)) == 3 + 1 + 3  # as sent, the other machine's, ours


def test_one_that_is_always_overtaken_gives_up_and_leaves_nothing(
    tmp_path: Path, before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """After some attempts it says so; the lake is as it was, and so is the disk."""
    for n in range(1, 4):
        _take_in(tmp_path, *_chat(n))
    before()
    real = t.swap

    def overtaken(*given: Any, **named: Any) -> None:
        _swap_something(tmp_path, real)
        real(*given, **named)

    monkeypatch.setattr(t, "swap", overtaken)
    with pytest.raises(al.LakeBusy, match="nothing was changed"):
        al.open(tmp_path).renormalize()
    assert lakes.ids(tmp_path) == [1, 2, 3]
    assert lakes.rows(tmp_path)["request_model"].null_count == 3
    assert len(_on_disk(tmp_path)) == 3 + renormalize.ATTEMPTS


def test_a_failure_half_way_changes_nothing(
    tmp_path: Path, before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    """The first files are rewritten when the disk is full: the table and the disk are as they were."""
    for n in range(1, 4):
        _take_in(tmp_path, *_chat(n))
    before()
    files, version = _on_disk(tmp_path), al.open(tmp_path).version
    real, calls = t.write_file, []

    def full(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 3:
            raise al.LakeUnavailable("the disk is full")
        return real(*given)

    monkeypatch.setattr(t, "write_file", full)
    with pytest.raises(al.LakeUnavailable):
        al.open(tmp_path).renormalize()
    assert (al.open(tmp_path).version, _on_disk(tmp_path)) == (version, files)
    monkeypatch.undo()
    assert al.open(tmp_path).renormalize().changed == 3


def test_compaction_waits_and_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two that swap files do not meet: the second is told."""
    _take_in(tmp_path, *_chat(1))
    monkeypatch.setattr(renormalize, "LOCK_WAIT", 0.2)
    lock = FileLock.try_take(t.journal_root(str(tmp_path)) / upkeep.LOCK)
    assert lock is not None
    with pytest.raises(al.LakeBusy, match="another process"):
        al.open(tmp_path).renormalize()
    lock.release()
    assert al.open(tmp_path).renormalize().spans == 1


def test_a_pinned_lake_is_read_only_and_sees_what_was(tmp_path: Path, before: Callable[[], None]):
    """The version before the commit can still be read."""
    _take_in(tmp_path, *_chat(1))
    before()
    pinned = al.open(tmp_path, as_of=al.open(tmp_path).version)
    al.open(tmp_path).renormalize()
    assert pinned.spans()["request_model"].isna().all()
    with pytest.raises(al.InvalidArgument, match="as_of"):
        pinned.renormalize()


# --- the command line ---------------------------------------------------------------------------------


def test_the_command_says_what_it_did(tmp_path: Path, before: Callable[[], None]):
    """`argus-lab renormalize` counts spans, files and columns; its filters are those of the lake."""
    _take_in(tmp_path, *_chat(1))
    _take_in(tmp_path, *_chat(2), project="other")
    before()
    command = [sys.executable, "-P", "-m", "argus_server", "renormalize", "--lake", str(tmp_path)]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ARGUS_")}

    def said(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=120, check=False, env=environ
        )

    first = said("--project", "other", "--since", "2026-01-01T00:00Z")
    assert (first.returncode, first.stderr) == (0, "")
    assert "1 of 1 spans changed, 1 of 1 files" in first.stdout
    assert "request_model: 1" in first.stdout
    assert "1 of 2 spans changed" in said().stdout
    assert said("--since", "yesterday").returncode == 2
