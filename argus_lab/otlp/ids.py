"""Trace and span ids: hex or base64 in, lower-case hex out."""

from __future__ import annotations

import base64
import binascii

__all__ = ["hex_id", "id_problem"]


def hex_id(text: str, digits: int) -> str | None:
    """``text`` as lower-case hex of ``digits`` digits, or ``None`` if it is no valid id.

    Hex of the right length is tried first, since it is valid base64 as well. An id of zeros is
    invalid (OpenTelemetry's trace.proto).

    Examples
    --------
    >>> hex_id("EEE19B7EC3C1B174", 16)
    'eee19b7ec3c1b174'
    >>> hex_id("7uGbfsPBsXQ=", 16)
    'eee19b7ec3c1b174'
    >>> hex_id("0000000000000000", 16) is None
    True
    """
    try:
        if len(text) == digits:
            raw = bytes.fromhex(text)
        elif len(text) == -(-digits // 6) * 4:
            raw = base64.b64decode(text, validate=True)
        else:
            return None
    except (ValueError, binascii.Error):
        return None
    if len(raw) * 2 != digits or not any(raw):
        return None
    return raw.hex()


def id_problem(name: str, text: str, digits: int) -> str:
    """What is wrong with an id that :func:`hex_id` refused, and the cure.

    Examples
    --------
    >>> id_problem("traceId", "5b8efff7-9803-8103-d269-b633813fc60c", 32)
    'traceId has hyphens like a UUID; send its 32 hex digits without them'
    """
    if not text:
        return f"{name} is missing; {digits} hex digits are expected"
    if len(text) == digits and not text.strip("0"):
        return f"{name} is all zeros, which names nothing"
    if "-" in text and len(text.replace("-", "")) == digits:
        return f"{name} has hyphens like a UUID; send its {digits} hex digits without them"
    return (
        f"{name} is no id: {digits} hex digits (or base64 of {digits // 2} bytes) are expected, "
        f"got {len(text)} characters"
    )
