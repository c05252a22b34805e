"""Real exports of Phoenix and MLflow become the rows that were sent to them.

What was sent is told in ``tests/data/exports/README.md``.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from argus_lab.files import requests_in
from tests.conventions.rows import rows_of

EXPORTS = Path(__file__).resolve().parents[1] / "data" / "exports"
PHOENIX = sorted(path.name for path in EXPORTS.glob("phoenix-*"))
MLFLOW3 = ("mlflow3-search-traces.json", "mlflow3-search-traces.parquet", "mlflow3-to-json.jsonl")
MLFLOW2 = ("mlflow2-search-traces.jsonl", "mlflow2-to-dict.json")
MLFLOW2_TURN = ("mlflow2-artifact-traces.json", "mlflow2-to-json.json")
"""These hold the first trace alone."""

Row = dict[str, Any]

ASKED = {"role": "user", "parts": [{"type": "text", "content": "Wie ist das weather in Zürich? 🌦"}]}
BRIEF = {"role": "system", "parts": [{"type": "text", "content": "Sei kurz."}]}
CALL = {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Zürich"}}
USED = {"input_tokens": 120, "output_tokens": 45, "cache_read_tokens": 64, "reasoning_tokens": 20}
MODELS = {"request_model": "gpt-5-mini", "response_model": "gpt-5-mini-2026-05-01"}


def _project(body: bytes) -> str | None:
    return None if b'"argus.project"' in body else "bot"


@cache
def _rows(name: str, project: str | None = None) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for request in requests_in(EXPORTS / name, 2**26, lambda _: None, project):
        assert request.problem is None, (request.place, request.problem)
        found |= rows_of(request.body, project=_project(request.body))
    return found


def _of(row: Row, expected: dict[str, Any]) -> dict[str, Any]:
    return {column: row[column] for column in expected}


PHOENIX_SAYS: dict[str, dict[str, Any]] = {
    "5e0000000000b001": {
        "name": "turn",
        "span_type": "agent",
        "status": "OK",
        "session_id": "s-1",
        "user_id": "jörg",
        "agent_name": "wetter",
        "tags": ["prod", "α"],
        "metadata": {"tier": "gold", "n": 3},
        "input_text": "Wie ist das weather in Zürich? 🌦",
        "output_text": "Grüße aus Paris 🌤",
        "parent_span_id": None,
    },
    "5e0000000000b002": {
        "name": "ChatCompletion",
        "span_type": "llm",
        "status": "OK",
        "provider": "openai",
        **MODELS,
        **USED,
        "temperature": 0.2,
        "finish_reason": "tool_calls",
        "system_prompt": "Sei kurz.",
        "input": [BRIEF, ASKED],
        "output": [{"role": "assistant", "parts": [CALL]}],
    },
    "5e0000000000b003": {
        "name": "get_weather",
        "span_type": "tool",
        "step_kind": "tool_call",
        "status": "UNSET",
        "tool_name": "get_weather",
        "input": {"city": "Zürich"},
        "output": "sonnig",
    },
    "5e0000000000b004": {
        "name": "search",
        "span_type": "retriever",
        "output": [
            {
                "id": "d1",
                "content": "Zürich liegt am See",
                "score": 0.9,
                "metadata": {"url": "https://example.org/z"},
            },
            {"id": "d2", "content": "Bern"},
        ],
    },
    "5e0000000000b005": {"name": "embed", "span_type": "embedding", "input": ["Zürich"], "input_tokens": 4},
    "5e0000000000b006": {
        "span_type": "llm",
        **MODELS,
        **USED,
        "streaming": True,
        "finish_reason": "stop",
        "output_text": "Grüße aus Paris 🌤",
    },
    "5e0000000000b007": {
        "span_type": "llm",
        "status": "ERROR",
        "request_model": "nobody",
        "error_type": "openai.NotFoundError",
        "input_tokens": None,
        "parent_span_id": None,
    },
    "5e0000000000b008": {
        "name": "broken tool",
        "span_type": "tool",
        "tool_name": "boom",
        "status": "ERROR",
        "status_message": "ValueError: kein Netz — ünlesbar",
        "error_type": "ValueError",
        "error_message": "kein Netz — ünlesbar",
        "session_id": "s-2",
    },
}


@pytest.mark.parametrize("name", PHOENIX)
def test_phoenix_columns(name: str):
    """Whatever way Phoenix's spans were written, their columns say what was sent."""
    rows = _rows(name)
    assert {span_id: _of(rows[span_id], said) for span_id, said in PHOENIX_SAYS.items()} == PHOENIX_SAYS
    assert {row["dialect"] for row in rows.values()} == {"openinference"}
    assert {row["trace_id"] for row in rows.values()} == {"a0" * 16, "a1" * 16, "a2" * 16}
    children = {span_id for span_id, row in rows.items() if row["parent_span_id"] == "5e0000000000b001"}
    assert {f"5e0000000000b00{number}" for number in range(2, 7)} <= children
    assert all(row["unread"] is None for row in rows.values())


@pytest.mark.parametrize("name", PHOENIX)
def test_phoenix_attributes(name: str):
    """Nested attributes are flat again, under the names and with the values that were sent."""
    rows = _rows(name)
    sent = rows["5e0000000000b001"]["attributes"]
    own = {key: value for key, value in sent.items() if key.startswith(("custom", "deep"))}
    assert own == {"custom.flag": True, "custom.ratio": 0.25, "custom.list": [1, 2, 3], "deep.er.key": "x"}
    assert sent["openinference.span.kind"] == "AGENT"
    assert json.loads(sent["metadata"]) == {"tier": "gold", "n": 3}
    call = rows["5e0000000000b002"]["attributes"]
    named = "llm.output_messages.0.message.tool_calls.0.tool_call.function.name"
    assert call[named] == "get_weather"
    embedding = rows["5e0000000000b005"]["attributes"]
    assert embedding["embedding.embeddings.0.embedding.vector"] == [0.5, -0.25]


@pytest.mark.parametrize("name", PHOENIX)
def test_phoenix_times_and_events(name: str):
    """Times are those of the plainest export, as exactly as the file holds them; events keep attributes."""
    rows = _rows(name)
    plain = json.loads((EXPORTS / "phoenix-get-spans.json").read_text(encoding="utf-8"))
    for span in plain:
        row = rows[span["context"]["span_id"]]
        for field, moment in (("start_time", "start_time"), ("end_time", "end_time")):
            exact = datetime.fromisoformat(span[field])
            assert abs((row[moment] - exact).total_seconds()) < 0.001
    (event,) = rows["5e0000000000b003"]["events"]
    assert (event["name"], event["attributes"]) == ("cache miss", {"key": "Zürich", "size": 7})
    assert event["time_unix_nano"] // 10**9 == rows["5e0000000000b003"]["start_unix_nano"] // 10**9
    (error,) = rows["5e0000000000b008"]["events"]
    assert error["attributes"]["exception.type"] == "ValueError"


@pytest.mark.parametrize("name", ["phoenix-get-spans.json", "phoenix-dataframe.parquet"])
def test_phoenix_microseconds_are_kept(name: str):
    """Where the file has microseconds, none is lost."""
    rows = _rows(name)
    for span in json.loads((EXPORTS / "phoenix-get-spans.json").read_text(encoding="utf-8")):
        row = rows[span["context"]["span_id"]]
        micros = int(datetime.fromisoformat(span["start_time"]).strftime("%f"))
        assert row["start_unix_nano"] // 1000 % 10**6 == micros


def _named(rows: dict[str, Row], name: str, **told: Any) -> Row:
    (found,) = [row for row in rows.values() if row["name"] == name and _of(row, told) == told]
    return found


def _turn(rows: dict[str, Row], first: str, second: str) -> None:
    """What the first of MLflow's traces must say."""
    turn = _named(rows, "turn")
    asked = {"question": "Wie ist das weather in Zürich? 🌦"}
    said = {"span_type": "agent", "status": "OK", "parent_span_id": None, "output_text": "Grüße aus Paris 🌤"}
    assert _of(turn, said) == said
    assert turn["input"] == asked
    assert json.loads(turn["attributes"]["custom"]) == {"a": [1, {"b": "ü"}]}
    call = _named(rows, first, finish_reason="tool_calls")
    told = {"span_type": "llm", **MODELS, **USED, "temperature": 0.2, "system_prompt": "Sei kurz."}
    assert _of(call, told) == told
    assert call["input"] == [BRIEF, ASKED]
    assert call["output"][0]["parts"] == [CALL]
    assert [tool["name"] for tool in call["tool_definitions"]] == ["get_weather"]
    tool = _named(rows, "get_weather")
    told = {"span_type": "tool", "step_kind": "tool_call", "input": {"city": "Zürich"}, "output": "sonnig"}
    assert _of(tool, told) == told
    (event,) = tool["events"]
    assert (event["name"], event["attributes"]) == ("cache miss", {"key": "Zürich", "size": 7})
    found = _named(rows, "search")
    assert (found["span_type"], found["output"][0]["id"]) == ("retriever", "d1")
    streamed = _named(rows, second, streaming=True)
    assert streamed["output_text"] == "Grüße aus Paris 🌤"
    assert 0 < streamed["time_to_first_token_ms"] < streamed["duration_ms"]
    below = [call, tool, found, streamed]
    assert {(row["trace_id"], row["parent_span_id"]) for row in below} == {
        (turn["trace_id"], turn["span_id"])
    }


def _failures(rows: dict[str, Row], call: str) -> None:
    told = {"span_type": "llm", "status": "ERROR", "error_type": "NotFoundError", "input_tokens": None}
    failed = _named(rows, call, request_model="nobody")
    assert _of(failed, told) == told
    told = {"span_type": "tool", "error_type": "ValueError", "error_message": "kein Netz"}
    assert _of(_named(rows, "broken tool"), told) == told


@pytest.mark.parametrize("name", MLFLOW3)
def test_mlflow3(name: str):
    """MLflow 3: base64 ids, JSON in every value, links; the trace's session, user and tags on its root."""
    rows = _rows(name)
    assert len(rows) == 7
    _turn(rows, "Completions", "Completions")
    _failures(rows, "Completions")
    turn, broken = _named(rows, "turn"), _named(rows, "broken tool")
    assert (turn["session_id"], turn["user_id"]) == ("s-1", "jörg")
    assert turn["attributes"]["mlflow.traceTag.farbe"] == "grün"
    assert turn["attributes"]["mlflow.traceRequestId"] == f'"tr-{turn["trace_id"]}"'
    (link,) = broken["links"]
    assert link == {"trace_id": turn["trace_id"], "span_id": turn["span_id"], "attributes": {"why": "retry"}}
    assert _of(_named(rows, "Completions", streaming=True), USED) == USED
    assert {(row["project"], row["dialect"]) for row in rows.values()} == {("mlflow-1", "mlflow")}


@pytest.mark.parametrize("name", MLFLOW2)
def test_mlflow2(name: str):
    """MLflow 2: ids of their own, hex, and a request id that is none of them."""
    rows = _rows(name)
    assert len(rows) == 7
    _turn(rows, "Completions_1", "Completions_2")
    _failures(rows, "Completions")
    assert _named(rows, "turn")["attributes"]["mlflow.traceTag.farbe"] == "grün"
    for row in rows.values():
        for event in row["events"] or []:  # some are in microseconds, some in nanoseconds
            assert row["start_unix_nano"] - 10**6 < event["time_unix_nano"] < row["start_unix_nano"] + 10**9


@pytest.mark.parametrize("name", MLFLOW2_TURN)
def test_mlflow2_one_trace(name: str):
    """A trace alone, as JSON over many lines and as the artifact that MLflow 2 stores."""
    rows = _rows(name)
    assert len(rows) == 5
    _turn(rows, "Completions_1", "Completions_2")


def test_mlflow3_artifact():
    """The artifact of MLflow 3 has neither trace nor experiment beside its spans."""
    (row,) = _rows("mlflow3-artifact-traces.json").values()
    told = {"name": "turn", "span_type": "agent", "input": "Zürich", "output_text": "ja", "project": "bot"}
    assert _of(row, told) == told


def test_a_project_that_is_asked_for_wins_over_an_experiments_number():
    """MLflow's files hold no name of an experiment, so --default-project says it better."""
    rows = _rows("mlflow3-to-json.jsonl", "weather")
    assert {row["project"] for row in rows.values()} == {"weather"}
    assert {row["service"] for row in rows.values()} == {"unknown_service"}


@pytest.mark.parametrize("files", [PHOENIX, MLFLOW3])
def test_ways_of_exporting_agree(files: tuple[str, ...]):
    """The same spans, written in another way, have the same ids, so that none is stored twice."""
    first, *others = (set(_rows(name)) for name in files)
    assert all(other == first for other in others)
