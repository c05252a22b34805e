"""The dialects, in the order in which a span is named after one, and rules that all share.

The order is that of the surest sign: a library that writes its own attributes over another
convention's is named first (dialect facts: docs/reference/dialects.md).
"""

from __future__ import annotations

from argus_lab.conventions import (
    argus,
    claude_code,
    genkit,
    google_adk,
    laminar,
    langfuse,
    langsmith,
    litellm,
    logfire,
    mcp,
    mlflow,
    openinference,
    otel_genai,
    otel_genai_legacy,
    pydantic_ai,
    traceloop,
    vercel_ai,
)
from argus_lab.conventions.dialect import Dialect
from argus_lab.conventions.readers import text
from argus_lab.conventions.rules import Rule

__all__ = ["COMMON", "DIALECTS"]

DIALECTS: tuple[Dialect, ...] = (
    argus.DIALECT,
    langfuse.DIALECT,
    langsmith.DIALECT,
    mlflow.DIALECT,
    openinference.DIALECT,
    vercel_ai.DIALECT,
    litellm.DIALECT,
    pydantic_ai.DIALECT,
    logfire.DIALECT,
    mcp.DIALECT,
    traceloop.DIALECT,
    google_adk.DIALECT,
    claude_code.DIALECT,
    genkit.DIALECT,
    laminar.DIALECT,
    otel_genai.DIALECT,
    otel_genai_legacy.DIALECT,
)

COMMON = (
    Rule("session_id", text, ("session.id", "gen_ai.conversation.id")),
    Rule("user_id", text, ("user.id", "enduser.id")),
)
"""General OpenTelemetry attributes, which any span may carry."""
