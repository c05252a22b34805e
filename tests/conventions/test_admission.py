"""Who is taken in: projects, services, ids, and what is told about the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.conventions import admit
from argus_lab.conventions.resource import MOST_PROJECT_BYTES, Owner, owner_of, project_problem
from argus_lab.lake.table import partition_path
from argus_lab.otlp import Issue, decode
from tests.otlp import sent

SERVICE = {"service.name": "svc"}


@pytest.mark.parametrize(
    ("resource", "header", "expected"),
    [
        ({"argus.project": "a", **SERVICE}, None, Owner("a", "svc")),
        ({"argus.project": "a", **SERVICE}, "b", Owner("a", "svc")),
        ({"argus.project": "", **SERVICE}, "b", Owner("b", "svc")),
        ({"argus.project": None, **SERVICE}, "b", Owner("b", "svc")),
        (SERVICE, "b", Owner("b", "svc")),
        ({"argus.service": "own", **SERVICE}, "b", Owner("b", "own")),
        ({"argus.service": "", **SERVICE}, "b", Owner("b", "svc")),
        ({"argus.service": 5, **SERVICE}, "b", Owner("b", "svc")),
        ({"argus.project": "👩\u200d🔬 à\u00a0la", **SERVICE}, None, Owner("👩\u200d🔬 à\u00a0la", "svc")),
    ],
)
def test_who_owns_a_resource(resource: dict[str, Any], header: str | None, expected: Owner):
    """The resource's own project, else the one from outside; argus.service, else service.name."""
    assert owner_of(resource, header) == expected


@pytest.mark.parametrize(
    ("resource", "header", "what", "why"),
    [
        (SERVICE, None, "argus.project", "OTEL_RESOURCE_ATTRIBUTES"),
        ({"argus.project": 5, **SERVICE}, "b", "argus.project", "not a string"),
        ({"argus.project": ["a"], **SERVICE}, "b", "argus.project", "not a string"),
        ({"argus.project": " ", **SERVICE}, "b", "argus.project", "blank"),
        ({"argus.project": "a\nb", **SERVICE}, "b", "argus.project", "control characters"),
        ({"argus.project": "a\0b", **SERVICE}, "b", "argus.project", "control characters"),
        ({"argus.project": "x" * 300, **SERVICE}, "b", "argus.project", "300 bytes"),
        ({"argus.project": "ü" * 40, **SERVICE}, "b", "argus.project", "240 bytes"),
        ({"argus.project": "a\u2028b", **SERVICE}, "b", "argus.project", "control characters"),
        (SERVICE, "\udcff", "argus.project", "control characters"),
        (SERVICE, "", "argus.project", "blank"),
        ({"argus.project": "a"}, "b", "service.name", "OTEL_SERVICE_NAME"),
        ({"argus.project": "a", "service.name": 5}, "b", "service.name", "OTEL_SERVICE_NAME"),
    ],
)
def test_who_has_no_owner(resource: dict[str, Any], header: str | None, what: str, why: str):
    """Every way to have no project or service, each with its cure."""
    issue = owner_of(resource, header)
    assert isinstance(issue, Issue)
    assert issue.path == what
    assert why in issue.message


@given(st.text(st.characters(), max_size=300))
def test_a_project_that_is_taken_is_a_directory_name(name: str):
    """Whatever the name: either a problem is told, or one path component that any file system can hold."""
    if project_problem(name) is None:
        path = partition_path({"project": name})
        assert path.startswith("project=")
        assert "/" not in path
        assert len(path.encode()) <= MOST_PROJECT_BYTES + len("project=") < 255
        assert path.isascii()


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "a/b\\c", "..", ".", "a=b", "%2e%2e", "*?[x]", "'; --", "☂"]
)
def test_hostile_names_are_projects(name: str):
    """Slashes, dots, quotes, globs and percent signs are just characters."""
    assert project_problem(name) is None


def test_verdicts_name_every_refused_span_with_its_place():
    """No project, no service, no identity, no span at all: each refusal has its reason, place and text."""
    request = sent.request(sent.json_span(1), sent.json_span(2, traceId=""), 5)
    request["resourceSpans"] += sent.request(
        sent.json_span(3), sent.json_span(4, spanId="0" * 16), project=None
    )["resourceSpans"]
    request["resourceSpans"].append({"scopeSpans": [{"spans": []}]})
    export = decode(json.dumps(request).encode(), "json")
    verdict = admit(export)
    assert (verdict.accepted, verdict.by_project) == (1, {"bot": 1})
    scope = "scopeSpans[0].spans"
    assert sorted((r.path, r.reason) for r in verdict.refusals) == [
        (f"resourceSpans[0].{scope}[1]", "invalid_id"),
        (f"resourceSpans[0].{scope}[2]", "unreadable"),
        (f"resourceSpans[1].{scope}[0]", "no_project"),
        (f"resourceSpans[1].{scope}[1]", "no_project"),
    ]
    assert sorted(issue.path for issue in verdict.issues) == [
        f"resourceSpans[0].{scope}[1].traceId",
        f"resourceSpans[0].{scope}[2]",
        "resourceSpans[1].resource",
        f"resourceSpans[1].{scope}[1].spanId",
    ]
    known = {r.path: (r.trace_id, r.span_id, r.name, r.service) for r in verdict.refusals}
    assert known[f"resourceSpans[1].{scope}[0]"] == (sent.TRACE, f"{3:016x}", "span 3", "svc")
    for refusal in verdict.refusals:
        json.loads(refusal.text())


def test_a_refused_span_brought_in_with_a_project_is_the_span():
    """The text of a refusal is a request: with a project it is accepted, and says what was sent."""
    export = decode(sent.body(sent.json_span(1), project=None), "json")
    (refusal,) = admit(export).refusals
    again = decode(refusal.text().encode(), "json")
    assert admit(again, project="late").by_project == {"late": 1}
    first = [export.read(span) for _, _, span in export.spans()]
    assert [again.read(span) for _, _, span in again.spans()] == first


def test_empty_resources_raise_no_issue():
    """An envelope without spans needs no project (OTLP: empty envelopes may be ignored)."""
    verdict = admit(decode(b'{"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": []}]}]}', "json"))
    assert (verdict.issues, verdict.refusals, verdict.accepted) == ([], [], 0)
