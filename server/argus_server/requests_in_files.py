"""Export requests in a file, whichever way it was written, read without holding the file in memory.

Told apart by their first bytes: gzip by its magic number; protobuf messages that each carry their
length (the Collector's file exporter with ``format: proto``) by a zero byte, which no message
begins with; JSON by its brace; everything else is one protobuf message. JSON is lines if its first
line is a whole document.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

import msgspec

from argus_lab.errors import MalformedPayload, PayloadTooLarge
from argus_lab.otlp import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from argus_lab.errors import PayloadError
    from argus_lab.otlp import Encoding

__all__ = ["Found", "requests_in"]

GZIP_MAGIC: Final = b"\x1f\x8b"
PROTOBUF_FIRST_FIELD: Final = b"\n"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A request and its place in the file, or the problem that stands there instead."""

    body: bytes
    encoding: Encoding
    place: str
    problem: PayloadError | None = None


def requests_in(path: Path, limit: int, moved: Callable[[int], object]) -> Iterator[Found]:
    """Every request of a file, in order.

    Parameters
    ----------
    path
        The file.
    limit
        Most bytes one request may have.
    moved
        Called with the number of bytes of the file that have been read.
    """
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if zipped else raw)
        for found in _requests(file, limit):
            yield found
            moved(raw.tell())


def _requests(file: IO[bytes], limit: int) -> Iterator[Found]:
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
        yield from _json(file, limit)
    elif head.startswith(PROTOBUF_FIRST_FIELD) or not text[:1].isascii() or not text[:1].isalnum():
        yield _whole(file, "protobuf", limit)
    else:
        yield Found(b"", "json", "the file", MalformedPayload("it is neither OTLP JSON nor protobuf"))


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


def _json(file: IO[bytes], limit: int) -> Iterator[Found]:
    """JSON lines, or one document over many lines."""
    number, line = 0, b""
    while not line.strip():
        number, line = number + 1, file.readline(limit + 1)
    if not _is_document(line.removeprefix(BYTE_ORDER_MARK)):
        second = file.readline(limit + 1)
        file.seek(0)
        if not _is_document(second):
            yield _whole(file, "json", limit)
            return
        number, line = 1, file.readline(limit + 1)
    while line:
        if len(line) > limit:
            yield Found(b"", "json", f"line {number}", _too_large(limit))
            while line and not line.endswith(b"\n"):
                line = file.readline(limit + 1)
        elif body := line.removeprefix(BYTE_ORDER_MARK).strip():
            yield Found(body, "json", f"line {number}")
        number, line = number + 1, file.readline(limit + 1)


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
