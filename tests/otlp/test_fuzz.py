"""Bodies that nobody wrote: cut, flipped, mixed up. Never a crash, never a lost neighbour."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.conventions import admit
from argus_lab.errors import MalformedPayload
from argus_lab.lake.journal import Entry
from argus_lab.lake.rows import arrow_table, refused_rows, span_rows
from argus_lab.otlp import Encoding, Resource, Span, decode, encode
from argus_lab.schema import REFUSED, SPANS
from tests.otlp import sent

NOW = 1_790_000_000_000_000_000
OWNER = Resource({"argus.project": "bot", "service.name": "svc"})


def _to_rows(body: bytes, encoding: Encoding) -> tuple[list[dict[str, Any]], list[dict[str, Any]]] | None:
    """All the way that a body takes into the lake; ``None`` if it is malformed."""
    try:
        export = decode(body, encoding)
    except MalformedPayload as error:
        malformed = error
    else:
        malformed = None
    if malformed:
        assert malformed.issues
        return None
    verdict = admit(export, project="bot")
    tables = (
        arrow_table(SPANS, list(span_rows(export, verdict, NOW))),
        arrow_table(
            REFUSED, list(refused_rows(verdict.refusals, Entry(NOW, encoding, "bot", body), "place"))
        ),
    )
    for table in tables:
        table.validate(full=True)
    spans, refused = (table.to_pylist() for table in tables)
    assert len(spans) + len(refused) == export.span_count
    assert all(issue.message for issue in verdict.issues)
    assert bool(refused) == bool(verdict.issues)
    return spans, refused


def _span(number: int) -> Span:
    return Span(
        sent.TRACE,
        f"{number:016x}",
        name=f"span {number}",
        kind="CLIENT",
        start=NOW,
        end=NOW + number,
        attributes={"gen_ai.input.messages": '[{"role": "user", "content": "hi"}]', "list": [1, {"a": None}]},
        events=[{"time_unix_nano": 1, "name": "argus.input", "attributes": {"text": "hi"}}],
        links=[{"trace_id": sent.TRACE, "span_id": sent.SPAN, "attributes": {}}],
        status="OK",
    )


def _valid(encoding: Encoding) -> bytes:
    return encode([_span(n) for n in range(1, 4)], resource=OWNER, encoding=encoding)


def _mutated(body: bytes, dice: random.Random) -> bytes:
    """The body with some bytes changed, inserted, deleted, repeated, or its end cut off."""
    changed = bytearray(body)
    for _ in range(dice.choice([1, 1, 1, 2, 4, 16])):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                changed[at:at] = bytes(dice.choices(b'{}[]",:0\\\xff\x00', k=dice.randrange(1, 5)))
            case 2:
                del changed[at : at + dice.choice([1, 2, 8, 64])]
            case 3:
                changed[at:at] = changed[at : at + dice.choice([1, 8, 200])]
            case _:
                if dice.random() < 0.2:
                    del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("seed", range(4))
def test_broken_bytes_are_malformed_or_rows(encoding: Encoding, seed: int):
    """Hundreds of damaged bodies: each is refused as a whole with issues, or becomes writable rows."""
    dice = random.Random(seed)  # noqa: S311  a seeded corpus, no secret
    body = _valid(encoding)
    seen = {"malformed": 0, "rows": 0}
    for _ in range(400):
        seen["rows" if _to_rows(_mutated(body, dice), encoding) else "malformed"] += 1
    assert min(seen.values()) > 20, seen


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_every_truncation_is_malformed_or_rows(encoding: Encoding):
    """A body cut at any byte never crashes; JSON cut short is never taken for a request."""
    body = _valid(encoding)
    outcomes = [_to_rows(body[:end], encoding) for end in range(len(body))]
    if encoding == "json":
        assert not any(outcomes)


@given(st.binary(max_size=60), st.sampled_from(["json", "protobuf"]))
def test_noise_is_malformed_or_rows(body: bytes, encoding: Encoding):
    """Random bytes in either encoding."""
    _to_rows(body, encoding)


junk = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=6)
    | st.sampled_from(["0", "-1", "1e5", "NaN", "$bytes", "\ud800", "\0", "[1", '{"a": [', "9" * 40])
)
trees = st.recursive(
    junk, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, item in items for p in [(*path, key), *_places(item, (*path, key))]]


_JSON_SPAN = sent.json_span(
    2,
    attributes=[
        {"key": "a", "value": {"arrayValue": {"values": [{"kvlistValue": {"values": [{"key": "b"}]}}]}}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
        {"key": "argus.tags", "value": {"bytesValue": "AAEC"}},
    ],
    status={"message": "m", "code": 2},
    flags=1,
    parentSpanId=sent.SPAN,
    droppedEventsCount=1,
)


@given(st.sampled_from(_places(_JSON_SPAN)), trees)
def test_no_value_anywhere_in_a_span_harms_its_neighbours(place: tuple[Any, ...], value: Any):
    """Any JSON value in the place of any other inside one span: its neighbours are rows, come what may."""
    changed = json.loads(json.dumps(_JSON_SPAN))
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    rows = _to_rows(sent.body(sent.json_span(1), changed, sent.json_span(3)), "json")
    assert rows is not None
    assert {row["span_id"] for row in rows[0]} >= {f"{1:016x}", f"{3:016x}"}


_ENVELOPE = sent.request(sent.json_span(1))


@given(st.sampled_from([p for p in _places(_ENVELOPE) if "spans" not in p]), trees)
def test_no_value_anywhere_in_the_envelope_crashes(place: tuple[Any, ...], value: Any):
    """The same around the spans: resource, scope, lists and schema URLs."""
    changed = json.loads(json.dumps(_ENVELOPE))
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    _to_rows(json.dumps(changed).encode(), "json")


@given(st.data())
def test_protobuf_damage_inside_a_span_stays_there(data: st.DataObject):
    """Bytes changed inside one span, framing intact: the neighbours are rows, come what may."""
    spans = [encode([_span(n)], encoding="protobuf") for n in (1, 2, 3)]
    body = encode([_span(n) for n in (1, 2, 3)], resource=OWNER, encoding="protobuf")
    payload = _payload(spans[1])
    begin = body.index(payload)
    at = data.draw(st.integers(0, len(payload) - 1))
    new = data.draw(st.binary(min_size=1, max_size=8))[: len(payload) - at]
    damaged = bytearray(body)
    damaged[begin + at : begin + at + len(new)] = new
    rows = _to_rows(bytes(damaged), "protobuf")
    assert rows is not None
    assert len(rows[0]) + len(rows[1]) == 3
    whole = {(row["span_id"], row["name"], row["attributes"]) for row in rows[0]}
    undamaged = _to_rows(body, "protobuf")
    assert undamaged is not None
    first, _, third = undamaged[0]
    assert whole >= {(row["span_id"], row["name"], row["attributes"]) for row in (first, third)}


def _payload(request: bytes) -> bytes:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    parsed = ExportTraceServiceRequest.FromString(request)
    return parsed.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
