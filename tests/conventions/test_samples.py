"""Captured payloads of every dialect, compared with what they are known to say.

A sample is a pair of files in ``tests/data/dialects``: adding a pair adds its tests.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from argus_lab.schema import SPAN_TYPES
from tests.conventions.differs import DIFFERS
from tests.conventions.expected import ABOUT_CALLS, agrees, said
from tests.conventions.rows import rows_of
from tests.otlp import sent

SAMPLES = sorted(
    path.name.removesuffix(".expected.json") for path in (sent.DATA / "dialects").glob("*.expected.json")
)
FURTHER = sorted(path.stem for path in (sent.DATA / "dialects_extra").glob("*.json"))
COUNTED = ("llm", "embedding", "reranker")
"""Spans whose usage is summed; agents and chains repeat it."""

Row = dict[str, Any]


@cache
def _expected(name: str) -> Any:
    return sent.sample(f"dialects/{name}.expected.json")


@cache
def _rows(name: str) -> dict[str, Row]:
    return rows_of(json.dumps(sent.sample(f"dialects/{name}.json")).encode(), project="sample")


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_say_what_they_are_known_to_say(name: str):
    """Every field of every expectation, from the bytes to the row."""
    expected, rows = _expected(name), _rows(name)
    assert len(rows) == expected["span_count"]
    wrong = []
    for want in expected["spans"]:
        row = rows[want["span_id"]]
        for field, value in want.items():
            differs = DIFFERS.get((name, want["span_id"], field))
            if not agrees(row, field, differs.value if differs else value):
                wrong.append(f"{want['name']} {want['span_id']} {field}: {value!r}, not {said(row, field)!r}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(("name", "span_id", "field"), DIFFERS)
def test_exceptions_are_still_needed(name: str, span_id: str, field: str):
    """An exception that no longer differs from what is expected goes."""
    (want,) = [want for want in _expected(name)["spans"] if want["span_id"] == span_id]
    assert not agrees(_rows(name)[span_id], field, want[field])


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_speak_their_dialect(name: str):
    """Spans that are known to be a model call, a tool or the like are named after the sample's dialect."""
    expected, rows = _expected(name), _rows(name)
    kinds = {
        want["span_id"]
        for want in expected["spans"]
        if want.get("span_kind") in SPAN_TYPES or "mcp_method" in want
    }
    assert kinds
    assert {rows[span_id]["dialect"] for span_id in kinds} == {expected["dialect"]}


@pytest.mark.parametrize("name", SAMPLES)
def test_totals_of_samples_add_up(name: str):
    """Sums over the calls are the totals that the expected files give."""
    expected = _expected(name)
    totals = expected["totals_without_double_counting"]
    repeated = {want["span_id"] for want in expected["spans"] if want.keys() & ABOUT_CALLS}
    # The rest of a call that another span began: no call of its own, but its usage counts.
    continued = {want["span_id"] for want in expected["spans"] if "continues_other_span" in want}
    every = _rows(name).values()
    rows = [row for row in every if row["span_id"] not in repeated]
    told = [row for row in every if row["span_id"] not in repeated - continued]
    calls = [row for row in told if row["span_type"] in COUNTED]
    found = {
        "llm_calls": sum(row["span_type"] == "llm" for row in rows),
        "embedding_calls": sum(row["span_type"] == "embedding" for row in rows),
        "tool_calls": sum(row["step_kind"] == "tool_call" for row in rows),
        "errors": len(_origins(rows)),
        **{
            column: sum(row[column] or 0 for row in calls)
            for column in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
        },
        "reasoning_tokens": sum(row["reasoning_tokens"] or 0 for row in calls),
        "cost_usd": pytest.approx(sum(row["cost_usd"] or 0 for row in calls)),
    }
    wanted = {
        field: DIFFERS[name, "*", field].value if (name, "*", field) in DIFFERS else value
        for field, value in totals.items()
        if field in found
    }
    assert {field: found[field] for field in wanted} == wanted


def _origins(rows: list[Row]) -> list[Row]:
    """Failed spans of which no child failed: where each error began."""
    failed = [row for row in rows if row["status"] == "ERROR"]
    passed_on = {row["parent_span_id"] for row in failed}
    return [row for row in failed if row["span_id"] not in passed_on]


@pytest.mark.parametrize("name", FURTHER)
def test_further_captures_are_told_apart(name: str):
    """Captures without expectations: each is recognised, and has a model call with its model."""
    rows = rows_of(json.dumps(sent.sample(f"dialects_extra/{name}.json")).encode(), project="sample")
    calls = [row for row in rows.values() if row["span_type"] == "llm"]
    assert calls
    for row in calls:
        assert row["dialect"] is not None
        assert row["step_kind"] == ("llm_call" if _is_call(row) else None)
        if row["status"] != "ERROR":
            assert row["request_model"] or row["response_model"]


def _is_call(row: Row) -> bool:
    """Logfire tells a streamed answer in a log of its own."""
    return (row["attributes"] or {}).get("logfire.span_type") != "log"


def test_structured_and_textual_messages_say_the_same():
    """Messages sent as nested values and as JSON text become the same content columns."""
    request = sent.sample("dialects/otel_genai_structured.json")
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
