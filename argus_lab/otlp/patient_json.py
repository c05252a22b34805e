"""OTLP/JSON that the typed pass refused, read patiently: every problem named, no neighbour lost."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from types import UnionType
from typing import Any

import msgspec

from argus_lab.errors import MalformedPayload
from argus_lab.otlp import json_types as wire
from argus_lab.otlp.export import Broken, Export, Group, Issue
from argus_lab.otlp.from_json import export_of_request, identify, read

__all__ = ["parse"]

DEEPEST_SPAN = 300
"""Levels of JSON inside a span that are read; deeper spans are refused, alone."""

_SPAN_LEVEL = 7  # {resourceSpans: [ {scopeSpans: [ {spans: [ {
# A text that never ends is one token too, and nothing is tried twice: time stays linear.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SNAKE = re.compile(r"_([a-z])")
_TOO_DEEP = "argusTooDeep"
_MOST_DIGITS = 1000
_MOST_DEPTH = 1_000_000


def parse(body: bytes) -> Export:
    """The export of a body that is JSON in some way; raises ``MalformedPayload`` if it is not."""
    text = body.decode("utf-8", "replace")
    warnings = [Issue("", "text that is no valid UTF-8 was repaired with U+FFFD")]
    warnings = warnings if text.encode("utf-8", "replace") != body else []
    request = _loaded(_shallow(text))
    if not isinstance(request, dict):
        raise _malformed([Issue("", f"an object is expected, got {_kind(request)}")])
    request, repaired = _scrubbed(request)
    if repaired:
        warnings.append(Issue("", "lone surrogates in text were repaired with U+FFFD"))
    envelope = list(_envelope_problems(request))
    if envelope:
        raise _malformed(envelope)
    export = Export("json", [], identify, read, warnings=warnings)
    for i, sent in enumerate(request.get("resourceSpans") or ()):
        for j, scope_spans in enumerate(sent.get("scopeSpans") or ()):
            _add_group(export, sent, scope_spans, f"resourceSpans[{i}].scopeSpans[{j}]")
    return export


def _malformed(issues: list[Issue]) -> MalformedPayload:
    where = issues[0].path or "the body"
    return MalformedPayload(f"{where}: {issues[0].message}", issues)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_int)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _malformed([Issue("", f"not JSON: {error.msg} at {where}")]) from error
    except RecursionError as error:
        raise _malformed([Issue("", "the JSON is nested too deeply outside of spans")]) from error


def _int(digits: str) -> int | str:
    """Python converts no numbers of thousands of digits; these stay text."""
    return int(digits) if len(digits) < _MOST_DIGITS else digits


def _shallow(text: str) -> str:
    """The text with each too deeply nested span replaced by a stand-in that carries its source."""
    depth, deepest, begin, done = 0, 0, 0, 0
    parts: list[str] = []
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            depth += 1
            if depth == _SPAN_LEVEL:
                begin, deepest = token.start(), depth
            deepest = max(deepest, depth)
            if depth > _MOST_DEPTH:
                raise _malformed([Issue("", "the JSON is nested too deeply")])
        elif mark in "}]":
            if depth == _SPAN_LEVEL and deepest > _SPAN_LEVEL + DEEPEST_SPAN:
                source = text[begin : token.end()]
                parts += [text[done:begin], json.dumps({_TOO_DEEP: source})]
                done = token.end()
            depth -= 1
    return "".join(parts) + text[done:] if parts else text


def _scrubbed(request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Without lone surrogates, and with lowerCamelCase names."""
    repaired = False

    def text(value: str) -> str:
        nonlocal repaired
        clean = _SURROGATE.sub("\ufffd", value)
        repaired = repaired or clean != value
        return clean

    def scrub(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [scrub(item) for item in value]
        if isinstance(value, dict):
            return {_camel(text(key)): scrub(item) for key, item in value.items()}
        return value

    return scrub(request), repaired


def _camel(name: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), name) if "_" in name else name


def _envelope_problems(request: dict[str, Any]) -> Iterator[Issue]:
    """Problems that leave no span to save: lists that are no lists, members that are no objects."""
    yield from _list_problems(request, "resourceSpans", "")
    for i, sent in enumerate(_objects(request.get("resourceSpans"))):
        yield from _list_problems(sent, "scopeSpans", f"resourceSpans[{i}].")
        for j, scope_spans in enumerate(_objects(sent.get("scopeSpans"))):
            yield from _list_problems(
                scope_spans, "spans", f"resourceSpans[{i}].scopeSpans[{j}].", members=False
            )


def _list_problems(parent: dict[str, Any], name: str, path: str, *, members: bool = True) -> Iterator[Issue]:
    found = parent.get(name)
    if found is None:
        return
    if not isinstance(found, list):
        yield Issue(f"{path}{name}", f"a list is expected, got {_kind(found)}")
        return
    for index, item in enumerate(found if members else ()):
        if not isinstance(item, dict):
            yield Issue(f"{path}{name}[{index}]", f"an object is expected, got {_kind(item)}")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _add_group(export: Export, sent: dict[str, Any], scope_spans: dict[str, Any], path: str) -> None:
    head, _, _ = path.partition(".")
    around = [
        *_problems(wire.Resource, sent.get("resource"), f"{head}.resource"),
        *_problems(wire.InstrumentationScope, scope_spans.get("scope"), f"{path}.scope"),
        *_scalar_problems(str | None, sent.get("schemaUrl"), f"{head}.schemaUrl"),
        *_scalar_problems(str | None, scope_spans.get("schemaUrl"), f"{path}.schemaUrl"),
    ]
    spans: list[Any] = []
    places: list[int] = []
    for index, span in enumerate(scope_spans.get("spans") or ()):
        issues = around + list(_span_problems(span, f"{path}.spans[{index}]"))
        if issues:
            export.broken.append(_broken(sent, scope_spans, span, issues))
        else:
            spans.append(span)
            places.append(index)
    if spans:
        export.groups.append(_typed_group(sent, {**scope_spans, "spans": spans}, path, places))


def _typed_group(sent: dict[str, Any], scope_spans: dict[str, Any], path: str, places: list[int]) -> Group:
    request = {"resourceSpans": [{**sent, "scopeSpans": [scope_spans]}]}
    group = export_of_request(msgspec.convert(request, wire.Request)).groups[0]
    group.path, group.places = path, places
    return group


def _span_problems(span: Any, path: str) -> Iterator[Issue]:
    if span is None:
        yield Issue(path, "an object is expected, got null")
    yield from _problems(wire.Span, span, path)


def _is_too_deep(sent: Any) -> bool:
    return isinstance(sent, dict) and isinstance(sent.get(_TOO_DEEP), str)


def _broken(sent: dict[str, Any], scope_spans: dict[str, Any], span: Any, issues: list[Issue]) -> Broken:
    def write() -> str:
        alone = {**sent, "scopeSpans": [{**scope_spans, "spans": [span]}]}
        body = _dumped({"resourceSpans": [alone]})
        return body.replace(_dumped(span), span[_TOO_DEEP]) if _is_too_deep(span) else body

    names = span if isinstance(span, dict) else {}
    return Broken(
        issues,
        write,
        "json",
        _text(names.get("traceId")),
        _text(names.get("spanId")),
        _text(names.get("name")),
    )


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _problems(shape: type[msgspec.Struct], sent: Any, path: str) -> Iterator[Issue]:
    """Every place where ``sent`` is not of ``shape``."""
    if sent is None:
        return
    if _is_too_deep(sent):
        yield _too_deep(path)
        return
    if not isinstance(sent, dict):
        yield Issue(path, f"an object is expected, got {_kind(sent)}")
        return
    for field in msgspec.structs.fields(shape):
        yield from _scalar_problems(field.type, sent.get(field.encode_name), f"{path}.{field.encode_name}")


def _scalar_problems(kind: Any, sent: Any, path: str) -> Iterator[Issue]:
    if sent is None:
        return
    members = _members(kind)
    member = members[0]
    if isinstance(member, type) and issubclass(member, msgspec.Struct):
        yield from _problems(member, sent, path)
    elif typing.get_origin(member) is list:
        yield from _item_problems(typing.get_args(member)[0], sent, path)
    else:
        try:
            msgspec.convert(sent, kind)
        except msgspec.ValidationError:
            yield Issue(path, f"{_wanted(members)} is expected, got {_kind(sent)}")


def _item_problems(kind: Any, sent: Any, path: str) -> Iterator[Issue]:
    if not isinstance(sent, list):
        yield _too_deep(path) if _is_too_deep(sent) else Issue(path, f"a list is expected, got {_kind(sent)}")
        return
    for index, item in enumerate(sent):
        if item is None and not _is_union(kind):
            wanted = "a string" if kind is str else "an object"
            yield Issue(f"{path}[{index}]", f"{wanted} is expected, got null")
        yield from _scalar_problems(kind, item, f"{path}[{index}]")


def _too_deep(path: str) -> Issue:
    return Issue(path, f"nested deeper than {DEEPEST_SPAN} levels; send it as text")


def _members(kind: Any) -> list[Any]:
    return [m for m in typing.get_args(kind) if m is not type(None)] if _is_union(kind) else [kind]


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in {UnionType, typing.Union}


def _wanted(members: list[Any]) -> str:
    if int in members:
        return "a number (or its decimal string)"
    return {str: "a string", bool: "true or false"}.get(members[0], str(members[0]))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
