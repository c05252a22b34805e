"""A lake of files: what a folder, a pattern and a list mean, and what damage does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import argus_lab as al

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "datasets" / "example-trace.json"


def _line(trace: str, span: str, project: str | None = "bot") -> str:
    attributes = [{"key": "service.name", "value": {"stringValue": "s"}}]
    if project:
        attributes.append({"key": "argus.project", "value": {"stringValue": project}})
    spans = [
        {"traceId": trace * 32, "spanId": span * 16, "name": "n", "startTimeUnixNano": "1700000000000000000"}
    ]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}]}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of a span each, one of them gzipped in a folder below, and a file of something else."""
    (tmp_path / "below").mkdir()
    (tmp_path / "a.json").write_text(_line("a", "a"), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(_line("b", "b") + "\n", encoding="utf-8")
    (tmp_path / "below" / "c.jsonl.gz").write_bytes(gzip.compress(_line("c", "c").encode()))
    (tmp_path / "notes.md").write_text("no spans", encoding="utf-8")
    return tmp_path


def _traces(lake: al.Lake) -> list[str]:
    return sorted(trace[0] for trace in lake.spans()["trace_id"])


def test_a_folder_means_the_span_files_in_it_and_below(folder: Path):
    """Files are chosen by how they end, gzipped or not; others are left alone."""
    assert _traces(al.open_files(folder)) == ["a", "b", "c"]


def test_a_pattern_and_a_list_mean_just_these(folder: Path):
    """A pattern is expanded; a list may mix files, folders and patterns; a span twice is one row."""
    assert _traces(al.open_files(f"{folder}/*.json*")) == ["a", "b"]
    assert _traces(al.open_files([folder / "a.json", folder / "below", f"{folder}/a*"])) == ["a", "c"]


def test_a_named_file_is_read_whatever_its_name(tmp_path: Path):
    """The content decides what a file is."""
    (tmp_path / "spans.from.a.friend").write_bytes(EXAMPLE.read_bytes())
    assert al.open_files(tmp_path / "spans.from.a.friend").count() == 8


def test_what_is_not_there_is_told_with_what_is_expected(tmp_path: Path):
    """A missing file, an empty folder and a pattern without a match are the same clear error."""
    for name in ("missing.json", ".", "*.json"):
        with pytest.raises(al.NotFound, match=r"no files of spans at .*Name a file, a folder"):
            al.open_files(tmp_path / name)


def test_damage_is_told_by_file_and_line_and_may_be_skipped(folder: Path):
    """One bad line stops the reading with its place; skipping it, all other spans are there."""
    (folder / "b.jsonl").write_text(f"{_line('b', 'b')}\n{{broken\n{_line('d', 'd')}\n", encoding="utf-8")
    with pytest.raises(al.MalformedPayload, match=r"b\.jsonl: line 2: .*damaged='skip'"):
        al.open_files(folder)
    assert _traces(al.open_files(folder, damaged="skip")) == ["a", "b", "c", "d"]
    with pytest.raises(al.InvalidArgument, match="'raise' or 'skip'"):
        al.open_files(folder, damaged="ignore")


def test_spans_without_a_project_go_to_the_one_given(tmp_path: Path):
    """Without a project they are refused, and kept; with one they are rows."""
    (tmp_path / "a.json").write_text(_line("a", "a", project=None), encoding="utf-8")
    refused = al.open_files(tmp_path)
    assert (refused.count(), len(refused.refused())) == (0, 1)
    assert al.open_files(tmp_path, project="mine").projects()["project"].tolist() == ["mine"]


def test_each_call_is_a_lake_of_its_own(folder: Path):
    """Two lakes of files do not mix, and neither touches the lake of the environment."""
    one, two = al.open_files(folder / "a.json"), al.open_files(folder / "b.jsonl")
    assert (_traces(one), _traces(two)) == (["a"], ["b"])
    assert one.address != two.address
