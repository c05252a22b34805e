"""Published payloads, posted as they are: the reference system's example and the OTLP specification's."""

from __future__ import annotations

import gzip
import json

import httpx

from tests.otlp.sent import DATA
from tests.receiver.conftest import PATIENCE, Running
from tests.senders.conftest import Arrived

JSON = {"Content-Type": "application/json"}


def test_the_reference_example_gives_six(receiver: Running, arrived: Arrived):
    """The reference system's own example payload is answered with exactly what it answers itself."""
    body = (DATA / "reference-example-trace.json").read_bytes()
    for headers, data in ((JSON, body), ({**JSON, "Content-Encoding": "gzip"}, gzip.compress(body))):
        answer = httpx.post(f"{receiver.url}/v1/traces", content=data, headers=headers, timeout=PATIENCE)
        assert (answer.status_code, answer.json()) == (200, {"accepted": 6})
    spans = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    rows = arrived(spans[0]["traceId"])
    assert {span_id: row["name"] for span_id, row in rows.items()} == {s["spanId"]: s["name"] for s in spans}
    assert {row["project"] for row in rows.values()} == {"demo"}
    for span in spans:
        row = rows[span["spanId"]]
        assert row["start_unix_nano"] == int(span["startTimeUnixNano"])
        assert row["duration_ns"] == int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
        assert row["parent_span_id"] == span.get("parentSpanId")


def test_the_specifications_example_needs_a_project_only(receiver: Running, arrived: Arrived):
    """OTLP's own example: refused without a project, taken in with the header, field by field."""
    body = (DATA / "otlp-example-trace.json").read_bytes()
    url = f"{receiver.url}/v1/traces"
    refused = httpx.post(url, content=body, headers=JSON, timeout=PATIENCE)
    assert refused.status_code == 400
    assert [issue["path"] for issue in refused.json()["issues"]] == ["resourceSpans[0].resource"]
    headers = {**JSON, "X-Argus-Project": "from-header"}
    answer = httpx.post(url, content=body, headers=headers, timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    ((span_id, row),) = arrived("5b8efff798038103d269b633813fc60c").items()
    assert span_id == "eee19b7ec3c1b174"
    expected = {
        "project": "from-header",
        "service": "my.service",
        "parent_span_id": "eee19b7ec3c1b173",
        "name": "I'm a server span",
        "kind": "SERVER",
        "start_unix_nano": 1544712660000000000,
        "duration_ns": 10**9,
        "status": "UNSET",
        "scope_name": "my.library",
        "scope_version": "1.0.0",
        "scope": {"my.scope.attribute": "some scope attribute"},
        "attributes": {"my.span.attr": "some value"},
        "resource": {"service.name": "my.service"},
        "events": None,
        "links": None,
        "dialect": None,
    }
    assert {name: row[name] for name in expected} == expected
