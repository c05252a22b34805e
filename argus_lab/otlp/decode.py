"""One door for both encodings: the fast way first, the patient way where it fails."""

from __future__ import annotations

import msgspec
from google.protobuf.message import DecodeError

from argus_lab.otlp import from_json, from_protobuf, patient_json, patient_protobuf
from argus_lab.otlp.export import Encoding, Export

__all__ = ["decode"]

_SNAKE_CASE = (b'"resource_spans"', b'"scope_spans"')


def decode(body: bytes, encoding: Encoding) -> Export:
    """Parse an export request.

    Well-formed bodies take one typed pass. Others are read patiently, so that a broken span never
    takes its neighbours with it: broken ones are in ``Export.broken`` with every issue, text that is
    no valid Unicode is repaired with U+FFFD and reported in ``Export.warnings``.

    Raises
    ------
    MalformedPayload
        If the body is not an export request at all; its ``issues`` say where.

    Examples
    --------
    >>> decode(b'{"resourceSpans": []}', "json").span_count
    0
    >>> decode(b"", "protobuf").span_count
    0
    """
    if encoding == "protobuf":
        try:
            return from_protobuf.parse(body)
        except DecodeError:
            return patient_protobuf.parse(body)
    if any(name in body for name in _SNAKE_CASE):
        return patient_json.parse(body)
    try:
        return from_json.parse(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return patient_json.parse(body)
