"""``argus-lab import`` of exports: once is enough, and what is damaged is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import argus_lab as al
from argus_lab import settings
from argus_server.commands.importing import import_files

SERVICE = [{"key": "service.name", "value": {"stringValue": "bot"}}]
EXPORTS = Path(__file__).resolve().parents[1] / "data" / "exports"


def _import(lake: Path, *files: Path, **told: Any) -> int:
    return import_files(settings.read({}, lake=str(lake), **told), list(files))


def test_importing_twice_stores_once(tmp_path, capsys):
    """Every export of the same spans, twice: one row a span."""
    lake = tmp_path / "lake"
    files = sorted(path for path in EXPORTS.iterdir() if path.suffix != ".md")
    for _ in range(2):
        assert _import(lake, *files, default_project="bot") == 0
        assert al.open(str(lake)).count() == 8 + 7 + 1 + 7  # Phoenix; MLflow 3 and its artifact; MLflow 2
    assert "refused" in capsys.readouterr().out


def test_what_was_imported_is_in_order(tmp_path):
    """Children in one file, the root that names their session in the next: stored as it is read."""
    lake, late = tmp_path / "lake", []
    for number, (trace, span, parent) in enumerate([(1, 2, 1), (1, 1, 0), (2, 4, 3), (2, 3, 0)]):
        one = {
            "traceId": f"{trace:032x}",
            "spanId": f"{span:016x}",
            "name": "step",
            "startTimeUnixNano": "1780000000000000000",
        }
        named = [{"key": "session.id", "value": {"stringValue": f"chat-{trace}"}}]
        one |= {"parentSpanId": f"{parent:016x}"} if parent else {"attributes": named}
        group = {"resource": {"attributes": SERVICE}, "scopeSpans": [{"spans": [one]}]}
        late.append(tmp_path / f"{number}.json")
        late[-1].write_text(json.dumps({"resourceSpans": [group]}), encoding="utf-8")
    for path in late:
        assert _import(lake, path, default_project="bot") == 0
    [stored] = DeltaTable(str(lake / "spans")).file_uris()
    found = pq.read_table(stored, columns=["trace_id", "session_id"])
    assert sorted(found["session_id"].to_pylist()) == ["chat-1", "chat-1", "chat-2", "chat-2"]


def test_without_a_project_phoenix_is_refused_and_mlflow_is_not(tmp_path, capsys):
    """Phoenix's files name no project, MLflow's name an experiment."""
    lake = tmp_path / "lake"
    assert _import(lake, EXPORTS / "phoenix-get-spans.json") == 1
    assert "8 no_project" in capsys.readouterr().out
    assert _import(lake, EXPORTS / "mlflow3-to-json.jsonl") == 0
    assert al.open(str(lake)).count(project="mlflow-1") == 7


@pytest.mark.parametrize("name", ["phoenix-get-spans.json", "phoenix-dataframe.parquet"])
def test_gzipped(name: str, tmp_path):
    """An export may be gzipped, and its name says nothing."""
    path = tmp_path / "export"
    path.write_bytes(gzip.compress((EXPORTS / name).read_bytes()))
    assert _import(tmp_path / "lake", path, default_project="bot") == 0
    assert al.open(str(tmp_path / "lake")).count() == 8


@pytest.mark.parametrize(
    "name",
    ["phoenix-get-spans.json", "phoenix-dataframe.parquet", "mlflow2-to-json.json", "mlflow2-to-dict.json"],
)
def test_a_truncated_file_is_told(name: str, tmp_path, capsys):
    """A file that ends too early is one line on stderr, and nothing of it is taken in."""
    whole, path = (EXPORTS / name).read_bytes(), tmp_path / "cut"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert _import(tmp_path / "lake", path, default_project="bot") == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert str(path) in told[0]


def test_a_truncated_line_costs_no_other(tmp_path, capsys):
    """Of lines, one that is damaged is told with its number."""
    lines = (EXPORTS / "phoenix-dataframe.jsonl").read_bytes().splitlines()
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\n".join([*lines[:3], lines[3][:100], *lines[4:]]))
    assert _import(tmp_path / "lake", path, default_project="bot") == 1
    assert f"{path}: line 4:" in capsys.readouterr().err
    assert al.open(str(tmp_path / "lake")).count() == 7


def test_a_span_without_ids_costs_no_other(tmp_path, capsys):
    """Of a list, a span that is none is told with its number."""
    spans = json.loads((EXPORTS / "phoenix-get-spans.json").read_text(encoding="utf-8"))
    spans[2]["context"]["span_id"] = ""
    spans[5] = {"name": "something else"}
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(spans), encoding="utf-8")
    assert _import(tmp_path / "lake", path, default_project="bot") == 1
    told = capsys.readouterr().err
    assert "record 3: a span has no span_id" in told
    assert "record 6: it is neither a span of Phoenix nor a trace of MLflow (name)" in told
    assert al.open(str(tmp_path / "lake")).count() == 6


def test_what_is_neither_is_told(tmp_path, capsys):
    """Other Parquet, other JSON: one line that says what can be read."""
    parquet, table, listing = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    pq.write_table(pa.table({"city": ["Zürich"], "degrees": [21]}), parquet)
    table.write_text('{"city": "Zürich"}', encoding="utf-8")
    listing.write_text('[{"city": "Zürich"}]', encoding="utf-8")
    assert _import(tmp_path / "lake", parquet, table, listing) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert "city, degrees" in told[0]
    assert all("Phoenix" in line and "MLflow" in line for line in told)


def test_ids_that_are_none_are_made_and_kept(tmp_path):
    """Ids in a form of their own always give the same ids, and stay readable as attributes."""
    ids = {"trace_id": "run 7", "span_id": "step 1"}
    span = {
        "name": "x",
        "span_kind": "TOOL",
        "context": ids,
        "parent_id": "step 0",
        "start_time": "2026-05-01T00:00:00Z",
    }
    parent = {**span, "context": {**ids, "span_id": "step 0"}, "parent_id": None}
    for number, spans in enumerate(([span, parent], [parent, span])):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(spans), encoding="utf-8")
        assert _import(tmp_path / "lake", path, default_project="bot") == 0
    rows = al.open(str(tmp_path / "lake")).spans(columns="all").to_dict("records")
    kept = {json.loads(row["attributes"])["imported.span_id"]: row for row in rows}
    assert kept.keys() == {"step 0", "step 1"}
    assert kept["step 1"]["parent_span_id"] == kept["step 0"]["span_id"]
    assert {json.loads(row["attributes"])["imported.trace_id"] for row in rows} == {"run 7"}


def test_large_traces_are_split(tmp_path):
    """An export larger than a request may be is written as several; only a span alone can be too large."""
    assert (
        _import(tmp_path / "lake", EXPORTS / "phoenix-dataframe.json", default_project="bot", max_body=8000)
        == 0
    )
    assert al.open(str(tmp_path / "lake")).count() == 8
