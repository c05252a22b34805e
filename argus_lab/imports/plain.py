"""Plain values as exports hold them: ids, moments and attributes in the forms of OTLP spans."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from argus_lab.errors import MalformedPayload
from argus_lab.otlp import Span
from argus_lab.otlp.ids import hex_id
from argus_lab.otlp.numbers import STATUS_NAMES
from argus_lab.otlp.values import attribute_map, double, integer, nested_map

__all__ = [
    "Fields",
    "attributes_of",
    "identity",
    "json_text",
    "moment",
    "parsed_json",
    "span_of",
    "without_nulls",
]

TRACE_DIGITS, SPAN_DIGITS = 32, 16
_FRACTION = re.compile(r"\.(\d+)")
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**64, 1))
"""Below which a number of seconds, milli-, micro- and nanoseconds since 1970 lies, and its nanoseconds."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fields(msgspec.Struct):
    """A span's fields as an export names them, not yet read."""

    trace_id: Any
    span_id: Any
    parent_id: Any
    name: Any = None
    start: Any = None
    end: Any = None
    status: Any = None
    status_message: Any = None
    attributes: Mapping[str, Any] = {}
    events: Any = None
    links: Any = None


def span_of(sent: Fields) -> Span:
    """The span; what cannot be read is kept as an attribute ``imported.*``.

    Raises
    ------
    MalformedPayload
        If it has no ids.

    Examples
    --------
    >>> span = span_of(Fields("tr-" + "a" * 32, "step 7", None, "x", 1.5e9, None, "OK", None, {}, None))
    >>> span.trace_id[:4], span.start, span.attributes
    ('aaaa', 1500000000000000000, {'imported.span_id': 'step 7'})
    """
    kept: dict[str, Any] = {}
    parent = None
    if not _is_missing(sent.parent_id):
        parent = _identified("parent_id", sent.parent_id, SPAN_DIGITS, kept)
    span = Span(
        _identified("trace_id", sent.trace_id, TRACE_DIGITS, kept),
        _identified("span_id", sent.span_id, SPAN_DIGITS, kept),
        parent,
        name=None if sent.name is None else str(sent.name),
        start=_timed("start_time", sent.start, kept),
        end=_timed("end_time", sent.end, kept),
        status=_status(sent.status, kept),
        status_message=None if _is_missing(sent.status_message) else str(sent.status_message),
        events=_listed("events", sent.events, _event, kept),
        links=_listed("links", sent.links, _link, kept),
    )
    span.attributes = attributes_of({**sent.attributes, **kept})
    return span


def identity(sent: Any, digits: int) -> tuple[str, bool]:
    """An id as hex digits, and whether it had to be made up from what was sent.

    Hex and base64 are read, with what MLflow (``tr-``) and Python (``0x``) write before them. Any other
    text always gives the same id.

    Examples
    --------
    >>> identity("0xab", 16), identity("EIdpHIywpx0=", 16), identity("7", 16)
    (('00000000000000ab', False), ('1087691c8cb0a71d', False), ('e75017cace788f82', True))
    """
    text = str(sent).strip()
    short = text.rsplit("/", 1)[-1] if text.startswith("trace:/") else text
    short = short.removeprefix("tr-")
    if short.startswith("0x"):
        short = short[2:].zfill(digits)
    exact = hex_id(short, digits)
    if exact is not None:
        return exact, False
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=digits // 2).hexdigest(), True


def moment(sent: Any) -> int | None:
    """Nanoseconds since 1970 of a time in any usual form; ``None`` if it is none.

    Examples
    --------
    >>> moment("2026-11-22T08:29:48.008216Z"), moment(1795336443166469)
    (1795336188008216000, 1795336443166469000)
    """
    if isinstance(sent, bool):
        return None
    if isinstance(sent, datetime):
        sent = sent.isoformat()
    if isinstance(sent, str):
        is_number = sent.isascii() and sent.isdigit() and len(sent) <= _MOST_DIGITS
        return _epoch_moment(int(sent)) if is_number else _iso(sent)
    if isinstance(sent, float):
        return _epoch_moment(sent) if math.isfinite(sent) else None
    return _epoch_moment(sent) if isinstance(sent, int) else None


def _epoch_moment(number: float) -> int | None:
    """Nanoseconds of a number of seconds, milli-, micro- or nanoseconds, told apart by its size."""
    unit = next((unit for most, unit in _UNITS if 0 < number < most), None)
    return None if unit is None else int(number * unit)


def _iso(text: str) -> int | None:
    """Nine digits of a second, where datetime keeps six; without a zone it is UTC."""
    try:
        whole = datetime.fromisoformat(_FRACTION.sub("", text.strip()))
    except ValueError:
        return None
    seconds = (whole if whole.tzinfo else whole.replace(tzinfo=UTC)) - _EPOCH
    fraction = _FRACTION.search(text)
    nanos = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return (seconds.days * 86_400 + seconds.seconds) * 10**9 + nanos


def attributes_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes whose values are plain Python values, as spans hold them (otlp/values.py)."""
    return attribute_map([(str(key), _value(value)) for key, value in sent.items()])


def _value(sent: Any) -> Any:  # noqa: PLR0911  one branch a kind of value
    match sent:
        case None | bool() | str():
            return sent
        case int():
            return integer(sent)
        case float():
            return double(sent)
        case bytes():
            return sent
        case list() | tuple():
            return [_value(item) for item in sent]
        case Mapping():
            return nested_map([(str(key), _value(item)) for key, item in sent.items()])
    return str(sent)


def without_nulls(sent: Any) -> Any:
    """The value without keys that are null: a column of structs gives every row every key.

    Examples
    --------
    >>> without_nulls({"a": None, "b": [{"c": None, "d": 1}, None]})
    {'b': [{'d': 1}, None]}
    """
    if isinstance(sent, dict):
        return {key: without_nulls(value) for key, value in sent.items() if value is not None}
    return [without_nulls(item) for item in sent] if isinstance(sent, list) else sent


def parsed_json(text: bytes | str) -> Any:
    r"""The value of JSON text, also of what Python's ``json`` writes and JSON does not allow.

    NaN and infinity are read; text that is no valid Unicode is repaired with U+FFFD.

    Raises
    ------
    MalformedPayload
        If it is no JSON.

    Examples
    --------
    >>> parsed_json('{"score": NaN, "half": "\\ud83c"}')
    {'score': nan, 'half': '�'}
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = text if isinstance(text, str) else text.decode("utf-8", "replace")
    try:
        return _repaired(json.loads(whole))
    except ValueError as error:
        raise MalformedPayload(f"not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedPayload("the JSON is nested too deeply") from error


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    return (
        {_repaired(key): _repaired(item) for key, item in value.items()} if isinstance(value, dict) else value
    )


def json_text(sent: Any) -> str:
    """A value as JSON text; text as it is."""
    return sent if isinstance(sent, str) else msgspec.json.encode(sent, enc_hook=str).decode()


def _is_missing(sent: Any) -> bool:
    return sent is None or sent == "" or (isinstance(sent, float) and math.isnan(sent))


def _identified(name: str, sent: Any, digits: int, kept: dict[str, Any]) -> str:
    if _is_missing(sent):
        raise MalformedPayload(f"a span has no {name}")
    found, is_made = identity(sent, digits)
    if is_made:
        kept[f"imported.{name}"] = str(sent)
    return found


def _timed(name: str, sent: Any, kept: dict[str, Any]) -> int | None:
    found = moment(sent)
    if found is None and sent != 0 and not _is_missing(sent):
        kept[f"imported.{name}"] = sent
    return found


def _status(sent: Any, kept: dict[str, Any]) -> str | None:
    """The code as number or name; MLflow has words of its own for a span that has not ended."""
    if _is_missing(sent):
        return None
    word = sent.upper() if isinstance(sent, str) else str(sent)
    found = STATUS_NAMES.get(sent if isinstance(sent, int) else word) or STATUS_NAMES.get(
        f"STATUS_CODE_{word}"
    )
    if found is None:
        kept["imported.status"] = sent
    return found


def _listed(
    name: str, sent: Any, read: Callable[[Mapping[str, Any]], dict[str, Any]], kept: dict[str, Any]
) -> list[dict[str, Any]]:
    items = parsed_json(sent) if isinstance(sent, str) and sent[:1] == "[" else sent
    if _is_missing(items):
        return []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        kept[f"imported.{name}"] = sent
        return []
    return [read(item) for item in items]


def _event(sent: Mapping[str, Any]) -> dict[str, Any]:
    at = next((sent[key] for key in ("time_unix_nano", "timestamp") if not _is_missing(sent.get(key))), None)
    kept: dict[str, Any] = {}
    rest = _others(sent, ("name", "timestamp", "time_unix_nano", "attributes"))
    time = _timed("time", at, kept)
    attributes = attributes_of({**(sent.get("attributes") or {}), **rest, **kept})
    return {"time_unix_nano": time or 0, "name": str(sent.get("name") or ""), "attributes": attributes}


def _link(sent: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    rest = _others(sent, ("trace_id", "span_id", "attributes"))
    trace_id = _identified("trace_id", sent.get("trace_id"), TRACE_DIGITS, kept)
    span_id = _identified("span_id", sent.get("span_id"), SPAN_DIGITS, kept)
    attributes = attributes_of({**(sent.get("attributes") or {}), **rest, **kept})
    return {"trace_id": trace_id, "span_id": span_id, "attributes": attributes}


def _others(sent: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    left = {key: value for key, value in sent.items() if key not in known}
    return {f"imported.{key}": value for key, value in left.items() if not _is_missing(value)}
