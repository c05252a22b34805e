"""Logfire, recognised by ``logfire.*`` attributes or a scope that begins so.

Names of spans are templates; ``logfire.msg`` is what people read. A streamed call is two spans: the
request, which ends when the stream opens, and a log with the answer and its usage, which is not a
second call. Version 4 writes bodies (``request_data``, ``response_data``) and no operation.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.bodies import answered, asked
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import number, parsed, words
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

TYPE = "logfire.span_type"
_BODIES = ("request_data", "response_data")
_RAW_USAGE = "gen_ai.usage.raw"

RULES = (
    Rule("tags", words, ("logfire.tags",)),
    Rule("cost_usd", number, ("operation.cost",)),
)


def kind(view: View) -> str | None:
    """Logs and placeholders are no steps; a log with an answer belongs to a streamed call."""
    sent = view.attributes
    told = sent.get(TYPE)
    if told == "log":
        is_answer = "request_data" in sent and ("response_data" in sent or "gen_ai.output.messages" in sent)
        return "llm_answer" if is_answer else "none"
    if told == "pending_span":
        return "none"
    if "request_data" in sent and "gen_ai.request.model" in sent and "gen_ai.operation.name" not in sent:
        return _of_body(parsed(sent["request_data"]))
    return None


def _of_body(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    if "messages" in body or "prompt" in body:
        return "llm"
    if "input" in body:
        return "embedding" if "encoding_format" in body or "dimensions" in body else None
    return None


def read(view: View) -> dict[str, Any]:
    """Content of version 4's bodies; tokens in detail from the provider's own counts."""
    sent = view.attributes
    made: dict[str, Any] = dict(usage_of(sent.get(_RAW_USAGE)))
    if made:
        made["usage_source"] = _RAW_USAGE
    if sent.get(TYPE) == "log" and view.columns.get("span_type") == "llm":
        made["streaming"] = True
    body, reply = (parsed(sent.get(key)) for key in _BODIES)
    if not isinstance(body, dict):
        return made
    if view.columns.get("span_type") == "llm":
        made |= asked(body)
    elif "input" in body:
        made["input"] = body["input"]
    if isinstance(reply, dict):
        made |= answered(_reply(reply))
        counts = usage_of(reply.get("usage"))
        if counts:
            made |= {**counts, "usage_source": "response_data"}
    return made


def _reply(sent: dict[str, Any]) -> dict[str, Any]:
    """Version 4 writes streamed answers as combined text."""
    text = sent.get("combined_chunk_content")
    return {"message": {"role": "assistant", "content": text}} if isinstance(text, str) else sent


def _is_spoken(shape: Shape) -> bool:
    return shape.has_prefix("logfire.") or shape.scope.startswith("logfire")


DIALECT = Dialect(
    "logfire",
    _is_spoken,
    RULES,
    kind,
    read,
    content=(
        ("span_type", (TYPE, "request_data")),
        ("input, system_prompt, tool_definitions, temperature, ...", ("request_data",)),
        ("output", ("response_data",)),
        ("cache_read_tokens, reasoning_tokens, ...", (_RAW_USAGE, "response_data")),
    ),
)
