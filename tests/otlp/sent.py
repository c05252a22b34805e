"""What senders send: random spans in the normal form, and requests as they stand on the wire."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from argus_lab.otlp import Resource, Scope, Span
from argus_lab.otlp.values import RESERVED
from argus_lab.schema import SPAN_KINDS, STATUS_CODES

DATA = Path(__file__).parent.parent / "data"
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
INT64 = 2**63
UINT32, UINT64 = 2**32 - 1, 2**64 - 1

# --- values, and what they must become ------------------------------------------------------------


def normal(value: Any) -> Any:
    """The normal form of a Python value, written a second time on purpose: the tests' own oracle."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$double": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, dict):
        inner = {key: normal(item) for key, item in value.items()}
        return {"$map": inner} if len(inner) == 1 and next(iter(inner)) in RESERVED else inner
    return value


texts = st.text(max_size=12)
keys = texts | st.sampled_from(sorted(RESERVED | {"session.id", "gen_ai.operation.name", "argus.tags"}))
leaves = (
    st.none()
    | texts
    | st.booleans()
    | st.integers(-INT64, INT64 - 1)
    | st.sampled_from([-INT64, INT64 - 1, 0, -1, 2**53 + 1])
    | st.floats()
    | st.binary(max_size=8)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
attributes = st.dictionaries(keys.filter(lambda key: key != "$duplicates"), values.map(normal), max_size=4)


def _hex(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


counts = st.none() | st.integers(1, UINT32)
present = st.none() | st.text(min_size=1, max_size=12)


def _without_none(**fields: Any) -> dict[str, Any]:
    always = {"time_unix_nano", "name", "attributes", "trace_id", "span_id"}
    return {name: value for name, value in fields.items() if value is not None or name in always}


events = st.builds(
    _without_none,
    time_unix_nano=st.integers(0, INT64 - 1)
    | st.integers(INT64, UINT64).map(lambda number: {"$int": str(number)}),
    name=texts,
    attributes=attributes,
    dropped_attributes_count=counts,
)
links = st.builds(
    _without_none,
    trace_id=_hex(32),
    span_id=_hex(16),
    attributes=attributes,
    trace_state=present,
    flags=counts,
    dropped_attributes_count=counts,
)
spans = st.builds(
    Span,
    trace_id=_hex(32),
    span_id=_hex(16),
    parent_span_id=st.none() | _hex(16),
    trace_state=present,
    flags=counts,
    name=present,
    kind=st.sampled_from(SPAN_KINDS),
    start=st.none() | st.integers(1, UINT64),
    end=st.none() | st.integers(1, UINT64),
    attributes=attributes,
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    dropped=st.tuples(counts, counts, counts),
    status=st.sampled_from(STATUS_CODES),
    status_message=present,
)
resources = st.builds(
    Resource, attributes=attributes, dropped=counts, schema_url=present, entity_refs=st.none()
)
scopes = st.builds(
    Scope, name=present, version=present, attributes=attributes, dropped=counts, schema_url=present
)

# --- requests as JSON objects ---------------------------------------------------------------------


def sample(name: str) -> Any:
    """A sample request of ``tests/data``, parsed."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def json_span(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A small good span in OTLP/JSON."""
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": f"span {number}",
        "kind": 3,
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000000250000000",
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
        "events": [{"timeUnixNano": "1790000000100000000", "name": "argus.input", "attributes": []}],
        "links": [{"traceId": TRACE, "spanId": "00000000000000ff"}],
        "status": {"code": 1},
        **fields,
    }


def request(*spans: Any, project: str | None = "bot") -> dict[str, Any]:
    """A request with these spans in one scope of one resource."""
    owner = {"argus.project": project, "service.name": "svc"}
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in owner.items() if value]
    scope_spans = {"scope": {"name": "test"}, "spans": list(spans)}
    return {"resourceSpans": [{"resource": {"attributes": pairs}, "scopeSpans": [scope_spans]}]}


def body(*spans: Any, **options: Any) -> bytes:
    """The same as bytes."""
    return json.dumps(request(*spans, **options)).encode()
