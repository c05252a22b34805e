"""The contract of ``POST /v1/traces``: what is answered to what."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

EXAMPLE = Path(__file__).parents[2] / "datasets" / "example-trace.json"


def issues_of(answer: httpx.Response, encoding: str) -> list[tuple[str, str]]:
    """The problems an error answer names, whichever encoding it is in."""
    if encoding == "json":
        return [(issue["path"], issue["message"]) for issue in answer.json()["issues"]]
    detail = BadRequest()
    status = Status.FromString(answer.content)
    assert status.details[0].Unpack(detail)
    return [(violation.field, violation.description) for violation in detail.field_violations]


def test_success_mirrors_the_encoding(client, kit, encoding):
    """A good request is answered 200 in its own encoding, with exactly its Content-Type."""
    encode, headers = kit.ENCODED[encoding]
    answer = client.post("/v1/traces", content=encode(kit.export(kit.span(), kit.span())), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == headers["Content-Type"]
    assert answer.headers["x-argus-accepted"] == "2"
    assert "alt-svc" not in answer.headers
    if encoding == "json":
        assert answer.json() == {"accepted": 2}
    else:
        assert answer.content == b""


def test_example_of_the_documentation(client, kit):
    """The file that the README posts with curl is accepted whole."""
    answer = client.post("/v1/traces", content=EXAMPLE.read_bytes(), headers=kit.JSON)
    assert answer.json() == {"accepted": 8}


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;a=b; c=d"],
)
def test_content_type_parameters(client, kit, content_type):
    """Parameters and case of the Content-Type do not matter, and are not in the answer's."""
    body = kit.as_json(kit.export(kit.span()))
    answer = client.post("/v1/traces", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"]
)
def test_unknown_content_type(client, kit, content_type):
    """A type that is neither of the two is answered 415, in JSON that says which there are."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post("/v1/traces", content=kit.as_json(kit.export(kit.span())), headers=headers)
    assert answer.status_code == 415
    assert "application/x-protobuf" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/v1/traces/", "/v1/traces?x=1"])
def test_trailing_slash_is_no_redirect(client, kit, path):
    """A trailing slash or a query works as well: clients take a redirect for success and lose the batch."""
    answer = client.post(path, content=kit.as_json(kit.export(kit.span())), headers=kit.JSON)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_content_encodings(client, kit, encoding, name, compress):
    """Gzip and deflate (zlib-wrapped as SDKs send it, and raw) are inflated, whatever the encoding."""
    encode, headers = kit.ENCODED[encoding]
    body = compress(encode(kit.export(kit.span())))
    answer = client.post("/v1/traces", content=body, headers={**headers, "Content-Encoding": name})
    assert (answer.status_code, answer.headers["x-argus-accepted"]) == (200, "1")


def test_unknown_content_encoding(client, kit, encoding):
    """Another compression is answered 400, as the Collector does, and names those that work."""
    encode, headers = kit.ENCODED[encoding]
    body = encode(kit.export(kit.span()))
    answer = client.post("/v1/traces", content=body, headers={**headers, "Content-Encoding": "br"})
    assert answer.status_code == 400
    assert b"gzip" in answer.content


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_broken_compression(client, kit, encoding, name):
    """Bytes that are not of their Content-Encoding are a 400, not an error of the server."""
    encode, headers = kit.ENCODED[encoding]
    body = encode(kit.export(kit.span()))
    answer = client.post("/v1/traces", content=body, headers={**headers, "Content-Encoding": name})
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans": []}', b'{"resourceSpans": [{}]}'])
def test_empty_json_request(client, kit, body):
    """A request without spans is a success, as OTLP asks."""
    answer = client.post("/v1/traces", content=body, headers=kit.JSON)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0})


def test_empty_protobuf_request(client, kit):
    """Zero bytes are the empty protobuf message, and so a success."""
    answer = client.post("/v1/traces", content=b"", headers=kit.PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "body", [b"", b"  ", b"{", b"null", b"[1]", b'"text"', b"\xff\xfe", b'{"resourceSpans": 5}']
)
def test_malformed_json(client, kit, body):
    """What is no OTLP/JSON is a 400 with both contracts in one object."""
    answer = client.post("/v1/traces", content=body, headers=kit.JSON)
    assert answer.status_code == 400
    found = answer.json()
    assert (found["code"], found["error"], found["details"]) == (3, "invalid_otlp_payload", [])
    assert found["message"]
    assert all(set(issue) == {"path", "message"} for issue in found["issues"])


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\xff\xff", b'{"resourceSpans": []}'])
def test_malformed_protobuf(client, kit, body):
    """What is no protobuf message is a 400 with a google.rpc.Status."""
    answer = client.post("/v1/traces", content=body, headers=kit.PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(answer.content)
    assert status.code == 3
    assert status.message


def test_without_project(client, kit, encoding):
    """Spans that name no project are refused with the path of their resource, and the cure."""
    encode, headers = kit.ENCODED[encoding]
    body = encode(kit.export(kit.span(), kit.span(), project=None))
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, headers["Content-Type"])
    [(path, message)] = issues_of(answer, encoding)
    assert path == "resourceSpans[0].resource"
    assert "argus.project" in message


def test_without_service(client, kit, encoding):
    """Spans with neither argus.service nor service.name are refused."""
    encode, headers = kit.ENCODED[encoding]
    answer = client.post("/v1/traces", content=encode(kit.export(kit.span(), service=None)), headers=headers)
    assert answer.status_code == 400
    assert "service.name" in issues_of(answer, encoding)[0][1]


def test_project_from_the_header(client, kit, encoding):
    """X-Argus-Project stands in for the resource attribute."""
    encode, headers = kit.ENCODED[encoding]
    body = encode(kit.export(kit.span(), project=None))
    answer = client.post("/v1/traces", content=body, headers={**headers, "X-Argus-Project": "from-header"})
    assert (answer.status_code, answer.headers["x-argus-accepted"]) == (200, "1")


def test_header_that_is_no_text(client, kit):
    """A header of arbitrary bytes gets an answer of the contract."""
    body = kit.as_json(kit.export(kit.span(), project=None))
    headers = [(b"Content-Type", b"application/json"), (b"X-Argus-Project", b"\xff\xfe\xed\xa0\x80")]
    answer = client.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code in {200, 400}


def test_partial_success(client, kit, encoding):
    """Refused spans cost their neighbours nothing, and the answer tells how many and why."""
    encode, headers = kit.ENCODED[encoding]
    good, bad = kit.export(kit.span(), kit.span()), kit.export(kit.span(), project=None)
    request = {"resourceSpans": good["resourceSpans"] + bad["resourceSpans"]}
    answer = client.post("/v1/traces", content=encode(request), headers=headers)
    assert (answer.status_code, answer.headers["x-argus-accepted"]) == (200, "2")
    if encoding == "json":
        found = answer.json()
        assert found["accepted"] == 2
        assert found["partialSuccess"]["rejectedSpans"] == "1"
        assert "argus.project" in found["partialSuccess"]["errorMessage"]
        assert [issue["path"] for issue in found["issues"]] == ["resourceSpans[1].resource"]
    else:
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_spans == 1
        assert "argus.project" in partial.error_message


def test_every_issue_is_told(client, kit):
    """All problems of a request are listed, each with its own path."""
    bad_ids = [kit.span(traceId="xyz"), kit.span(), kit.span(spanId="0" * 16)]
    request = kit.export(*bad_ids)
    answer = client.post("/v1/traces", content=kit.as_json(request), headers=kit.JSON)
    assert answer.json()["accepted"] == 1
    paths = [issue["path"] for issue in answer.json()["issues"]]
    assert [p.partition("spans[")[2][0] for p in paths] == ["0", "2"]


def test_very_many_issues_end_with_their_number(client, kit, encoding):
    """The list of issues is bounded, and says how many it leaves out: no silent limit."""
    encode, headers = kit.ENCODED[encoding]
    count = 12_000
    groups = [kit.export(kit.span(name="x"), project=None)["resourceSpans"][0] for _ in range(count)]
    answer = client.post("/v1/traces", content=encode({"resourceSpans": groups}), headers=headers)
    assert answer.status_code == 400
    found = issues_of(answer, encoding)
    more = int(found[-1][1].removesuffix(" more"))
    assert len(found) - 1 + more == count
    assert len(answer.content) < 2 * 1024 * 1024


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(client, method):
    """Only POST is taken; the answer says so and no page of HTML is sent."""
    answer = client.request(method, "/v1/traces")
    assert answer.status_code == (403 if method == "OPTIONS" else 405)
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/trace", "/traces", "/api/public/otel/v1/traces", "/%ff%fe"]
)
def test_other_addresses(client, kit, path):
    """An unknown address is a 404 that lists those there are."""
    answer = client.post(path, content=b"{}", headers=kit.JSON)
    assert answer.status_code == 404
    assert "/v1/traces" in answer.json()["message"]


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_other_signals(client, kit, encoding, signal):
    """Logs and metrics get an empty success in their encoding, since SDKs send them here too."""
    _, headers = kit.ENCODED[encoding]
    answer = client.post(f"/v1/{signal}", content=b"whatever" * 1000, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, headers["Content-Type"])
    assert answer.content == (b"{}" if encoding == "json" else b"")


def test_keep_alive_after_every_kind_of_answer(client, kit):
    """One connection serves success, refusal and error one after the other, bodies read or not."""
    good = kit.as_json(kit.export(kit.span()))
    cases = [
        (good, kit.JSON, 200),
        (b"{", kit.JSON, 400),
        (good, {"Content-Type": "text/plain"}, 415),
        (b" " * 5_000_000, kit.JSON, 413),
        (good, kit.JSON, 200),
    ]
    ports = set()
    for body, headers, status in cases:
        answer = client.post("/v1/traces", content=body, headers=headers)
        assert answer.status_code == status
        ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


def test_cross_origin(client, kit):
    """A page of a listed origin may post; any other gets no permission."""
    listed = {"Origin": "http://page.example"}
    answer = client.options("/v1/traces", headers={**listed, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://page.example"
    assert "content-type" in answer.headers["access-control-allow-headers"]
    body = kit.as_json(kit.export(kit.span()))
    answer = client.post("/v1/traces", content=body, headers={**kit.JSON, **listed})
    assert answer.headers["access-control-allow-origin"] == "http://page.example"
    answer = client.options("/v1/traces", headers={"Origin": "http://evil.example"})
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)


def test_both_ports_answer(launch, kit):
    """Every port that was asked for takes spans."""
    running = launch(ports=(0, 0))
    assert len(running.urls) == 2
    for url in running.urls:
        body = kit.as_json(kit.export(kit.span()))
        assert httpx.post(f"{url}/v1/traces", content=body, headers=kit.JSON).json() == {"accepted": 1}
