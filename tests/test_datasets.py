"""The sample data: it can be made again, every line is OTLP, and the facts about it are true."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
FACTS = "support-sessions.facts.json"
WEEKS = ("week-1.jsonl.gz", "week-2.jsonl.gz")
DEPLOYED = 1_778_490_000_000_000_000
SIZE_LIMIT = 3_000_000
ERROR = 2

Span = dict[str, Any]


def _value(value: dict[str, Any]) -> Any:
    """An AnyValue as the Python value it stands for."""
    if not value:
        return None
    ((kind, content),) = value.items()
    if kind == "arrayValue":
        return [_value(item) for item in content.get("values", [])]
    if kind == "kvlistValue":
        return _dict(content.get("values", []))
    return int(content) if kind == "intValue" else content


def _dict(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _spans(request: dict[str, Any]) -> list[Span]:
    """The spans of a request with plain attributes, and their resource."""
    return [
        {
            "trace": span["traceId"],
            "id": span["spanId"],
            "parent": span.get("parentSpanId"),
            "name": span["name"],
            "start": int(span["startTimeUnixNano"]),
            "end": int(span["endTimeUnixNano"]),
            "attributes": _dict(span.get("attributes", [])),
            "events": [
                (event["name"], int(event["timeUnixNano"]), _dict(event.get("attributes", [])))
                for event in span.get("events", [])
            ],
            "status": span.get("status", {}).get("code", 0),
            "resource": _dict(resource["resource"]["attributes"]),
        }
        for resource in request["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def _lines(name: str) -> list[str]:
    packed = (DATASETS / "support-sessions" / name).read_bytes()
    return gzip.decompress(packed).decode("utf-8").splitlines()


@pytest.fixture(scope="module")
def requests() -> list[dict[str, Any]]:
    """Every line of the files, parsed."""
    return [json.loads(line) for name in WEEKS for line in _lines(name)]


@pytest.fixture(scope="module")
def sessions(requests: list[dict[str, Any]]) -> dict[str, list[Span]]:
    """The spans of each session."""
    found: dict[str, list[Span]] = {}
    for request in requests:
        spans = _spans(request)
        (name,) = {s["attributes"]["session.id"] for s in spans if "session.id" in s["attributes"]}
        found[name] = spans
    return found


@pytest.fixture(scope="module")
def spans(sessions: dict[str, list[Span]]) -> list[Span]:
    """All spans."""
    return [span for spans in sessions.values() for span in spans]


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """The facts as they are written down."""
    return json.loads((DATASETS / FACTS).read_text(encoding="utf-8"))


def _as_protobuf(request: dict[str, Any]) -> ExportTraceServiceRequest:
    """The request read by protobuf, which wants ids as base64 where OTLP/JSON writes hex."""

    def base64_ids(node: Any) -> Any:
        if isinstance(node, list):
            return [base64_ids(item) for item in node]
        if not isinstance(node, dict):
            return node
        ids = {"traceId", "spanId", "parentSpanId"}
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode() if key in ids else base64_ids(value)
            for key, value in node.items()
        }

    return json_format.ParseDict(base64_ids(request), ExportTraceServiceRequest())


def _kind(span: Span) -> str:
    return str(span["attributes"].get("argus.step.kind", "none"))


def _totals(spans: list[Span], sessions: int) -> dict[str, int]:
    return {
        "sessions": sessions,
        "users": len({s["attributes"]["user.id"] for s in spans if "user.id" in s["attributes"]}),
        "traces": len({s["trace"] for s in spans}),
        "spans": len({(s["trace"], s["id"]) for s in spans}),
        "llm_calls": sum(_kind(s) == "llm_call" for s in spans),
        "tool_calls": sum(_kind(s) == "tool_call" for s in spans),
        "errors": sum(s["status"] == ERROR for s in spans),
    }


def _packed(content: bytes) -> bytes:
    """Content as gzip without name and date, by the zlib of this machine."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


# --- making it again --------------------------------------------------------------------------


def test_the_generator_makes_the_same_bytes_again(tmp_path: Path):
    """A second run, in a process with another hash seed, gives the files that are in the repository."""
    command = [sys.executable, str(DATASETS / "make_support_sessions.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for name in WEEKS:
        fresh = (tmp_path / "support-sessions" / name).read_bytes()
        kept = (DATASETS / "support-sessions" / name).read_bytes()
        assert gzip.decompress(fresh) == gzip.decompress(kept), (
            f"{name} differs from what the generator writes"
        )
        # Another zlib may pack the same content differently: compare with the same content packed here.
        assert fresh == _packed(gzip.decompress(kept))
    assert (tmp_path / FACTS).read_bytes() == (DATASETS / FACTS).read_bytes()


def test_the_files_are_small():
    """Sample data is cloned by everybody who clones the repository."""
    folder = DATASETS / "support-sessions"
    assert sorted(path.name for path in folder.iterdir()) == sorted(WEEKS)
    assert sum(path.stat().st_size for path in folder.iterdir()) < SIZE_LIMIT


# --- the form ---------------------------------------------------------------------------------


def test_every_line_is_an_otlp_request(requests: list[dict[str, Any]], facts: dict[str, Any]):
    """Protobuf itself reads each line, with no unknown field and no span lost."""
    read = [_as_protobuf(request) for request in requests]
    count = sum(len(scope.spans) for r in read for each in r.resource_spans for scope in each.scope_spans)
    assert count == facts["spans"]


def test_the_json_is_otlp_json(requests: list[dict[str, Any]]):
    """Hex ids, 64-bit numbers as strings, enums as numbers: what protobuf's own JSON does not promise."""
    for request in requests:
        for resource in request["resourceSpans"]:
            for span in (s for scope in resource["scopeSpans"] for s in scope["spans"]):
                assert len(bytes.fromhex(span["traceId"])) == 16
                assert len(bytes.fromhex(span["spanId"])) == 8
                assert isinstance(span["startTimeUnixNano"], str)
                assert isinstance(span["kind"], int)
                assert isinstance(span["status"].get("code", 0), int)


def test_the_example_is_one_session_of_two_rounds():
    """The example of the README: small, of the project demo, and readable by protobuf."""
    request = json.loads((DATASETS / "example-trace.json").read_text(encoding="utf-8"))
    _as_protobuf(request)
    spans = _spans(request)
    kinds = [_kind(span) for span in spans]
    assert {span["resource"]["argus.project"] for span in spans} == {"demo"}
    assert {span["resource"]["argus.service"] for span in spans} == {"weather-bot"}
    assert len({span["trace"] for span in spans}) == 1
    assert 6 <= len(spans) <= 8
    assert kinds.count("user_message") == 2
    assert kinds.count("tool_call") == 1
    _assert_nested(spans)


def _assert_nested(spans: list[Span]) -> None:
    """Each child lies inside its parent, each event inside its span."""
    by_id = {(span["trace"], span["id"]): span for span in spans}
    for span in spans:
        assert span["start"] <= span["end"], span["name"]
        assert all(span["start"] <= at <= span["end"] for _, at, _ in span["events"]), span["name"]
        if span["parent"]:
            parent = by_id[span["trace"], span["parent"]]
            assert parent["start"] <= span["start"], span["name"]
            assert span["end"] <= parent["end"], span["name"]


def test_times_are_consistent(sessions: dict[str, list[Span]]):
    """Children inside parents, turns one after the other, the first token before the last."""
    for spans in sessions.values():
        _assert_nested(spans)
        turns = sorted((span for span in spans if not span["parent"]), key=lambda span: span["start"])
        assert all(one["end"] <= other["start"] for one, other in pairwise(turns))
        for span in spans:
            first = span["attributes"].get("gen_ai.response.time_to_first_chunk")
            assert first is None or 0 < first < (span["end"] - span["start"]) / 1e9


def test_each_turn_is_a_trace_with_one_root(sessions: dict[str, list[Span]]):
    """The root is the customer's message at the gateway, and says session and user."""
    for spans in sessions.values():
        roots = [span for span in spans if not span["parent"]]
        assert len(roots) == len({span["trace"] for span in spans})
        assert {_kind(span) for span in roots} == {"user_message"}
        assert all({"session.id", "user.id"} <= span["attributes"].keys() for span in roots)


def test_some_services_do_not_know_the_session(spans: list[Span]):
    """Their spans belong to a session only through their trace."""
    knowing = {s["resource"]["service.name"] for s in spans if "session.id" in s["attributes"]}
    ignorant = {s["resource"]["service.name"] for s in spans if "session.id" not in s["attributes"]}
    assert knowing == {"support-gateway", "support-agent"}
    assert ignorant == {"order-mcp", "retrieval"}


# --- the facts --------------------------------------------------------------------------------


def test_the_totals_are_true(
    spans: list[Span], requests: list[dict[str, Any]], sessions: dict[str, list[Span]], facts: dict[str, Any]
):
    """Sessions, users, traces, spans, calls and errors, in all and for the only project."""
    totals = _totals(spans, len(sessions))
    assert len(requests) == len(sessions) == sum(facts["files"].values())
    assert {key: facts[key] for key in totals} == totals
    assert facts["projects"] == {"customer-bot": totals}
    assert {s["resource"]["argus.project"] for s in spans} == {"customer-bot"}
    assert facts["first_start_unix_nano"] == min(s["start"] for s in spans)
    assert facts["last_end_unix_nano"] == max(s["end"] for s in spans)


def test_the_counts_are_true(spans: list[Span], facts: dict[str, Any]):
    """Spans by service, kind and component; calls by tool; errors by type."""
    tools = [s["attributes"]["gen_ai.tool.name"] for s in spans if _kind(s) == "tool_call"]
    failed = [{name: what for name, _, what in s["events"]} for s in spans if s["status"] == ERROR]
    components = [s["attributes"].get("argus.component.type", "none") for s in spans]
    assert facts["spans_by_service"] == Counter(s["resource"]["service.name"] for s in spans)
    assert facts["spans_by_step_kind"] == Counter(_kind(s) for s in spans)
    assert facts["spans_by_component_type"] == Counter(components)
    assert facts["tool_calls_by_name"] == Counter(tools)
    assert facts["errors_by_type"] == Counter(events["argus.error"]["type"] for events in failed)
    assert all(events["exception"]["exception.stacktrace"] for events in failed)


def test_the_tokens_are_true(spans: list[Span], facts: dict[str, Any]):
    """Tokens by model; a number that no call of a model reports is null, not zero."""
    calls = [s["attributes"] | {"failed": s["status"] == ERROR} for s in spans if _kind(s) == "llm_call"]
    sums = {
        "input_tokens": ["input_tokens"],
        "output_tokens": ["output_tokens"],
        "cache_read_tokens": ["cache_read.input_tokens"],
        "cache_write_tokens": ["cache_creation.input_tokens", "cache_write.input_tokens"],
        "reasoning_tokens": ["reasoning.output_tokens"],
    }
    for model, expected in facts["models"].items():
        own = [call for call in calls if call["gen_ai.request.model"] == model]
        assert expected["calls"] == len(own)
        assert expected["failed_calls"] == sum(call["failed"] for call in own)
        for fact, keys in sums.items():
            names = [f"gen_ai.usage.{key}" for key in keys]
            numbers = [call[name] for call in own for name in names if name in call]
            assert expected[fact] == (sum(numbers) if numbers else None), (model, fact)


def test_tokens_add_up_within_each_call(spans: list[Span]):
    """Cached tokens are part of the input, reasoning is part of the output; no other span has usage."""
    for span in spans:
        usage = {k.removeprefix("gen_ai.usage."): v for k, v in span["attributes"].items() if "usage" in k}
        assert not usage or _kind(span) == "llm_call"
        cached = sum(number for name, number in usage.items() if name.startswith("cache_"))
        assert cached <= usage.get("input_tokens", 0)
        assert usage.get("reasoning.output_tokens", 0) <= usage.get("output_tokens", 0)


def test_the_deploy_left_its_marks(spans: list[Span], facts: dict[str, Any]):
    """Version 1.9.0 made lookup_order about three times slower and qwen3:8b much less reliable."""
    roots = {s["trace"]: s["start"] for s in spans if not s["parent"]}
    for side, version in (("before", "1.8.0"), ("after", "1.9.0")):
        own = [s for s in spans if (roots[s["trace"]] >= DEPLOYED) == (side == "after")]
        agent = [s for s in own if s["resource"]["service.name"] == "support-agent"]
        lookups = [s for s in own if s["name"] == "execute_tool lookup_order"]
        qwen = [s for s in own if s["attributes"].get("gen_ai.request.model") == "qwen3:8b"]
        failed = sum(s["status"] == ERROR for s in qwen)
        assert {s["resource"]["service.version"] for s in agent} == {version}
        assert facts["deploy"][side] == {
            "spans": len(own),
            "lookup_order_calls": len(lookups),
            "lookup_order_median_ms": round(median(s["end"] - s["start"] for s in lookups) / 1e6, 3),
            "qwen3_calls": len(qwen),
            "qwen3_failed_calls": failed,
            "qwen3_failure_rate": round(failed / len(qwen), 4),
        }
    before, after = facts["deploy"]["before"], facts["deploy"]["after"]
    assert 2.5 < after["lookup_order_median_ms"] / before["lookup_order_median_ms"] < 4.0
    assert after["qwen3_failure_rate"] > 3 * before["qwen3_failure_rate"]


def test_the_page_repeats_the_facts(facts: dict[str, Any]):
    """The tables of datasets/README.md say what the facts say."""
    page = (DATASETS / "README.md").read_text(encoding="utf-8")

    def row(label: str, *numbers: int | None) -> str:
        return " | ".join([f"| {label}", *("–" if n is None else f"{n:,}" for n in numbers)]) + " |"

    labels = {"traces": "traces (turns)", "llm_calls": "calls of a model", "tool_calls": "tool calls"}
    labels |= {
        "errors": "spans with status ERROR",
        "sessions": "sessions",
        "users": "users",
        "spans": "spans",
    }
    cells = ("calls", "failed_calls", "input_tokens", "cache_read_tokens", "cache_write_tokens")
    cells += ("output_tokens", "reasoning_tokens")
    before, after = facts["deploy"]["before"], facts["deploy"]["after"]
    medians = [f"{side['lookup_order_median_ms']:.0f} ms" for side in (before, after)]
    rates = [f"{side['qwen3_failure_rate']:.1%}" for side in (before, after)]
    expected = [
        *(row(label, facts[key]) for key, label in labels.items()),
        *(row(model, *(numbers[cell] for cell in cells)) for model, numbers in facts["models"].items()),
        row("`lookup_order` calls", before["lookup_order_calls"], after["lookup_order_calls"]),
        row("qwen3:8b calls", before["qwen3_calls"], after["qwen3_calls"]),
        row("qwen3:8b failed", before["qwen3_failed_calls"], after["qwen3_failed_calls"]),
        f"| `lookup_order` median | {' | '.join(medians)} |",
        f"| qwen3:8b failure rate | {' | '.join(rates)} |",
    ]
    assert [line for line in expected if line not in page.splitlines()] == []


# --- the conversations ------------------------------------------------------------------------


def test_prompts_grow_with_the_conversation(sessions: dict[str, list[Span]]):
    """Each call of the agent re-sends the whole history; the longest conversation has 8 turns or more."""
    longest = max(sessions.values(), key=lambda spans: len({s["trace"] for s in spans}))
    assert len({span["trace"] for span in longest}) >= 8
    calls = [{name: what for name, _, what in s["events"]} for s in _by_start(longest) if _is_call(s)]
    sent = [call["argus.input"]["messages"] for call in calls if "tools" in call["argus.input"]]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(sent))


def _is_call(span: Span) -> bool:
    return _kind(span) == "llm_call"


def _by_start(spans: list[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span["start"])


def test_some_tools_run_at_the_same_time(spans: list[Span]):
    """Parallel calls: two tool spans of one parent that overlap."""
    tools = [span for span in spans if _kind(span) == "tool_call"]
    starts = Counter((span["trace"], span["parent"], span["start"]) for span in tools)
    assert sum(count > 1 for count in starts.values()) > 20


def test_the_customers_speak_three_languages(spans: list[Span], facts: dict[str, Any]):
    """English, German and Chinese, with an emoji here and there."""
    asked = " ".join(e[2]["text"] for s in spans if _kind(s) == "user_message" for e in s["events"][:1])
    assert set(facts["sessions_by_language"]) == {"en", "de", "zh"}
    assert all(part in asked for part in ("order", "Bestellung", "订单", "👍"))


STORIES = {
    "story-runaway-loop": lambda s: (
        sum(x["name"] == "tools/call get_shipment" for x in s if _kind(x) == "tool_call") == 18
    ),
    "story-context-overflow": lambda s: any(
        x["attributes"].get("gen_ai.response.finish_reasons") == ["length"] for x in s
    ),
    "story-hallucinated-tool": lambda s: any(
        e[2].get("type") == "ToolNotFoundError" for x in s for e in x["events"]
    ),
    "story-prompt-injection": lambda s: any(
        "Ignore all previous instructions" in json.dumps(x["events"])
        for x in s
        if x["resource"]["service.name"] == "retrieval"
    ),
    "story-very-slow": lambda s: max(x["end"] - x["start"] for x in s) > 120 * 10**9,
    "story-gives-up": lambda s: (
        sum(_kind(x) == "user_message" for x in s) == 1 + sum(_kind(x) == "assistant_message" for x in s)
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_stories_are_there(name: str, sessions: dict[str, list[Span]], facts: dict[str, Any]):
    """Each story has its stable id and shows the problem it was written for."""
    spans = sessions[name]
    assert STORIES[name](spans)
    assert facts["stories"][name]["spans"] == len(spans)
    assert facts["stories"][name]["traces"] == len({span["trace"] for span in spans})
    assert facts["stories"][name]["errors"] == sum(span["status"] == ERROR for span in spans)
    assert name in (DATASETS / "README.md").read_text(encoding="utf-8")


def test_every_story_is_told(facts: dict[str, Any]):
    """No story is missing from these tests, and none is only in them."""
    assert set(facts["stories"]) == set(STORIES)
