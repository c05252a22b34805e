"""Model Context Protocol spans (OpenTelemetry's ``mcp.*`` convention; FastMCP and the SDKs)."""

from __future__ import annotations

from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

RULES = (Rule("mcp_method", text, ("mcp.method.name",)),)


def kind(view: View) -> str | None:
    """The kind that the method tells."""
    method = view.columns.get("mcp_method")
    if method is None:
        return None
    if method == "tools/call":
        return "mcp_tool"
    return "mcp_resource" if method.startswith("resources/") else "mcp"


def _is_spoken(shape: Shape) -> bool:
    return shape.has("mcp.method.name")


DIALECT = Dialect("mcp", _is_spoken, RULES, kind)
