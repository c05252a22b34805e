"""Captured and written payloads of the dialects that are spoken, compared with what they are known to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conventions.rows import rows_of
from tests.otlp import sent

SAMPLES = ("argus_basic", "argus_rich", "otel_genai_current", "otel_genai_structured")
RENAMED = {"span_kind": "span_type", "status_code": "status", "scope": "scope_name"}
PLAIN = {
    "span_id", "name", "project", "service", "step_kind", "component_type", "component_name", "provider",
    "request_model", "response_model", "operation", "input_tokens", "output_tokens", "cache_read_tokens",
    "temperature", "top_p", "max_tokens", "seed", "finish_reason", "session_id", "user_id", "error_type",
    "error_message", "input_text", "output_text", "system_prompt", *RENAMED,
}  # fmt: skip
RAW = {
    "response_id": "gen_ai.response.id",
    "server_address": "server.address",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "embedding_dimensions": "gen_ai.embeddings.dimension.count",
}
"""Expected fields that have no column: they must be found in the raw attributes."""

Row = dict[str, Any]


def _simple(message: Row) -> Row:
    """A message of the one form in the expected files' own words."""
    made: Row = {"role": message["role"]}
    for part in message["parts"]:
        match part["type"]:
            case "text":
                made["content"] = made.get("content", "") + part["content"]
            case "tool_call":
                call = {key: part[key] for key in ("id", "name", "arguments") if key in part}
                made.setdefault("tool_calls", []).append(call)
            case "tool_call_response":
                response = part["response"]
                made["tool_call_id"] = part["id"]
                made["content"] = response if isinstance(response, str) else json.dumps(response)
    return made


def _tool_calls(row: Row) -> list[Row]:
    return [call for message in row["output"] for call in _simple(message).get("tool_calls", [])]


def _names(row: Row) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in row["tool_definitions"]]


DERIVED: dict[str, Callable[[Row], Any]] = {
    "input_messages": lambda row: [_simple(message) for message in row["input"]],
    "output_tool_calls": _tool_calls,
    "tool_definition_names": _names,
    "tool_arguments": lambda row: row["input"],
    "tool_result": lambda row: row["output"],
    "usage_absent": lambda row: row.get("input_tokens") is None and row.get("output_tokens") is None,
    "usage_counts": lambda row: row.get("input_tokens") is not None,
    "finish_reason_in_message": lambda row: row["output"][0]["finish_reason"],
}


def _check(want: Row, row: Row) -> set[str]:
    """Compare every field of an expectation; give back the fields that were compared."""
    for field, value in want.items():
        if field in DERIVED:
            assert DERIVED[field](row) == value, field
        elif field in RAW:
            found = row["attributes"].get(RAW[field])
            assert found == value, field
        elif field == "ttft_ms_approx":
            assert row["time_to_first_token_ms"] == pytest.approx(value, abs=0.1)
        elif field == "error_message_contains":
            assert value in row["error_message"]
        elif field == "streaming":
            # Not said and not streamed look alike.
            assert bool(row.get("streaming")) == value
        else:
            assert field in PLAIN, f"the test does not know the field {field}"
            assert row.get(RENAMED.get(field, field)) == value, field
    return set(want)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_say_what_they_are_known_to_say(name: str):
    """Every field of every expectation, from the bytes to the row."""
    expected = sent.sample(f"{name}.expected.json")
    body = json.dumps(sent.sample(f"{name}.json")).encode()
    rows = rows_of(body, project="sample")
    assert len(rows) == expected["span_count"]
    compared = [_check(want, rows[want["span_id"]]) for want in expected["spans"]]
    assert min(len(fields) for fields in compared) >= 5


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_speak_their_dialect(name: str):
    """The dialect is recognised on every span that has any attribute of it, and on no other."""
    expected = sent.sample(f"{name}.expected.json")
    rows = rows_of(json.dumps(sent.sample(f"{name}.json")).encode(), project="sample")
    for row in rows.values():
        keys = [*(row["attributes"] or {}), *(event["name"] for event in row["events"] or [])]
        marks = {"argus": "argus.", "otel_genai": "gen_ai."}[expected["dialect"]]
        assert row["dialect"] == (expected["dialect"] if any(key.startswith(marks) for key in keys) else None)


@pytest.mark.parametrize("name", SAMPLES)
def test_totals_of_samples_add_up(name: str):
    """Sums over the rows are the totals that the expected files give."""
    totals = sent.sample(f"{name}.expected.json")["totals_without_double_counting"]
    rows = list(rows_of(json.dumps(sent.sample(f"{name}.json")).encode(), project="sample").values())
    found = {
        "llm_calls": sum(row.get("span_type") == "llm" for row in rows),
        "embedding_calls": sum(row.get("span_type") == "embedding" for row in rows),
        "tool_calls": sum(row.get("step_kind") == "tool_call" for row in rows),
        "errors": sum(row["status"] == "ERROR" for row in rows),
        **{
            column: sum(row.get(column) or 0 for row in rows)
            for column in ("input_tokens", "output_tokens", "cache_read_tokens")
        },
    }
    assert {name: found[name] for name in totals} == totals


def test_structured_and_textual_messages_say_the_same():
    """Messages sent as nested values and as JSON text become the same content columns."""
    request = sent.sample("otel_genai_structured.json")
    (structured,) = rows_of(json.dumps(request).encode(), project="sample").values()
    span = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for pair in span["attributes"]:
        if pair["key"].endswith(".messages"):
            pair["value"] = {"stringValue": json.dumps(structured["attributes"][pair["key"]])}
    (textual,) = rows_of(json.dumps(request).encode(), project="sample").values()
    for column in ("input", "output", "input_text", "output_text", "finish_reason"):
        assert textual.get(column) == structured.get(column)
    assert structured["input"] == [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]


def test_the_reference_example_gives_its_six_spans():
    """The reference system's own payload: six spans, with its resource and step kinds."""
    request = sent.sample("reference-example-trace.json")
    rows = rows_of(json.dumps(request).encode())
    assert len(rows) == 6
    assert {row["project"] for row in rows.values()} == {"demo"}
    assert {row["dialect"] for row in rows.values() if row.get("step_kind")} == {"argus"}
    for spans in request["resourceSpans"][0]["scopeSpans"]:
        for span in spans["spans"]:
            kinds = [
                p["value"]["stringValue"] for p in span.get("attributes", []) if p["key"] == "argus.step.kind"
            ]
            assert rows[span["spanId"].lower()].get("step_kind") == (kinds[0] if kinds else None)
