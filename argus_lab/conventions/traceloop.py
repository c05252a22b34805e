"""OpenLLMetry (Traceloop), recognised by ``traceloop.*``, indexed prompts, or its packages' scopes.

Three generations are in use at once, decided per instrumentation package and not per release:
``llm.prompts.N``, ``gen_ai.prompt.N``, and OpenTelemetry's own messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions import otel_genai
from argus_lab.conventions.contents import given
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.indexed import Branch, after, branch, listed, plain, tree
from argus_lab.conventions.langchain import returned
from argus_lab.conventions.parts import first_of
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import count, flag, literal, number, parsed, text, unquoted
from argus_lab.conventions.rules import SILENT, Rule

__all__ = ["DIALECT"]

_PROPERTIES = "traceloop.association.properties."
_INTERNAL = ("langgraph_", "ls_", "lc_", "checkpoint_ns")
"""Association properties that LangGraph and LangChain add; all others are the sender's own."""


def _model(value: Any) -> Any:
    """A model's name; the callback for LangChain writes ``unknown`` where it knows none."""
    return SILENT if value == "unknown" else text(value)


RULES = (
    Rule(
        "session_id",
        text,
        (
            "session.id",
            "gen_ai.conversation.id",
            f"{_PROPERTIES}session_id",
            f"{_PROPERTIES}chat_id",
            f"{_PROPERTIES}thread_id",
        ),
    ),
    Rule("user_id", text, ("user.id", f"{_PROPERTIES}user_id", f"{_PROPERTIES}customer_id", "llm.user")),
    Rule(
        "provider",
        provider_name,
        ("gen_ai.provider.name", "gen_ai.system", "llm.vendor", f"{_PROPERTIES}ls_provider"),
    ),
    Rule(
        "request_model", _model, ("gen_ai.request.model", "llm.request.model", f"{_PROPERTIES}ls_model_name")
    ),
    Rule("response_model", _model, ("gen_ai.response.model", "llm.response.model")),
    Rule("temperature", number, ("gen_ai.request.temperature", "llm.temperature")),
    Rule("top_p", number, ("gen_ai.request.top_p", "llm.top_p")),
    Rule("max_tokens", otel_genai.cap, ("gen_ai.request.max_tokens", "llm.request.max_tokens")),
    Rule("streaming", flag, ("gen_ai.is_streaming", "llm.is_streaming")),
    Rule(
        "input_tokens",
        count,
        ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    ),
    Rule(
        "output_tokens",
        count,
        ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    ),
    Rule("reasoning_tokens", count, ("llm.usage.reasoning_tokens",)),
)

_SPAN_KINDS = {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"}
_REQUEST_TYPES = {"chat": "llm", "completion": "llm", "embedding": "embedding", "rerank": "reranker"}
_INDEXED = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.prompts.",
    "llm.completions.",
    "llm.request.functions.",
)
_CHUNKS = frozenset({"llm.content.completion.chunk", "gen_ai.content.completion.chunk"})
_RESULTS = frozenset({"db.query.result", "db.search.result"})


def kind(view: View) -> str | None:
    """The decorator's kind, the operation, the type of the request."""
    sent = view.attributes
    declared = text(sent.get("traceloop.span.kind")) or ""
    found = _SPAN_KINDS.get(declared)
    if "operation" in view.columns and (found is None or declared == "task"):
        found = otel_genai.kind(view) or found  # a task is any step; its operation says which
    if found is None:
        found = _REQUEST_TYPES.get(text(sent.get("llm.request.type")) or "")
    if found is None and any(event["name"] in _RESULTS for event in view.events):
        found = "retriever"
    return found


def read(view: View) -> dict[str, Any]:
    """Content; names of tools and agents; the time of the first chunk."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    made = _properties(sent)
    for event in view.events:
        if event["name"] in _CHUNKS:
            made["time_to_first_token_ms"] = view.since_start(event["time_unix_nano"])
            made["streaming"] = True
            break
    if "traceloop.entity.name" in sent and span_type in {"tool", "agent"}:
        made[f"{span_type}_name"] = text(sent["traceloop.entity.name"])
    if "traceloop.entity.input" in sent or "traceloop.entity.output" in sent:
        made |= given(_entity(sent.get("traceloop.entity.input")), span_type)
        result = returned(_entity(sent.get("traceloop.entity.output")), span_type)
        made |= {key: result[key] for key in ("output", "output_text", "tool_call_id") if key in result}
    if span_type == "retriever":
        made |= _results(view)
    return made | _exchange(tree(sent, _INDEXED), span_type)


def _properties(sent: Mapping[str, Any]) -> dict[str, Any]:
    own = after(sent, _PROPERTIES).items()
    return {"metadata": {key: value for key, value in own if not key.startswith(_INTERNAL)} or None}


# --- decorators and callbacks -------------------------------------------------------------------------


def _entity(sent: Any) -> Any:
    """Arguments or result, out of what LangChain's callback wraps them into."""
    found = unquoted(sent)
    if isinstance(found, dict):
        if "input_str" in found:
            return literal(found["input_str"])
        if "query" in found and "metadata" in found:
            return found["query"]
        held = first_of(found, "inputs", "outputs")
        if held is None and "output" in found and found.keys() <= {"output", "kwargs"}:
            held = found["output"]
        return found if held is None else held
    return found


# --- model calls --------------------------------------------------------------------------------------


def _exchange(found: Branch, span_type: str | None) -> dict[str, Any]:
    if not found:
        return {}
    asked = _messages(branch(found, "gen_ai", "prompt"), "user")
    asked = asked or _messages(branch(found, "llm", "prompts"), "user")
    said = _messages(branch(found, "gen_ai", "completion"), "assistant")
    said = said or _messages(branch(found, "llm", "completions"), "assistant")
    tools = plain(branch(found, "llm", "request", "functions"))
    made = {
        "input": m.texts(asked) if span_type == "embedding" else asked,
        "input_text": m.last_text(asked, "user"),
        "system_prompt": m.system_text(asked),
        "output": said,
        "output_text": m.joined_text(said),
        "finish_reason": m.finish_reason(said),
        "tool_definitions": [_tool(item) for item in tools] if isinstance(tools, list) else None,
    }
    return {key: value for key, value in made.items() if value is not None}


def _messages(node: Branch, speaker: str) -> list[dict[str, Any]] | None:
    made = m.messages([_message(item, speaker) for item in listed(node)]) if node else None
    # An answer may be a role and nothing else.
    return made if made and any(item["parts"] for item in made) else None


def _message(node: Any, speaker: str) -> dict[str, Any]:
    fields = {key: value for key, value in branch(node).items() if not isinstance(value, Branch)}
    made = {**fields, "role": fields.get("role") or speaker}
    made["content"] = _content(fields.get("content"), made["role"])
    calls = [plain(item) for item in listed(branch(node, "tool_calls"))]
    function = plain(branch(node, "function_call"))
    calls += [function] if function else []
    return made | ({"tool_calls": calls} if calls else {})


def _content(sent: Any, role: Any) -> Any:
    """Text, or JSON text of a list of content parts; a tool's JSON is its result."""
    found = parsed(sent) if role != "tool" else sent
    is_list = isinstance(found, list) and all(isinstance(item, dict) and "type" in item for item in found)
    return found if is_list else sent


def _tool(sent: Any) -> Any:
    return {key: parsed(value) for key, value in sent.items()} if isinstance(sent, dict) else sent


def _results(view: View) -> dict[str, Any]:
    """What a vector database found: an event a document."""
    keys = ("id", "score", "distance", "metadata", "document")
    made = []
    for event in view.events:
        if event["name"] in _RESULTS:
            told = {key: event["attributes"].get(f"{event['name']}.{key}") for key in keys}
            told["content"] = told.pop("document")
            told["metadata"] = literal(told["metadata"])
            made.append({key: value for key, value in told.items() if value is not None})
    return {"output": made} if made else {}


_PACKAGES = frozenset(
    f"opentelemetry.instrumentation.{name}"
    for name in (
        "alephalpha", "anthropic", "bedrock", "chromadb", "cohere", "crewai", "google_generativeai", "groq",
        "haystack", "lancedb", "langchain", "llamaindex", "marqo", "mcp", "milvus", "mistralai", "ollama",
        "openai.v0", "openai.v1", "openai_agents", "pinecone", "qdrant", "replicate", "sagemaker", "together",
        "transformers", "voyageai", "watsonx", "weaviate", "writer",
    )
)  # fmt: skip
"""Scopes of OpenLLMetry's instrumentations; OpenTelemetry's own are called otherwise."""


def _is_spoken(shape: Shape) -> bool:
    if shape.scope in _PACKAGES or shape.scope == "traceloop.tracer":
        return True
    return shape.has("llm.request.type") or shape.has_prefix("traceloop.", *_INDEXED)


DIALECT = Dialect(
    "traceloop",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_SPAN_KINDS,
    content=(
        ("span_type", ("traceloop.span.kind", "llm.request.type")),
        ("metadata", (f"{_PROPERTIES}*",)),
        ("tool_name, agent_name", ("traceloop.entity.name",)),
        ("time_to_first_token_ms", tuple(sorted(_CHUNKS))),
        ("input", ("traceloop.entity.input", "gen_ai.prompt.*", "llm.prompts.*")),
        (
            "output",
            ("traceloop.entity.output", "gen_ai.completion.*", "llm.completions.*", *sorted(_RESULTS)),
        ),
        ("tool_definitions", ("llm.request.functions.*",)),
    ),
)
