"""Export requests in a file, whichever way it was written, read without holding the file in memory.

Told apart by their first bytes: gzip and Parquet by their magic numbers; protobuf messages that each
carry their length (the Collector's file exporter with ``format: proto``) by a zero byte, which no
message begins with; JSON by its brace or bracket; everything else is one protobuf message. JSON is
lines if its first line is a whole object. What is no request may be an export of Phoenix or MLflow;
such a document, if it is not one of many lines, is held in memory.
"""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, Final, cast

import msgspec

from argus_lab.errors import MalformedPayload, PayloadTooLarge
from argus_lab.files.exports import in_document, in_parquet
from argus_lab.files.found import Found
from argus_lab.imports import parsed_json
from argus_lab.otlp import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from argus_lab.otlp import Encoding

__all__ = ["requests_in"]

GZIP_MAGIC: Final = b"\x1f\x8b"
PARQUET_MAGIC: Final = b"PAR1"
REQUEST: Final = ("resourceSpans", "resource_spans")
"""By which an export request is told from what other systems export."""
PROTOBUF_FIRST_FIELD: Final = b"\n"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LENGTH_BYTES: Final = 4


def requests_in(
    path: Path, limit: int, moved: Callable[[int], object], project: str | None = None
) -> Iterator[Found]:
    """Every request of a file, in order.

    Parameters
    ----------
    path
        The file.
    limit
        Most bytes one request may have.
    moved
        Called with the number of bytes of the file that have been read.
    project
        Project to use where a trace says no more than the id of an MLflow experiment.
    """
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if zipped else raw)
        if file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
            size = path.stat().st_size
            yield from in_parquet(file, limit, project, lambda part: moved(int(part * size)))
            return
        file.seek(0)
        for found in _requests(file, limit, project):
            yield found
            moved(raw.tell())


def _requests(file: IO[bytes], limit: int, project: str | None) -> Iterator[Found]:
    head = file.read(4096)
    file.seek(0)
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not head:
        yield Found(b"", "json", "the file", MalformedPayload("it is empty"))
    elif head.startswith(b"\0"):
        yield from _measured(file, limit)
    elif head.startswith(PROTOBUF_FIRST_FIELD) and (message := _message(file, limit)):
        yield message
    elif text.startswith(b"{"):
        yield from _json(file, limit, project)
    elif text.startswith(b"["):
        yield from _document(file.read().removeprefix(BYTE_ORDER_MARK), "the file", limit, project)
    elif head.startswith(PROTOBUF_FIRST_FIELD) or not text[:1].isascii() or not text[:1].isalnum():
        yield _whole(file, "protobuf", limit)
    else:
        yield Found(b"", "json", "the file", MalformedPayload(_NEITHER))


_NEITHER: Final = (
    "it is neither OTLP (JSON or protobuf) nor an export of Phoenix or MLflow (JSON or Parquet): "
    "see docs/howto/import-files.md"
)


def _message(file: IO[bytes], limit: int) -> Found | None:
    """The file as one protobuf message; None if it is none. A newline begins both kinds of file."""
    found = _whole(file, "protobuf", limit)
    try:
        if found.problem is None:
            decode(found.body, "protobuf")
            return found
    except MalformedPayload:
        pass  # then it is JSON behind an empty line, or damaged; the caller looks further
    file.seek(0)
    return None


def _whole(file: IO[bytes], encoding: Encoding, limit: int) -> Found:
    body = file.read(limit + 1)
    if len(body) > limit:
        return Found(b"", encoding, "the file", _too_large(limit))
    return Found(body.removeprefix(BYTE_ORDER_MARK) if encoding == "json" else body, encoding, "the file")


def _json(file: IO[bytes], limit: int, project: str | None) -> Iterator[Found]:
    """JSON lines, or one document over many lines."""
    number, line = 0, b""
    while not line.strip():
        number, line = number + 1, file.readline(limit + 1)
    if not _is_document(line.removeprefix(BYTE_ORDER_MARK)):
        second = file.readline(limit + 1)
        file.seek(0)
        if not _is_document(second):
            yield from _one_document(file, limit, project)
            return
        number, line = 1, file.readline(limit + 1)
    while line:
        if len(line) > limit:
            yield Found(b"", "json", f"line {number}", _too_large(limit))
            while line and not line.endswith(b"\n"):
                line = file.readline(limit + 1)
        elif body := line.removeprefix(BYTE_ORDER_MARK).strip():
            yield from _document(body, f"line {number}", limit, project)
        number, line = number + 1, file.readline(limit + 1)


def _one_document(file: IO[bytes], limit: int, project: str | None) -> Iterator[Found]:
    body = file.read(limit + 1)
    if len(body) > limit:
        if any(name.encode() in body[:4096] for name in REQUEST):
            yield Found(b"", "json", "the file", _too_large(limit))
            return
        body += file.read()
    yield from _document(body.removeprefix(BYTE_ORDER_MARK), "the file", limit, project)


def _document(body: bytes, place: str, limit: int, project: str | None) -> Iterator[Found]:
    """The requests of one JSON document: itself, or what an export of another system becomes."""
    keys = _keys(body)
    if keys is None or not any(name in keys for name in REQUEST):
        try:
            requests = in_document(parsed_json(body), place, limit, project)
        except MalformedPayload as error:
            yield Found(b"", "json", place, error)
            return
        if requests is not None:
            yield from requests
            return
        if keys is None or not _may_be_request(keys):
            yield Found(b"", "json", place, MalformedPayload(_NEITHER))
            return
    if len(body) > limit:
        yield Found(b"", "json", place, _too_large(limit))
    else:
        yield Found(body, "json", place)


def _may_be_request(keys: frozenset[str]) -> bool:
    """An empty object is an empty request."""
    return not keys or not keys.isdisjoint(REQUEST)


def _keys(body: bytes) -> frozenset[str] | None:
    """The names in a JSON object; ``None`` if it is no object, or cannot be read quickly."""
    try:
        return frozenset(_OBJECT.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _is_document(line: bytes) -> bool:
    """Whether a line is a JSON object on its own."""
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _measured(file: IO[bytes], limit: int) -> Iterator[Found]:
    number = 0
    while head := file.read(LENGTH_BYTES):
        number += 1
        size = int.from_bytes(head, "big")
        place = f"message {number}"
        if size > limit:
            yield Found(b"", "protobuf", place, _too_large(limit))
            file.seek(size, 1)
            continue
        body = file.read(size)
        if len(head) < LENGTH_BYTES or len(body) < size:
            yield Found(b"", "protobuf", place, MalformedPayload("the file ends in the middle of it"))
            return
        yield Found(body, "protobuf", place)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"it is larger than {limit} bytes; write smaller batches, or raise --max-body (ARGUS_MAX_BODY)"
    )
