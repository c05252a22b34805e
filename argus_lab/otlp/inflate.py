"""Undo a content encoding, with a cap on what comes out."""

from __future__ import annotations

import zlib
from typing import Any

from argus_lab.errors import MalformedPayload, PayloadTooLarge

__all__ = ["ENCODINGS", "inflate"]

ENCODINGS = ("identity", "gzip", "deflate")
"""Content encodings that are understood."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
_CHUNK = 8192  # bytes behind a gzip member are copied: in small pieces, many members stay linear
_DEFLATED = 8  # the compression method in a zlib header (RFC 1950)


def inflate(body: bytes, content_encoding: str | None, *, limit: int) -> bytes:
    """The body without its content encoding.

    Parameters
    ----------
    body
        As received.
    content_encoding
        The header's value: ``gzip``, ``deflate`` (zlib-wrapped or raw), ``identity`` or none.
    limit
        Most bytes that may come out, so that a small body cannot fill the memory.

    Raises
    ------
    PayloadTooLarge
        If more than ``limit`` bytes would come out.
    MalformedPayload
        If the encoding is unknown or the bytes are not of that encoding.

    Examples
    --------
    >>> import gzip
    >>> inflate(gzip.compress(b"spans"), "gzip", limit=100)
    b'spans'
    """
    name = (content_encoding or "identity").strip().lower()
    if name in {"identity", ""}:
        return _within(body, limit)
    if name in {"gzip", "x-gzip"}:
        return _inflated(body, _GZIP, limit)
    if name == "deflate":
        return _inflated(body, _ZLIB if _looks_like_zlib(body) else _RAW, limit)
    raise MalformedPayload(f"Content-Encoding {name!r} is not understood; send one of {', '.join(ENCODINGS)}")


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise PayloadTooLarge(_too_large(limit))
    return body


def _looks_like_zlib(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == _DEFLATED and (body[0] * 256 + body[1]) % 31 == 0


def _inflated(body: bytes, wbits: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    inflater = zlib.decompressobj(wbits)
    for start in range(0, len(body), _CHUNK):
        rest = body[start : start + _CHUNK]
        while rest:
            if inflater.eof and wbits == _GZIP:
                # A gzip file may hold several members, one after the other (RFC 1952).
                inflater = zlib.decompressobj(wbits)
            elif inflater.eof:
                return b"".join(parts)
            part = _part(inflater, rest, left, limit)
            left -= len(part)
            parts.append(part)
            rest = inflater.unused_data
    if body and not inflater.eof:
        raise MalformedPayload("the compressed body ends early; send it whole")
    return b"".join(parts)


def _part(inflater: Any, rest: bytes, left: int, limit: int) -> bytes:
    try:
        part: bytes = inflater.decompress(rest, left + 1)
    except zlib.error as error:
        raise MalformedPayload(f"the body is not of its Content-Encoding: {error}") from error
    if len(part) > left:
        raise PayloadTooLarge(_too_large(limit))
    return part


def _too_large(limit: int) -> str:
    return (
        f"the body is larger than {limit} bytes after inflating; "
        "send smaller batches, or raise the setting max_body (ARGUS_MAX_BODY)"
    )
