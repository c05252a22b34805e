"""The words of the samples' expected files, and what they are compared with in a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from argus_lab.schema import SPAN_TYPES

Row = dict[str, Any]

RENAMED = {"span_kind": "span_type", "status_code": "status", "scope": "scope_name"}
PLAIN = {
    "span_id", "name", "project", "service", "step_kind", "component_type", "component_name", "agent_name",
    "provider", "operation", "request_model", "response_model", "temperature", "top_p", "max_tokens", "seed",
    "finish_reason", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_usd", "tool_name", "tool_call_id", "mcp_method", "session_id", "user_id",
    "tags", "error_type", "error_message", "input_text", "output_text", "system_prompt", "metadata", *RENAMED,
}  # fmt: skip
RAW = {
    "display_name", "embedding_dimensions", "framework", "function_id", "http_status", "jsonrpc_id",
    "mcp_prompt_name", "mcp_protocol_version", "mcp_resource_uri", "mcp_session_id", "operation_as_sent",
    "project_name", "prompt_template", "prompt_template_variables", "prompt_template_version", "response_id",
    "server_address", "span_type", "stop_sequences", "workflow_name",
}  # fmt: skip
"""Fields without a column: their values must stand in the raw columns."""
ABOUT_CALLS = {"duplicate_of_parent", "duplicate_of_child", "continues_other_span"}
"""The span is no call of its own; the test of totals leaves it out."""


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
                if "id" in part:
                    made["tool_call_id"] = part["id"]
                made["content"] = part["response"]
    return made | ({"content": _value(made["content"])} if "content" in made else {})


def _value(sent: Any) -> Any:
    """A JSON text's value, so that spaces in JSON do not matter; other text as it is."""
    try:
        return json.loads(sent) if isinstance(sent, str) else sent
    except ValueError:
        return sent


def _without_ids(calls: list[Row], wanted: list[Row]) -> list[Row]:
    """Calls without the ids that the expectation does not give."""
    if any("id" in call for call in wanted):
        return calls
    return [{key: value for key, value in call.items() if key != "id"} for call in calls]


def _tool_calls(row: Row) -> list[Row]:
    return [call for message in row["output"] for call in _simple(message).get("tool_calls", [])]


def _tool_names(row: Row) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in row["tool_definitions"]]


def _images(row: Row) -> int:
    parts = [part for message in row["input"] for part in message["parts"]]
    return sum(part.get("modality") == "image" for part in parts)


def _span_kind(row: Row, value: str) -> bool:
    return row["span_type"] == (value if value in SPAN_TYPES else None)


def _documents(row: Row, value: list[Row]) -> bool:
    found = row["output"]
    return len(found) >= len(value) and all(
        document.get(key) == wanted or (isinstance(wanted, dict) and wanted.items() <= document[key].items())
        for expected, document in zip(value, found, strict=False)
        for key, wanted in expected.items()
    )


def _started(row: Row, value: str) -> bool:
    first = datetime.fromisoformat(value) - row["start_time"]
    return row["time_to_first_token_ms"] == pytest.approx(first.total_seconds() * 1000, abs=0.1)


def _total(row: Row, value: int | None) -> bool:
    counts = [row["input_tokens"], row["output_tokens"]]
    return value == (None if counts == [None, None] else sum(count or 0 for count in counts))


COMPARED: dict[str, Callable[[Row, Any], bool]] = {
    "span_kind": _span_kind,
    "input_messages": lambda row, value: (
        [_simple(message) for message in row["input"]]
        == [{**m, **({"content": _value(m["content"])} if "content" in m else {})} for m in value]
    ),
    "output_tool_calls": lambda row, value: _without_ids(_tool_calls(row), value) == value,
    "output_tool_call_names": lambda row, value: [call["name"] for call in _tool_calls(row)] == value,
    "output_object": lambda row, value: json.loads(row["output_text"]) == value,
    "tool_definition_names": lambda row, value: _tool_names(row) == value,
    "tool_arguments": lambda row, value: row["input"] == value,
    "tool_result": lambda row, value: row["output"] == value,
    "tool_arguments_contains": lambda row, value: value in repr(row["input"]),
    "tool_result_text_contains": lambda row, value: (
        value in (row["output_text"] or json.dumps(row["output"]))
    ),
    "documents": _documents,
    "retrieval_query": lambda row, value: row["input_text"] == value,
    "embedding_texts": lambda row, value: row["input"] == value,
    "input_args": lambda row, value: row["input"]["args"] == value,
    "input_image_urls": lambda row, value: _images(row) == len(value),
    "metadata_contains": lambda row, value: value.items() <= row["metadata"].items(),
    "usage_absent": lambda row, _: row["input_tokens"] is None and row["output_tokens"] is None,
    "usage_counts": lambda row, value: (
        not value or row["input_tokens"] is not None or row["output_tokens"] is not None
    ),
    "not_llm": lambda row, _: row["span_type"] != "llm",
    "total_tokens": _total,
    "cache_read_in_python_repr": lambda row, value: row["cache_read_tokens"] in {None, value},
    "finish_reason_in_message": lambda row, value: row["output"][0]["finish_reason"] == value,
    "error_message_contains": lambda row, value: value in row["error_message"],
    # Not said and not streamed look alike.
    "streaming": lambda row, value: bool(row["streaming"]) == value,
    "ttft_ms": lambda row, value: row["time_to_first_token_ms"] == value,
    "ttft_ms_approx": lambda row, value: row["time_to_first_token_ms"] == pytest.approx(value, abs=0.1),
    "ttft_from_event": lambda row, _: row["time_to_first_token_ms"] > 0,
    "completion_start_time": _started,
    "span_side": lambda row, value: row["kind"] == value.upper(),
}


def agrees(row: Row, field: str, value: Any) -> bool:
    """Whether a row says what the expectation's field says."""
    if field in COMPARED:
        return COMPARED[field](row, value)
    if field in RAW:
        return _is_kept(row, value)
    if field in ABOUT_CALLS:
        return True
    assert field in PLAIN, f"the test does not know the field {field}"
    return row[RENAMED.get(field, field)] == value


def _is_kept(row: Row, value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_kept(row, inner) for inner in value.values())
    return str(value).lower() in str([row["attributes"], row["resource"]]).lower()


def said(row: Row, field: str) -> Any:
    """What a row says where the expectation has this field, for a failure's message."""
    column = {"tool_arguments": "input", "tool_result": "output"}.get(field, RENAMED.get(field, field))
    column = (
        column.replace("_messages", "").replace("_contains", "").replace("ttft_ms", "time_to_first_token_ms")
    )
    return row.get(column.replace("_tool_calls", "").replace("_approx", ""), "...")
