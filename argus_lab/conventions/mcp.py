"""The Model Context Protocol, recognised by ``mcp.method.name`` (OpenTelemetry, FastMCP, the SDKs).

``mcp.session.id`` is no conversation: it is a connection's, and with protocol 2026-07-28 a request's.
The Python SDK's own spans have the tool only in their name.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import parsed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

METHOD = "mcp.method.name"
_SENT = "MCP send tools/call "

RULES = (Rule("mcp_method", text, (METHOD,)),)
OWN = (Rule("component_name", text, ("gen_ai.tool.name", "mcp.resource.uri", "gen_ai.prompt.name")),)


def kind(view: View) -> str | None:
    """The kind that the method tells, unless an operation tells more."""
    method = view.columns.get("mcp_method")
    if method is None or view.columns.get("operation") not in {None, "execute_tool"}:
        return None
    if method == "tools/call":
        return "mcp_tool"
    return "mcp_resource" if method.startswith("resources/") else "mcp"


def read(view: View) -> dict[str, Any]:
    """Arguments and result as OpenLLMetry's package names them; the tool's name from the span's."""
    sent = view.attributes
    made = {
        "input": parsed(sent.get("mcp.request.argument")),
        "output": parsed(sent.get("mcp.response.value")),
    }
    if view.columns.get("mcp_method") == "tools/call" and view.name.startswith(_SENT):
        made["tool_name"] = view.name[len(_SENT) :]
    return made


def _is_spoken(shape: Shape) -> bool:
    return shape.has(METHOD)


DIALECT = Dialect(
    "mcp",
    _is_spoken,
    RULES,
    kind,
    read,
    own=OWN,
    content=(
        ("span_type", (METHOD,)),
        ("input", ("mcp.request.argument",)),
        ("output", ("mcp.response.value",)),
        ("tool_name", ("gen_ai.tool.name", f"the span's name after {_SENT.strip()}")),
    ),
)
