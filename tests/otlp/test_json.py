"""OTLP/JSON as senders write it, well and badly: what becomes of each oddity."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from argus_lab.errors import MalformedPayload
from argus_lab.otlp import Export, Span, decode
from argus_lab.otlp.values import DEEPEST, load
from tests.otlp import sent

SPANS = "resourceSpans[0].scopeSpans[0].spans"


def _read(body: bytes) -> list[Span]:
    export = decode(body, "json")
    return [export.read(span) for _, _, span in export.spans()]


def _first(**fields: Any) -> Span:
    """A span with these fields, decoded; its neighbour must be there too."""
    first, second = _read(sent.body(sent.json_span(1, **fields), sent.json_span(2)))
    assert second.span_id.endswith("2")
    return first


def _value(value: Any) -> Any:
    return _first(attributes=[{"key": "k", "value": value}]).attributes["k"]


def _refused(*spans: Any) -> Export:
    """The export of a body with these spans and a good one behind them, which must be there."""
    export = decode(sent.body(*spans, sent.json_span(99)), "json")
    assert [export.read(span).span_id for _, _, span in export.spans()][-1] == f"{99:016x}"
    return export


# --- ids --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trace_id",
    [sent.TRACE, sent.TRACE.upper(), "W47/95gDgQPSabYzgT/GDA=="],
    ids=["lower", "upper", "base64"],
)
def test_ids_become_lower_case_hex(trace_id: str):
    """Hex in either case and base64 name the same trace."""
    assert _first(traceId=trace_id).trace_id == sent.TRACE


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("traceId", "", "missing"),
        ("traceId", None, "missing"),
        ("traceId", "0" * 32, "zeros"),
        ("traceId", "5b8efff7-9803-8103-d269-b633813fc60c", "hyphens"),
        ("traceId", "z" * 32, "no id"),
        ("traceId", "5b8e fff7 9803 8103 d269 b633 81", "no id"),
        ("traceId", "a" * 31, "31 characters"),
        ("spanId", "0" * 16, "zeros"),
        ("spanId", "AAAAAAAAAAA=", "12 characters"),
        ("spanId", "ä" * 16, "no id"),
    ],
)
def test_an_id_that_names_nothing_says_why(field: str, value: Any, why: str):
    """A span without identity is told apart from its neighbours, with path and reason."""
    export = decode(sent.body(sent.json_span(1, **{field: value}), sent.json_span(2)), "json")
    bad, good = [export.identify(span) for _, _, span in export.spans()]
    assert bad.path == f".{field}"
    assert why in bad.message
    assert good == (sent.TRACE, f"{2:016x}")


def test_parents_and_links_read_as_ids():
    """Parent and link ids are normalised; a bad parent is kept beside the column, not a refusal."""
    assert _first(parentSpanId="EEE19B7EC3C1B174").parent_span_id == "eee19b7ec3c1b174"
    assert _first(parentSpanId="").parent_span_id is None
    assert _first(parentSpanId="0" * 16).parent_span_id is None
    bad = _first(parentSpanId="none")
    assert (bad.parent_span_id, bad.unread) == (None, {"parent_span_id": "none"})
    link = _first(links=[{"traceId": sent.TRACE.upper(), "spanId": "not an id"}]).links[0]
    assert link == {"trace_id": sent.TRACE, "span_id": "not an id", "attributes": {}}


# --- numbers, times, enums --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "9223372036854775807"}, 2**63 - 1),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 9007199254740993}, 2**53 + 1),
        ({"intValue": "9223372036854775808"}, {"$int": "9223372036854775808"}),
        ({"intValue": 2**63}, {"$int": "9223372036854775808"}),
        ({"intValue": 2**70}, {"$int": str(2**70)}),
        ({"intValue": 5.0}, 5),
        ({"intValue": 5.5}, 5.5),
        ({"intValue": "five"}, "five"),
        ({"intValue": "1_0"}, "1_0"),
        ({"intValue": "٤"}, "٤"),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "1.5"}, 1.5),
        ({"doubleValue": "NaN"}, {"$double": "NaN"}),
        ({"doubleValue": "Infinity"}, {"$double": "Infinity"}),
        ({"doubleValue": "-Infinity"}, {"$double": "-Infinity"}),
        ({"doubleValue": None}, None),
        ({"doubleValue": "half"}, "half"),
        ({"boolValue": False}, False),
        ({"stringValue": ""}, ""),
        ({"bytesValue": "AAEC/w=="}, {"$bytes": "AAEC/w=="}),
        ({"bytesValue": "AAEC_w"}, {"$bytes": "AAEC/w=="}),
        ({"bytesValue": ""}, {"$bytes": ""}),
        ({"bytesValue": "no base64!"}, "no base64!"),
        ({"bytesValue": "!!!!"}, "!!!!"),
        ({"arrayValue": {}}, []),
        ({"arrayValue": {"values": None}}, []),
        ({"arrayValue": {"values": [None, {}, {"intValue": 1}]}}, [None, None, 1]),
        ({"kvlistValue": {}}, {}),
        ({"kvlistValue": {"values": [{"key": "$int", "value": {"intValue": 1}}]}}, {"$map": {"$int": 1}}),
        ({"kvlistValue": {"values": [{"key": "a"}, {"key": "a"}]}}, {"$pairs": [["a", None], ["a", None]]}),
        ({}, None),
        (None, None),
        ({"futureValue": 3}, None),
    ],
)
def test_every_spelling_of_a_value_keeps_its_type(value: Any, expected: Any):
    """What senders write for one kind of value has one normal form; what is no such value stays as sent."""
    found = _value(value)
    assert (found, type(found)) == (expected, type(expected))
    assert json.loads(json.dumps(found)) == found
    load(found)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e400", "9" * 5000])
@pytest.mark.parametrize("field", ["intValue", "doubleValue"])
def test_numbers_that_json_does_not_know_are_kept(literal: str, field: str):
    """Literals outside of JSON, or of Python's limits, lose neither the value nor the neighbour."""
    span = sent.json_span(1, attributes=[{"key": "k", "value": {field: "HERE"}}])
    first, _ = _read(sent.body(span, sent.json_span(2)).replace(b'"HERE"', literal.encode()))
    value = load(first.attributes["k"])
    assert str(value) in {"nan", "inf", "9" * 5000}
    assert json.loads(json.dumps(first.attributes, allow_nan=False))


@pytest.mark.parametrize(
    ("value", "start", "unread"),
    [
        ("1790000000000000000", 1790000000000000000, {}),
        (1790000000000000000, 1790000000000000000, {}),
        (1.79e18, 1790000000000000000, {}),
        ("18446744073709551615", 2**64 - 1, {}),
        (0, None, {}),
        ("0", None, {}),
        ("", None, {}),
        (None, None, {}),
        ("18446744073709551616", None, {"start_time": "18446744073709551616"}),
        (2**70, None, {"start_time": str(2**70)}),
        (-1, None, {"start_time": -1}),
        ("yesterday", None, {"start_time": "yesterday"}),
        (1.5, None, {"start_time": 1.5}),
    ],
)
def test_times_are_exact_or_told_apart(value: Any, start: int | None, unread: dict[str, Any]):
    """Nanoseconds are never rounded; a time that is none is null and stands in ``unread``."""
    span = _first(startTimeUnixNano=value)
    assert (span.start, span.unread) == (start, unread)


@pytest.mark.parametrize(
    ("value", "kind", "unread"),
    [
        (2, "SERVER", {}),
        ("2", "SERVER", {}),
        (2.0, "SERVER", {}),
        ("SPAN_KIND_SERVER", "SERVER", {}),
        (0, "UNSPECIFIED", {}),
        (None, "UNSPECIFIED", {}),
        (17, None, {"kind": 17}),
        ("SERVER-ISH", None, {"kind": "SERVER-ISH"}),
    ],
)
def test_enums_read_as_number_and_as_name(value: Any, kind: str | None, unread: dict[str, Any]):
    """Both spellings of the span kind; a kind of the future is null and kept."""
    span = _first(kind=value)
    assert (span.kind, span.unread) == (kind, unread)


def test_status_codes_read_as_number_and_as_name():
    """The status too, and its absence is UNSET."""
    assert _first(status={"code": "STATUS_CODE_ERROR", "message": "no"}).status == "ERROR"
    assert _first(status={"code": 1}).status == "OK"
    assert _first(status={}).status == "UNSET"
    assert _first(status=None).status == "UNSET"
    assert _first(status={"code": 9}).unread == {"status": 9}


@pytest.mark.parametrize("number", [2**32, 2**80, -1, "many", 0.5])
def test_counts_that_are_none_refuse_nothing(number: Any):
    """Impossible counts and flags anywhere leave the span in, and the raw JSON writable."""
    span = _first(
        flags=number,
        droppedAttributesCount=number,
        events=[{"name": "e", "timeUnixNano": number, "droppedAttributesCount": number}],
        links=[{"flags": number, "droppedAttributesCount": number}],
    )
    assert span.flags is None
    assert span.unread.keys() == {"flags", "dropped_attributes_count"}
    json.dumps([span.events, span.links, span.unread], allow_nan=False)
    assert str(load(span.events[0]["dropped_attributes_count"])) == str(number)


# --- names, nulls, duplicates -------------------------------------------------------------------------


def test_unknown_fields_are_ignored_at_every_level():
    """OTLP's rule for fields of the future: they change nothing."""

    def with_unknown(value: Any) -> Any:
        if isinstance(value, list):
            return [with_unknown(item) for item in value]
        if isinstance(value, dict):
            known = {key: with_unknown(item) for key, item in value.items()}
            return {**known, "fromTheFuture": [{"x": None}]}
        return value

    request = sent.request(sent.json_span())
    assert _read(json.dumps(with_unknown(request)).encode()) == _read(json.dumps(request).encode())


def test_snake_case_names_say_the_same():
    """The protobuf names of fields, which some senders write, are read like the JSON names."""

    def snake(value: Any) -> Any:
        if isinstance(value, list):
            return [snake(item) for item in value]
        if isinstance(value, dict):
            names = {key: "".join("_" + c.lower() if c.isupper() else c for c in key) for key in value}
            return {names[key]: snake(item) for key, item in value.items()}
        return value

    request = sent.request(sent.json_span(parentSpanId=sent.SPAN, traceState="a=b"))
    assert _read(json.dumps(snake(request)).encode()) == _read(json.dumps(request).encode())


def test_null_is_missing_at_every_field():
    """Each field of a whole request set to null in turn: no refusal of the request, no crash."""
    request = sent.request(sent.json_span(status={"code": 1, "message": "m"}), sent.json_span(2))
    request["resourceSpans"][0]["schemaUrl"] = "s"

    def places(value: Any, path: tuple[Any, ...] = ()):
        items = enumerate(value) if isinstance(value, list) else ()
        for key, item in value.items() if isinstance(value, dict) else items:
            if isinstance(value, dict):
                yield (*path, key)
            yield from places(item, (*path, key))

    tried = list(places(request))
    assert len(tried) > 40
    for path in tried:
        changed = json.loads(json.dumps(request))
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = None
        export = decode(json.dumps(changed).encode(), "json")
        assert not export.broken, path
        assert export.span_count == (0 if path[-1] in {"resourceSpans", "scopeSpans", "spans"} else 2), path


@pytest.mark.parametrize("field", ["attributes", "events", "links"])
def test_null_in_a_list_of_objects_is_refused_with_its_place(field: str):
    """A null where an object must stand: that span alone, by path."""
    export = _refused(sent.json_span(1, **{field: [None]}))
    (broken,) = export.broken
    assert broken.issues == [(f"{SPANS}[0].{field}[0]", "an object is expected, got null")]


def test_a_key_sent_twice_keeps_its_last_value_and_shows_the_others():
    """Duplicates lose nothing, not even where a sender uses the reserved name."""
    pairs = [("a", 1), ("b", 2), ("a", 3), ("a", 4)]
    attributes = [{"key": key, "value": {"intValue": value}} for key, value in pairs]
    assert _first(attributes=attributes).attributes == {"a": 4, "b": 2, "$duplicates": {"a": [1, 3]}}
    reserved = [{"key": "$duplicates", "value": {"intValue": 1}}, *attributes]
    assert _first(attributes=reserved).attributes == {
        "$$duplicates": 1,
        "a": 4,
        "b": 2,
        "$duplicates": {"a": [1, 3]},
    }


def test_many_duplicates_take_linear_time():
    """A hundred thousand attributes, each key twice, are read in a moment, not in minutes."""
    twice = [{"key": f"k{i // 2}", "value": {"intValue": i}} for i in range(100_000)]
    began = time.perf_counter()
    found = _first(attributes=twice).attributes
    assert time.perf_counter() - began < 20
    assert (len(found), found["k7"], found["$duplicates"]["k7"]) == (50_001, 15, [14])


@pytest.mark.parametrize(
    "body", [b'{"a": "' + b'\\"' * 500_000, b"[" * 4_000_000, b'{"":' * 2_000_000, b'"\\' * 500_000]
)
def test_hostile_text_takes_linear_time(body: bytes):
    """Texts that never end and brackets without number are refused in a moment, not in hours."""
    began = time.perf_counter()
    with pytest.raises(MalformedPayload):
        decode(body, "json")
    assert time.perf_counter() - began < 20


def test_ten_thousand_attributes_are_attributes():
    """Size alone is no problem of a span."""
    many = [{"key": f"k{i}", "value": {"intValue": i}} for i in range(10_000)]
    assert len(_first(attributes=many).attributes) == 10_000


# --- depth ------------------------------------------------------------------------------------------


def _nested(levels: int) -> bytes:
    return b'{"arrayValue":{"values":[' * levels + b'{"intValue":7}' + b"]}}" * levels


def _body_of_depth(levels: int) -> bytes:
    deep = sent.json_span(1, attributes=[{"key": "k", "value": "HERE"}])
    return sent.body(sent.json_span(2), deep, sent.json_span(3)).replace(b'"HERE"', _nested(levels))


@pytest.mark.parametrize("levels", [1, DEEPEST, DEEPEST + 1, 100, 300])
def test_deep_values_are_kept(levels: int):
    """Up to 64 levels as structure; what is deeper as its own JSON text."""
    _, span, _ = _read(_body_of_depth(levels))
    value, seen = span.attributes["k"], 0
    while isinstance(value, list):
        (value,), seen = value, seen + 1
    assert seen == min(levels, DEEPEST)
    if levels > DEEPEST:
        assert json.loads(value["$json"]) == json.loads(_nested(levels - DEEPEST))
    else:
        assert value == 7


def test_how_deep_a_parser_goes_decides_about_no_neighbour():
    """Levels that one Python's parser follows and another's does not: kept as text, or refused alone."""
    export = decode(_body_of_depth(2_000), "json")
    read = {span.span_id: span for span in map(export.read, (s for _, _, s in export.spans()))}
    assert {f"{2:016x}", f"{3:016x}"} <= read.keys()
    deep = read.get(f"{1:016x}")
    kept = json.dumps(deep.attributes["k"]) if deep else export.broken[0].body
    assert kept.count("arrayValue") >= 2_000 - DEEPEST
    assert len(read) + len(export.broken) == 3


def test_deeper_than_parsers_go_refuses_the_span_alone():
    """Nesting that no parser follows takes no neighbour with it; the refusal carries what was sent."""
    levels = 100_000
    export = decode(_body_of_depth(levels), "json")
    assert [export.read(span).span_id for _, _, span in export.spans()] == [f"{2:016x}", f"{3:016x}"]
    (broken,) = export.broken
    assert broken.issues[0].path == f"{SPANS}[1]"
    assert "nested deeper" in broken.issues[0].message
    assert _nested(levels).decode() in broken.body
    assert broken.body.startswith('{"resourceSpans":[{"resource":')


@pytest.mark.parametrize("place", ["resource", "scope"])
def test_deep_resources_refuse_their_spans_and_no_others(place: str):
    """A resource or scope that cannot be read is not silently half read."""
    request = sent.request(sent.json_span(1))
    deep = [{"key": "k", "value": "HERE"}]
    if place == "resource":
        request["resourceSpans"][0]["resource"]["attributes"] += deep
    else:
        request["resourceSpans"][0]["scopeSpans"][0]["scope"]["attributes"] = deep
    request["resourceSpans"] += sent.request(sent.json_span(2))["resourceSpans"]
    export = decode(json.dumps(request).encode().replace(b'"HERE"', _nested(100_000)), "json")
    assert [export.read(span).span_id for _, _, span in export.spans()] == [f"{2:016x}"]
    (broken,) = export.broken
    assert [issue.message for issue in broken.issues] == ["nested deeper than 300 levels; send it as text"]
    assert broken.span_id == f"{1:016x}"


def test_the_parsers_own_stand_in_cannot_be_forged():
    """A sender that writes the name of the stand-in for deep spans gets no special treatment."""
    export = _refused(sent.json_span(1, argusTooDeep=5, name=3), sent.json_span(2, argusTooDeep=[{}]))
    assert [b.issues[0].path for b in export.broken] == [f"{SPANS}[0].name"]
    assert isinstance(export.broken[0].body, str)


# --- text -------------------------------------------------------------------------------------------


def test_text_that_is_no_unicode_is_repaired_and_said():
    """Lone surrogates and invalid UTF-8 become U+FFFD, with a warning; NUL is text like any other."""
    export = decode(sent.body(sent.json_span(name="\ud800x\udfff", traceState="\0")), "json")
    (span,) = [export.read(span) for _, _, span in export.spans()]
    assert (span.name, span.trace_state) == ("\ufffdx\ufffd", "\0")
    assert [warning.message for warning in export.warnings] == [
        "lone surrogates in text were repaired with U+FFFD"
    ]
    export = decode(sent.body(sent.json_span(name="HERE")).replace(b"HERE", b"\xff\xc3("), "json")
    assert [export.read(span).name for _, _, span in export.spans()] == ["\ufffd\ufffd("]
    assert "UTF-8" in export.warnings[0].message


def test_text_that_is_unicode_is_left_alone():
    """Emoji, combining marks, U+FFFD itself and escapes of a pair come through without a warning."""
    name = "ü☂ 👩‍🚀 \ufffd e\u0301 \u2028 \x7f"
    for body in (sent.body(sent.json_span(name=name)), _unescaped(sent.request(sent.json_span(name=name)))):
        export = decode(body, "json")
        assert [export.read(span).name for _, _, span in export.spans()] == [name]
        assert not export.warnings


def _unescaped(request: Any) -> bytes:
    return json.dumps(request, ensure_ascii=False).encode()


# --- issues -----------------------------------------------------------------------------------------


def test_every_bad_span_is_reported_with_every_problem():
    """A body with several bad spans names all of them, each problem with its path, and keeps the good."""
    export = _refused(
        sent.json_span(1, name=5, kind=[]),
        None,
        sent.json_span(2),
        "span",
        sent.json_span(3, attributes=[{"key": "k", "value": {"stringValue": 1}}], events={}),
        sent.json_span(4, status=[], links=[{"attributes": [{"key": 0}]}]),
        {"traceId": 7},
    )
    assert [[tuple(issue) for issue in broken.issues] for broken in export.broken] == [
        [
            (f"{SPANS}[0].name", "a string is expected, got a number"),
            (f"{SPANS}[0].kind", "a number (or its decimal string) is expected, got a list"),
        ],
        [(f"{SPANS}[1]", "an object is expected, got null")],
        [(f"{SPANS}[3]", "an object is expected, got a string")],
        [
            (f"{SPANS}[4].attributes[0].value.stringValue", "a string is expected, got a number"),
            (f"{SPANS}[4].events", "a list is expected, got an object"),
        ],
        [
            (f"{SPANS}[5].links[0].attributes[0].key", "a string is expected, got a number"),
            (f"{SPANS}[5].status", "an object is expected, got a list"),
        ],
        [(f"{SPANS}[6].traceId", "a string is expected, got a number")],
    ]
    assert [group.places for group in export.groups] == [[2, 7]]
    assert export.span_count == 8


def test_a_bad_resource_refuses_its_own_spans_only():
    """Problems of resource and scope belong to the spans under them."""
    request = sent.request(sent.json_span(1))
    request["resourceSpans"][0]["resource"]["attributes"] = "none"
    request["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"] = 1
    request["resourceSpans"] += sent.request(sent.json_span(2))["resourceSpans"]
    export = decode(json.dumps(request).encode(), "json")
    assert [export.read(span).span_id for _, _, span in export.spans()] == [f"{2:016x}"]
    assert [issue.path for issue in export.broken[0].issues] == [
        "resourceSpans[0].resource.attributes",
        "resourceSpans[0].scopeSpans[0].scope.name",
    ]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b"", [""]),
        (b"null", [""]),
        (b"[]", [""]),
        (b"5", [""]),
        (b'{"resourceSpans": [', [""]),
        (b'{"resourceSpans": 5}', ["resourceSpans"]),
        (b'{"resourceSpans": [null, 5, {}]}', ["resourceSpans[0]", "resourceSpans[1]"]),
        (b'{"resourceSpans": [{"scopeSpans": 1}]}', ["resourceSpans[0].scopeSpans"]),
        (
            b'{"resourceSpans": [{"scopeSpans": ["x"]}, {"scopeSpans": [{"spans": {}}]}]}',
            ["resourceSpans[0].scopeSpans[0]", "resourceSpans[1].scopeSpans[0].spans"],
        ),
        (b"[" * 100_000, [""]),
        (b'{"a":' * 100_000, [""]),
        (b"\x00", [""]),
        (b"\xff\xfe{\x00}\x00", [""]),
    ],
)
def test_what_is_no_request_says_where_and_why(body: bytes, paths: list[str]):
    """A body without a span to save is malformed, with every problem of its frame."""
    with pytest.raises(MalformedPayload) as caught:
        decode(body, "json")
    assert [path for path, _ in caught.value.issues] == paths
    assert str(caught.value)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"resourceSpans": null}', b'{"resourceSpans": [{}, {"scopeSpans": [{}]}]}']
)
def test_empty_requests_are_requests(body: bytes):
    """Nothing to say is no error."""
    export = decode(body, "json")
    assert (export.span_count, export.broken) == (0, [])


# --- the edge sample ----------------------------------------------------------------------------------


def test_the_edge_sample_reads_as_its_expected_file_says():
    """Seven spans of encoding oddities: ids, times, kinds and every value, field by field."""
    expected = sent.sample("otlp_edge.expected.json")
    export = decode(json.dumps(sent.sample("otlp_edge.json")).encode(), "json")
    assert export.span_count == expected["span_count"]
    found = {span.span_id: span for span in (export.read(span) for _, _, span in export.spans())}
    for want in expected["spans"]:
        span = found[want["span_id"]]
        assert span.name == want["name"]
        assert span.status == want["status_code"]
        columns = {"trace_id": span.trace_id, "parent_span_id": span.parent_span_id}
        columns["start_unix_nano"] = span.start
        assert {key: value for key, value in columns.items() if key in want} == {
            key: want[key] for key in columns if key in want
        }
    values = {**expected["spans"][1]["attributes"], "y": b"\0\1\2\xff", "d.inf": float("-inf")}
    every = found["eee19b7ec3c1b175"]
    read = {key: load(value) for key, value in every.attributes.items()}
    assert str(read.pop("d.nan")) == "nan"
    assert read.pop("$duplicates") == {"dup": ["first"]}
    assert read.pop("dup") == "second"
    del values["d.nan"]
    assert {key: (value, type(value)) for key, value in read.items()} == {
        key: (value, type(value)) for key, value in values.items()
    }
    assert (every.flags, every.trace_state, every.dropped) == (257, "a=b", (2, None, None))


def test_indexed_keys_with_huge_numbers_are_just_keys():
    """Hostile list indices make no huge list: the attributes stay what they are."""
    export = decode(json.dumps(sent.sample("otlp_edge.json")).encode(), "json")
    (span,) = [s for s in (export.read(s) for _, _, s in export.spans()) if s.name == "hostile index"]
    assert span.attributes == {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "hi",
        "gen_ai.prompt.999999999.content": "sparse",
        "gen_ai.prompt.__proto__.content": "x",
        "gen_ai.prompt.-1.content": "neg",
        "gen_ai.request.model": "m",
    }
