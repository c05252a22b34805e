"""Every answer that is not a success, in the encoding of the request.

JSON answers merge two contracts in one object: OTLP's ``google.rpc.Status`` (``code``,
``message``, ``details``) and ours (``error``, ``issues``). Protobuf answers are a
``google.rpc.Status`` whose details hold a ``google.rpc.BadRequest``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import BadRequest  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argus_lab.otlp import Encoding

__all__ = ["Problem", "body_of", "clean", "listed"]

RETRY_SECONDS: Final = {429: 1, 503: 2}
JSON_LIMIT: Final = 1024 * 1024
PROTOBUF_LIMIT: Final = 60 * 1024  # the OpenTelemetry Collector reads at most 64 KiB of an answer

_CODES: Final = {
    400: (3, "invalid_otlp_payload"),
    403: (7, "forbidden"),
    404: (5, "not_found"),
    405: (12, "method_not_allowed"),
    408: (4, "timeout"),
    413: (8, "payload_too_large"),
    415: (3, "unsupported_media_type"),
    429: (8, "overloaded"),
    503: (14, "unavailable"),
}


class Problem(Exception):
    """An answer other than success.

    Parameters
    ----------
    status
        HTTP status.
    message
        What happened, where, and what to do about it.
    issues
        Every problem found in the body, as ``(path, message)``.
    error
        Code of the problem; by default that of the status.
    """

    def __init__(
        self,
        status: int,
        message: str,
        issues: Sequence[tuple[str, str]] = (),
        *,
        error: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.issues = issues
        self.code, self.error = _CODES.get(status, (2, "failed"))
        self.error = error or self.error
        self.headers: dict[str, str] = {}
        if seconds := RETRY_SECONDS.get(status):
            self.headers["Retry-After"] = str(seconds)


def clean(text: str) -> str:
    r"""Text that both encodings can carry: lone surrogates become question marks.

    >>> clean("caf\u00e9 \ud800")
    'café ?'
    """
    return text.encode("utf-8", "replace").decode()


def listed(issues: Iterable[tuple[str, str]], limit: int) -> list[dict[str, str]]:
    """The issues as objects, as many as fit into ``limit`` bytes; a last entry says how many did not.

    >>> listed([("resourceSpans[0]", "no project")] * 3, limit=60)
    [{'path': 'resourceSpans[0]', 'message': 'no project'}, {'path': '', 'message': '2 more'}]
    """
    kept: list[dict[str, str]] = []
    used = more = 0
    for path, message in issues:
        used += len(path) + len(message) + 30  # the keys, quotes and braces around the two
        if used > limit:
            more += 1
        else:
            kept.append({"path": clean(path), "message": clean(message)})
    if more:
        kept.append({"path": "", "message": f"{more} more"})
    return kept


def body_of(problem: Problem, encoding: Encoding) -> bytes:
    """The answer's body in the encoding of the request."""
    if encoding == "protobuf":
        return _protobuf(problem)
    return msgspec.json.encode(
        {
            "code": problem.code,
            "message": clean(problem.message),
            "details": [],
            "error": problem.error,
            "issues": listed(problem.issues, JSON_LIMIT),
        }
    )


def _protobuf(problem: Problem) -> bytes:
    status = Status(code=problem.code, message=clean(problem.message))
    if problem.issues:
        violations = [
            BadRequest.FieldViolation(field=issue["path"], description=issue["message"])
            for issue in listed(problem.issues, PROTOBUF_LIMIT)
        ]
        detail = AnyMessage()
        detail.Pack(BadRequest(field_violations=violations))
        status.details.append(detail)
    return bytes(status.SerializeToString())
