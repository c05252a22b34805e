"""What a resource says about project and service (the Argus convention's resource attributes)."""

from __future__ import annotations

import unicodedata
from typing import Any, NamedTuple
from urllib.parse import quote

from argus_lab.otlp import Issue

__all__ = ["MOST_PROJECT_BYTES", "Owner", "owner_of", "project_problem", "service_of"]

MOST_PROJECT_BYTES = 200
"""A project is a directory of the lake: its percent-encoded name must fit a file system's names."""

_UNNAMEABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, surrogates, line and paragraph separators."""


class Owner(NamedTuple):
    """Whose spans they are."""

    project: str
    service: str


def owner_of(resource: dict[str, Any], project: str | None) -> Owner | Issue:
    """Project and service of a resource, or the issue that leaves its spans without an owner.

    Parameters
    ----------
    resource
        Resource attributes.
    project
        Project named outside of the body; the resource's own ``argus.project`` wins.

    Examples
    --------
    >>> owner_of({"argus.project": "bot", "service.name": "api"}, None)
    Owner(project='bot', service='api')
    >>> owner_of({"service.name": "api"}, None).path
    'argus.project'
    """
    name = resource.get("argus.project")
    found = project if name is None or name == "" else name
    problem = project_problem(found)
    if problem:
        return Issue("argus.project", problem)
    service = service_of(resource)
    if service:
        return Owner(str(found), service)
    return Issue(
        "service.name",
        "neither argus.service nor service.name is set on the resource; "
        "set OTEL_SERVICE_NAME=your-service, or Resource({'service.name': 'your-service'})",
    )


def service_of(resource: dict[str, Any]) -> str | None:
    """The service that a resource names."""
    for key in ("argus.service", "service.name"):
        service = resource.get(key)
        if isinstance(service, str) and service:
            return service
    return None


def project_problem(name: Any) -> str | None:
    """Why this cannot be a project's name, and the cure; ``None`` if it can.

    Examples
    --------
    >>> project_problem("../../x") is None
    True
    >>> project_problem("x" * 300)
    'the project name takes 300 bytes when percent-encoded; at most 200 are possible'
    """
    if not isinstance(name, str):
        return _UNNAMED if name is None else "argus.project is not a string"
    if not name.strip():
        return "the project name is blank"
    if any(unicodedata.category(character) in _UNNAMEABLE for character in name):
        return "the project name has control characters"
    size = len(quote(name, safe=""))
    if size > MOST_PROJECT_BYTES:
        return (
            f"the project name takes {size} bytes when percent-encoded; "
            f"at most {MOST_PROJECT_BYTES} are possible"
        )
    return None


_UNNAMED = (
    "argus.project is not set on the resource; set "
    "OTEL_RESOURCE_ATTRIBUTES=argus.project=your-project, send the header X-Argus-Project, "
    "or start the receiver with --default-project"
)
