"""The OpenTelemetry JavaScript SDK from npm: JSON and protobuf, as it really writes them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from argus_lab.otlp.values import load
from tests.receiver.conftest import PATIENCE, Running
from tests.senders.conftest import Arrived

SENDERS = Path(__file__).parent.parent / "senders_js"


def _sent(url: str, encoding: str, compression: str) -> list[dict[str, Any]]:
    """Run the script, which sends spans and prints them."""
    if not (SENDERS / "node_modules").is_dir():
        pytest.fail(f"{SENDERS}/node_modules is missing: run the tests with `make test`, which installs it.")
    done = subprocess.run(
        ["node", SENDERS / "send.js", f"{url}/v1/traces", encoding, compression],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _unified(value: Any) -> Any:
    """JavaScript has one kind of number: 1 and 1.0 are the same, and NaN is printed as null."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return None if value != value else float(value)  # noqa: PLR0124  NaN
    if isinstance(value, list):
        return [_unified(item) for item in value]
    return {key: _unified(item) for key, item in value.items()} if isinstance(value, dict) else value


def _check(row: dict[str, Any], span: dict[str, Any]) -> None:
    plain = {
        "project": "js-bot",
        "service": "js-service",
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_span_id": span["parent_span_id"],
        "name": span["name"],
        "kind": span["kind"],
        "start_unix_nano": int(span["start"]),
        "duration_ns": int(span["end"]) - int(span["start"]),
        "status": span["status"],
        "status_message": span["status_message"],
        "scope_name": span["scope"]["name"],
        "scope_version": span["scope"]["version"],
        "dropped_attributes_count": None,
        "dropped_events_count": None,
        "dropped_links_count": None,
        "unread": None,
    }
    assert {name: row[name] for name in plain} == plain
    assert row["flags"] & 0xFF == span["flags"]
    assert _unified(load(row["attributes"] or {})) == _unified(span["attributes"])
    assert _unified(load(row["resource"])) == _unified(span["resource"])
    events = [(int(e["time"]), e["name"], e["attributes"]) for e in span["events"]]
    assert [(e["time_unix_nano"], e["name"], e["attributes"]) for e in row["events"] or []] == events
    links = [(k["traceId"], k["spanId"], k["attributes"]) for k in span["links"]]
    assert [(k["trace_id"], k["span_id"], k["attributes"]) for k in row["links"] or []] == links


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("encoding", ["json", "proto"])
def test_what_the_javascript_sdk_sends_is_what_the_frame_holds(
    encoding: str, compression: str, receiver: Running, arrived: Arrived
):
    """Every field of every span: chunked bodies, numbers as numbers, times as strings, NaN as null."""
    spans = _sent(receiver.url, encoding, compression)
    assert len(spans) == 3
    rows = arrived(spans[0]["trace_id"])
    assert rows.keys() == {span["span_id"] for span in spans}
    for span in spans:
        _check(rows[span["span_id"]], span)
    (chat,) = (row for row in rows.values() if row["name"] == "chat qwen3")
    assert (chat["input_tokens"], chat["output_tokens"], chat["temperature"]) == (120, 45, 1.0)
    assert (chat["span_type"], chat["input_text"], chat["error_type"]) == ("llm", "hi", "TypeError")
    assert chat["error_message"] == "no such tool"
    (session,) = (row for row in rows.values() if row["parent_span_id"] is None)
    assert (session["session_id"], session["session_source"]) == ("js-1", "attribute")
