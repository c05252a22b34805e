"""HTTP answers: success in the encoding of the request, and the head that every answer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from sanic.response import HTTPResponse

from argus_server.problems import JSON_LIMIT, Problem, body_of, clean, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from argus_lab.otlp import Encoding

__all__ = ["encoding_of", "json_answer", "nothing", "problem", "refusal_message", "success"]

# Exact strings: the Collector ignores a body whose type carries parameters.
CONTENT_TYPES: Final[Mapping[Encoding, str]] = {
    "json": "application/json",
    "protobuf": "application/x-protobuf",
}
MESSAGE_LIMIT: Final = 2_000


def encoding_of(content_type: str | None) -> Encoding | None:
    """The encoding that a ``Content-Type`` names, whatever its parameters; None if unknown.

    >>> encoding_of("application/json; charset=utf-8"), encoding_of("text/plain")
    ('json', None)
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return "json"
    return "protobuf" if kind == "application/x-protobuf" else None


def success(
    encoding: Encoding, accepted: int, refused: int, issues: Sequence[tuple[str, str]]
) -> HTTPResponse:
    """200: how many spans are durable, and which were refused beside them."""
    message = refusal_message(refused, issues) if refused else ""
    headers = {"X-Argus-Accepted": str(accepted)}
    if encoding == "protobuf":
        answer = ExportTraceServiceResponse()
        if refused:
            partial = ExportTracePartialSuccess(rejected_spans=refused, error_message=message)
            answer.partial_success.CopyFrom(partial)
        return _answer(200, encoding, answer.SerializeToString(), headers)
    body: dict[str, Any] = {"accepted": accepted}
    if refused:
        # proto3 JSON writes 64-bit integers as strings
        body["partialSuccess"] = {"rejectedSpans": str(refused), "errorMessage": message}
        body["issues"] = listed(issues, JSON_LIMIT)
    return _answer(200, encoding, msgspec.json.encode(body), headers)


def refusal_message(refused: int, issues: Sequence[tuple[str, str]]) -> str:
    """How many spans were refused, where they are, and the first reason."""
    spans = "1 span was" if refused == 1 else f"{refused} spans were"
    message = f"{spans} refused and put aside in the lake's refused table"
    if issues:
        path, reason = issues[0]
        more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
        message += clean(f": {path}: {reason}")[:MESSAGE_LIMIT] + more
    return message


def nothing(encoding: Encoding) -> HTTPResponse:
    """200 for logs and metrics: an empty OTLP success."""
    return _answer(200, encoding, b"{}" if encoding == "json" else b"", {})


def problem(found: Problem, encoding: Encoding) -> HTTPResponse:
    """The answer that a problem is."""
    return _answer(found.status, encoding, body_of(found, encoding), found.headers)


def json_answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> HTTPResponse:
    """An answer of ours that is no OTLP: health, flush."""
    return _answer(status, "json", msgspec.json.encode(body), headers or {})


def _answer(status: int, encoding: Encoding, body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
    return HTTPResponse(body, status=status, headers=dict(headers), content_type=CONTENT_TYPES[encoding])
