"""The converters alone: any nesting is undone, any time and id is read, and nothing else than told breaks."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from argus_lab.errors import MalformedPayload
from argus_lab.imports import parsed_json, read_record, records_of
from argus_lab.imports.plain import identity, moment
from argus_lab.otlp import decode, encode

WORDS = st.text("abcxyz_äß", min_size=1, max_size=6)
LEAVES = st.one_of(
    st.text(max_size=8),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.one_of(LEAVES, st.lists(LEAVES, max_size=3))
NESTED = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.dictionaries(WORDS, inner, min_size=1, max_size=3),
        st.lists(st.dictionaries(WORDS, inner, min_size=1, max_size=2), min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def _paths(key: str, value: Any) -> dict[str, Any]:
    """The attributes that Phoenix nests into this value."""
    below = list(value.items()) if isinstance(value, dict) else []
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        below = list(enumerate(value))
    if not below:
        return {key: value}
    return {path: leaf for name, item in below for path, leaf in _paths(f"{key}.{name}", item).items()}


@given(WORDS.map("own.".__add__), NESTED)
def test_nested_attributes_are_the_flat_ones_again(key: str, value: Any):
    """Maps and lists of maps become names with dots; every value stays as it is."""
    row = {"name": "x", "context.trace_id": "a" * 32, "context.span_id": "b" * 16, f"attributes.{key}": value}
    (span,) = read_record(row).spans
    assert span.attributes == _paths(key, value)


@given(
    st.binary(min_size=16, max_size=16).filter(any), st.sampled_from(["hex", "HEX", "base64", "tr-", "0x"])
)
def test_an_id_is_the_same_in_every_form(raw: bytes, form: str):
    """Hex in both cases, base64, MLflow's and Python's prefixes: the same sixteen bytes."""
    sent = {
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "base64": base64.b64encode(raw).decode(),
        "tr-": f"tr-{raw.hex()}",
        "0x": hex(int.from_bytes(raw, "big")),
    }
    assert identity(sent[form], 32) == (raw.hex(), False)


@given(st.text(min_size=1), st.sampled_from([16, 32]))
def test_any_text_is_an_id(sent: str, digits: int):
    """Whatever stands where an id should, the id is valid, and the same each time."""
    found, _ = identity(sent, digits)
    assert len(bytes.fromhex(found)) * 2 == digits
    assert identity(sent, digits)[0] == found


@given(st.integers(10**15, 4 * 10**15))
def test_a_moment_is_the_same_in_every_form(micros: int):
    """ISO 8601 in any zone, a datetime, and numbers of any unit mean the same nanoseconds."""
    exact = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    nanos = micros * 1000
    assert (
        moment(exact) == moment(exact.isoformat()) == moment(exact.strftime("%Y-%m-%dT%H:%M:%S.%fZ")) == nanos
    )
    assert moment(exact.replace(tzinfo=None).isoformat()) == nanos
    assert moment(micros) == moment(nanos) == moment(str(micros)) == nanos
    assert moment(micros // 1000) == nanos // 10**6 * 10**6


def test_no_moment():
    """What names no time is none."""
    assert [moment(sent) for sent in (None, True, "", "soon", -1, 0, float("nan"), float("inf"), [], {})] == [
        None
    ] * 10


NAMES = (
    *(
        "context",
        "context.trace_id",
        "context.span_id",
        "trace_id",
        "span_id",
        "info",
        "data",
        "spans",
        "trace",
    ),
    *("span_kind", "attributes", "attributes.llm", "events", "links", "start_time"),
    *(
        "start_time_unix_nano",
        "status",
        "status_code",
        "parent_id",
        "tags",
        "trace_metadata",
        "request_id",
        "name",
        "metadata.x",
    ),
)
KEYS = st.sampled_from(NAMES)
ANY = st.recursive(
    st.one_of(st.none(), LEAVES, st.just("a" * 32), st.just("b" * 16)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=20,
)


@given(ANY)
def test_no_document_breaks_the_converters(document: Any):
    """Any JSON is no export, or spans that can be written as OTLP, or told to be malformed."""
    for record in records_of(document) or []:
        try:
            spans = read_record(record).spans
        except MalformedPayload:
            continue
        assert decode(encode(spans), "json").span_count == len(spans)


@given(
    st.recursive(st.one_of(st.none(), LEAVES, st.floats()), lambda x: st.lists(x, max_size=3), max_leaves=5)
)
def test_what_python_writes_is_read(value: Any):
    """Python's json writes NaN and infinity, which JSON does not have; both are read."""
    assert repr(parsed_json(json.dumps(value))) == repr(value)
