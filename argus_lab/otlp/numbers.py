"""Numbers of a span as columns can hold them; what they cannot hold is reported, never guessed."""

from __future__ import annotations

import math
from typing import Any

from argus_lab.schema import SPAN_KINDS, STATUS_CODES

__all__ = ["KIND_NAMES", "STATUS_NAMES", "count", "enum_name", "nano", "whole"]

_UINT64 = 2**64
_MOST_DIGITS = 32

KIND_NAMES: dict[Any, str] = {
    **dict(enumerate(SPAN_KINDS)),
    **{f"SPAN_KIND_{name}": name for name in SPAN_KINDS},
}
STATUS_NAMES: dict[Any, str] = {
    **dict(enumerate(STATUS_CODES)),
    **{f"STATUS_CODE_{name}": name for name in STATUS_CODES},
}


def whole(value: Any) -> int | None:
    """A whole number sent as number or decimal string; ``None`` if it is none.

    Examples
    --------
    >>> whole("42"), whole(5.0), whole(5.5), whole("abc")
    (42, 5, None, None)
    """
    if type(value) is int:
        return value
    try:
        if isinstance(value, str):
            # int() alone would also take "1_0", " 1" and other scripts' digits.
            plain = value.isascii() and value.lstrip("-").isdigit() and len(value) <= _MOST_DIGITS
            return int(value) if plain else None
        if isinstance(value, float) and value.is_integer():
            return int(value)
    except ValueError:
        return None
    return None


def nano(value: Any, column: str, unread: dict[str, Any]) -> int | None:
    """A time in nanoseconds since 1970: fixed64, 0 meaning unknown."""
    if value is None or value == "":
        return None
    number = whole(value)
    if number is None or not 0 <= number < _UINT64:
        unread[column] = _shown(value)
        return None
    return number or None


def count(value: Any, column: str, unread: dict[str, Any]) -> int | None:
    """A count or bit field; ``None`` for 0, which OTLP does not tell from missing."""
    if value is None:
        return None
    number = whole(value)
    if number is None or not 0 <= number < 2**32:
        unread[column] = _shown(value)
        return None
    return number or None


def enum_name(value: Any, names: dict[Any, str], column: str, unread: dict[str, Any]) -> str | None:
    """The name of an enum sent as number or name; missing is the enum's zero."""
    number = 0 if value is None else value
    if isinstance(number, str) and number not in names:
        as_number = whole(number)
        number = number if as_number is None else as_number
    found = names.get(number)
    if found is None:
        unread[column] = _shown(value)
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
