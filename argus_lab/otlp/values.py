"""Attribute values in plain JSON, types kept.

What JSON can say is said plainly: text, booleans, null, whole numbers (int64, exact), doubles
(always with a point or an exponent), lists, maps. What it cannot say is a map with one reserved
key:

======================  =====================================================
``{"$bytes": "AAEC"}``  bytes, base64
``{"$double": "NaN"}``  a double that JSON has no number for (NaN, Infinity, -Infinity)
``{"$int": "2^63.."}``  a whole number outside int64, as its digits
``{"$map": {...}}``     a map that would otherwise look like one of these
``{"$pairs": [...]}``   a map with a key given twice: its [key, value] pairs in order
``{"$json": "..."}``    nesting deeper than 64 levels, as OTLP/JSON text
======================  =====================================================

In an attribute map a key sent twice keeps its last value; the earlier ones stand under
``"$duplicates"``.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import msgspec

__all__ = ["DEEPEST", "RESERVED", "attribute_map", "double", "dump", "integer", "load", "nested_map"]

DEEPEST = 64
"""Levels of nesting kept as structure; deeper values are kept as text."""

RESERVED = frozenset({"$bytes", "$double", "$int", "$map", "$pairs", "$json"})
_INT64 = 2**63

dump_bytes = msgspec.json.Encoder().encode


def dump(value: Any) -> str:
    """JSON text of a value in this form."""
    return dump_bytes(value).decode()


def load(value: Any) -> Any:
    r"""The Python value of a parsed value: bytes, NaN, big integers and maps restored.

    Examples
    --------
    >>> load({"$bytes": "AAEC/w=="})
    b'\x00\x01\x02\xff'
    >>> load([{"$double": "-Infinity"}, {"$map": {"$int": 1}}])
    [-inf, {'$int': 1}]
    """
    if isinstance(value, list):
        return [load(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, inner), *_ = value.items()
        if key in RESERVED:
            return _untagged(key, inner)
    return {key: load(item) for key, item in value.items()}


def _untagged(key: str, inner: Any) -> Any:
    match key:
        case "$bytes":
            return base64.b64decode(inner)
        case "$double":
            return float(inner)
        case "$int":
            return int(inner)
        case "$map":
            return {name: load(item) for name, item in inner.items()}
        case "$pairs":
            return {name: load(item) for name, item in inner}
    return inner


def double(value: float) -> Any:
    """A double; tagged where JSON has no number for it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return {"$double": "NaN"}
    return {"$double": "Infinity" if value > 0 else "-Infinity"}


def integer(value: int) -> Any:
    """A whole number; tagged where int64 cannot hold it."""
    return value if -_INT64 <= value < _INT64 else {"$int": str(value)}


def nested_map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A map inside a value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        return {"$pairs": [list(pair) for pair in pairs]}
    if len(found) == 1 and next(iter(found)) in RESERVED:
        return {"$map": found}
    return found


def attribute_map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The attributes of a span, event, link, scope or resource.

    Examples
    --------
    >>> attribute_map([("a", 1), ("b", 2), ("a", 3)])
    {'a': 3, 'b': 2, '$duplicates': {'a': [1]}}
    """
    found = dict(pairs)
    if len(found) == len(pairs) and "$duplicates" not in found:
        return found
    if "$duplicates" in found:
        pairs = [("$" + key if key == "$duplicates" else key, value) for key, value in pairs]
        found = dict(pairs)
    by_key: dict[str, list[Any]] = {}
    for key, value in pairs:
        by_key.setdefault(key, []).append(value)
    earlier = {key: values[:-1] for key, values in sorted(by_key.items()) if len(values) > 1}
    if earlier:
        found["$duplicates"] = earlier
    return found
