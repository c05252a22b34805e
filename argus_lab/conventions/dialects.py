"""The dialects, in the order in which a span is named after one, and rules that all share.

The order is that of the surest sign: a library that writes its own attributes over another
convention's is named first (dialect facts: docs/reference/dialects.md).
"""

from __future__ import annotations

from argus_lab.conventions import argus, mcp, otel_genai
from argus_lab.conventions.dialect import Dialect
from argus_lab.conventions.readers import text
from argus_lab.conventions.rules import Rule

__all__ = ["COMMON", "DIALECTS"]

DIALECTS: tuple[Dialect, ...] = (argus.DIALECT, mcp.DIALECT, otel_genai.DIALECT)

COMMON = (
    Rule("session_id", text, ("session.id", "gen_ai.conversation.id")),
    Rule("user_id", text, ("user.id", "enduser.id")),
)
"""General OpenTelemetry attributes, which any span may carry."""
