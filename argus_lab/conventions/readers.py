"""Readers of attribute values: the value a column can hold, or ``None``.

``None`` for an absent value and for one that cannot be read; the caller tells them apart with
:func:`is_absent`. Senders write numbers as text and lists as JSON text; both are read.
"""

from __future__ import annotations

import ast
import math
from typing import Any

import msgspec

from argus_lab.otlp.numbers import whole

__all__ = [
    "chosen",
    "count",
    "flag",
    "is_absent",
    "is_mark",
    "items",
    "literal",
    "number",
    "parsed",
    "signed",
    "text",
    "unquoted",
    "words",
]

_parse = msgspec.json.Decoder().decode
_write = msgspec.json.Encoder().encode
_INT64 = 2**63
_LONGEST_LITERAL = 100_000
_NOT_A_NUMBER = {"$double": "NaN"}
_MARKS = frozenset({"None", "<REDACTED>", "__REDACTED__"})
_SCRUBBED = "[Scrubbed due to "


def is_absent(value: Any) -> bool:
    """Whether the sender said nothing: null, empty text, or not-a-number."""
    if value is None or value == "":
        return True
    return type(value) is dict and value == _NOT_A_NUMBER


def is_mark(value: Any) -> bool:
    """Whether a mark stands in the place of a value that was withheld.

    Logfire, for one, scrubs whatever has "session" in its name: its mark is nobody's session.

    Examples
    --------
    >>> is_mark("[Scrubbed due to 'session']"), is_mark("<REDACTED>"), is_mark("s-1")
    (True, True, False)
    """
    return type(value) is str and (value in _MARKS or value.startswith(_SCRUBBED))


def parsed(value: Any) -> Any:
    """The value, with JSON text of an object or list read once."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _parse(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def literal(value: Any) -> Any:
    """The value, with JSON text or the text of a Python dict or list read once.

    Some senders write ``str(value)`` where JSON is meant. Only literals are read, and nothing is run.

    Examples
    --------
    >>> literal("{'city': 'Paris', 'days': None}")
    {'city': 'Paris', 'days': None}
    """
    found = parsed(value)
    if not isinstance(found, str) or found[:1] not in ("{", "[") or len(found) > _LONGEST_LITERAL:
        return found
    try:
        # Through JSON, so that nothing is left that JSON cannot say.
        return _parse(_write(ast.literal_eval(found)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OverflowError):
        return value


def unquoted(value: Any) -> Any:
    """The value of JSON text of any kind; other text as it is. Some senders write every value as JSON.

    Examples
    --------
    >>> unquoted('"AGENT"'), unquoted("0.2"), unquoted("plain")
    ('AGENT', 0.2, 'plain')
    """
    if not isinstance(value, str):
        return value
    try:
        return _parse(value)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return value


def text(value: Any) -> str | None:
    """Text; a number is written out."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def signed(value: Any) -> int | None:
    """A whole number in int64."""
    if isinstance(value, bool):
        return None
    found = whole(value)
    return found if found is not None and -_INT64 <= found < _INT64 else None


def count(value: Any) -> int | None:
    """A whole number that is not negative."""
    found = signed(value)
    return found if found is not None and found >= 0 else None


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def flag(value: Any) -> bool | None:
    """True or false, also as text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def items(value: Any) -> list[Any] | None:
    """A list, also as JSON text."""
    found = parsed(value)
    return found if isinstance(found, list) else None


def words(value: Any) -> list[str] | None:
    """A list of texts; one text alone is a list of one."""
    found = parsed(value)
    if isinstance(found, str):
        return [found]
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return found
    return None


def chosen(value: Any) -> str | None:
    """The first of a list of texts, or the text itself."""
    found = words(value)
    return found[0] if found else None
