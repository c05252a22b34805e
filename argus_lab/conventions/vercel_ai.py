"""Vercel's AI SDK, recognised by ``ai.operationId``, its other ``ai.*``, or the scopes ``ai``, ``gen_ai``.

``ai.*`` is version 3 to 6 and the legacy form of 7; 7 itself is OpenTelemetry's form with additions.

Until version 6 each call is an outer span over one inner span a step; the outer span has the usage of
the last step only, which is neither a total nor a part of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions import otel_genai
from argus_lab.conventions.bodies import asked
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.indexed import after
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.parts import first_of, reasoning_part
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import count, number, parsed, signed, text, unquoted, words
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

_METADATA, _CONTEXT = "ai.telemetry.metadata.", "ai.settings.context."
_OWNER = frozenset({"sessionId", "userId", "tags"})

_PROVIDERS = {
    "google.generative-ai": "gcp.gemini",
    "azure-openai": "azure.ai.openai",
    "mistral": "mistral_ai",
}


def _provider(sent: Any) -> Any:
    """The provider of ``openai.chat``, ``google.vertex.chat`` and the like."""
    if not isinstance(sent, str):
        return None
    if sent.startswith("google.vertex"):
        return "gcp.vertex_ai"
    if sent.startswith(("azure.ai.", "aws.", "gcp.", "ibm.")):
        return provider_name(sent)
    if sent == "azure.chat":
        return "azure.ai.inference"
    first = sent.partition(".")[0]
    return _PROVIDERS.get(sent) or _PROVIDERS.get(first) or provider_name(first)


RULES = (
    Rule(
        "session_id",
        text,
        ("session.id", "gen_ai.conversation.id", f"{_METADATA}sessionId", f"{_CONTEXT}sessionId"),
    ),
    Rule("user_id", text, ("user.id", "enduser.id", f"{_METADATA}userId", f"{_CONTEXT}userId")),
    Rule("tags", words, (f"{_METADATA}tags", f"{_CONTEXT}tags")),
    Rule("operation", text, ("gen_ai.operation.name", "ai.operationId")),
    Rule("request_model", text, ("gen_ai.request.model", "ai.model.id")),
    Rule("response_model", text, ("gen_ai.response.model", "ai.response.model")),
    Rule("temperature", number, ("gen_ai.request.temperature", "ai.settings.temperature")),
    Rule("top_p", number, ("gen_ai.request.top_p", "ai.settings.topP")),
    Rule(
        "max_tokens",
        otel_genai.cap,
        ("gen_ai.request.max_tokens", "ai.settings.maxOutputTokens", "ai.settings.maxTokens"),
    ),
    Rule("seed", signed, ("gen_ai.request.seed", "ai.settings.seed")),
    Rule("finish_reason", text, ("ai.response.finishReason", "ai.finishReason", "gen_ai.finishReason")),
    Rule("time_to_first_token_ms", number, ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")),
    Rule(
        "input_tokens",
        count,
        (
            "gen_ai.usage.input_tokens",
            "ai.usage.inputTokens",
            "gen_ai.usage.prompt_tokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
        ),
    ),
    Rule(
        "output_tokens",
        count,
        (
            "gen_ai.usage.output_tokens",
            "ai.usage.outputTokens",
            "gen_ai.usage.completion_tokens",
            "ai.usage.completionTokens",
        ),
    ),
    Rule(
        "cache_read_tokens",
        count,
        (
            "gen_ai.usage.cache_read.input_tokens",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
        ),
    ),
    Rule("cache_write_tokens", count, ("ai.usage.inputTokenDetails.cacheWriteTokens",)),
    Rule(
        "reasoning_tokens",
        count,
        ("ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"),
    ),
    Rule("tool_name", text, ("ai.toolCall.name",)),
    Rule("tool_call_id", text, ("ai.toolCall.id",)),
)
OWN = (Rule("provider", _provider, ("ai.model.provider", "gen_ai.provider.name", "gen_ai.system")),)

_CALLS = ("ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject")
_KINDS = {
    **dict.fromkeys(_CALLS, "agent"),
    **{f"{call}.do{'Stream' if 'stream' in call else 'Generate'}": "llm" for call in _CALLS},
    "ai.toolCall": "tool",
    "ai.embed": "chain",
    "ai.embedMany": "chain",
    "ai.rerank": "chain",
    "ai.embed.doEmbed": "embedding",
    "ai.embedMany.doEmbed": "embedding",
    "ai.rerank.doRerank": "reranker",
}
_OUTER = frozenset({*_CALLS, "ai.embed", "ai.embedMany", "ai.rerank"})
_USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

_PARTS = (
    ("cache_read_tokens", ("openai", "cachedPromptTokens")),
    ("reasoning_tokens", ("openai", "reasoningTokens")),
    ("cache_write_tokens", ("anthropic", "cacheCreationInputTokens")),
    ("cache_read_tokens", ("anthropic", "cacheReadInputTokens")),
    ("cache_read_tokens", ("anthropic", "usage", "cache_read_input_tokens")),
    ("cache_read_tokens", ("bedrock", "usage", "cacheReadInputTokens")),
    ("cache_write_tokens", ("bedrock", "usage", "cacheWriteInputTokens")),
)
"""Where providers' own metadata hold parts of the usage that the SDK has no attribute for."""


def _operation(view: View) -> str:
    return text(view.attributes.get("ai.operationId")) or ""


def kind(view: View) -> str | None:
    """The kind that the SDK's operation tells."""
    return _KINDS.get(_operation(view))


def correct(view: View) -> dict[str, Any]:
    """No usage on outer spans: what they have is the last step's."""
    return dict.fromkeys(_USAGE) if _operation(view) in _OUTER else {}


def read(view: View) -> dict[str, Any]:
    """Content, metadata, and what the provider's own metadata add to the usage."""
    sent, operation = view.attributes, _operation(view)
    made: dict[str, Any] = {"metadata": _metadata(sent)}
    if operation:
        made["streaming"] = "stream" in operation if operation.startswith(_CALLS) else None
    if operation in _CALLS:
        made["agent_name"] = text(sent.get("ai.telemetry.functionId"))
    if operation not in _OUTER:
        made |= _provider_usage(sent)
    if "ai.toolCall.args" in sent or "ai.toolCall.result" in sent:
        made |= {
            "input": parsed(sent.get("ai.toolCall.args")),
            "output": parsed(sent.get("ai.toolCall.result")),
        }
        return made
    return made | _embedded(sent) | _question(sent) | _answer(sent)


def _metadata(sent: Mapping[str, Any]) -> dict[str, Any] | None:
    own = after(sent, _CONTEXT) | after(sent, _METADATA)
    return {key: value for key, value in own.items() if key not in _OWNER} or None


def _provider_usage(sent: Mapping[str, Any]) -> dict[str, Any]:
    found = parsed(sent.get("ai.response.providerMetadata", sent.get("ai.result.providerMetadata")))
    made: dict[str, Any] = {}
    for column, path in _PARTS:
        node = found
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        value = count(node)
        if value is not None:
            made.setdefault(column, value)
    return made


def _embedded(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was embedded; the vectors stay in the raw columns."""
    values = sent.get("ai.values", sent.get("ai.value"))
    if values is None:
        return {}
    texts = [unquoted(item) for item in (values if isinstance(values, list) else [values])]
    shown = "\n".join(item for item in texts if isinstance(item, str))
    return {"input": texts, "input_text": shown}


_QUESTION = ("input", "input_text", "system_prompt", "tool_definitions")


def _question(sent: Mapping[str, Any]) -> dict[str, Any]:
    body = sent.get("ai.prompt.messages", sent.get("ai.prompt"))
    if body is None:
        return {}
    tools = sent.get("ai.prompt.tools")
    made: dict[str, Any] = asked(parsed(body)) or {"input": parsed(body)}
    made["tool_definitions"] = definitions(tools)
    return {key: made[key] for key in _QUESTION if key in made}


def _answer(sent: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: _result(sent, key) for key in ("text", "toolCalls", "object", "reasoning")}
    shown = told["text"] or told["object"]
    said = m.answer(shown, told["toolCalls"])
    if isinstance(told["reasoning"], str) and told["reasoning"]:
        said = said or [{"role": "assistant", "parts": []}]
        said[0]["parts"].insert(0, reasoning_part(told["reasoning"]))
    if not said:
        return {}
    reason = text(first_of(dict(sent), "ai.response.finishReason", "ai.finishReason"))
    if reason:
        said[0]["finish_reason"] = reason
    return {"output": said, "output_text": m.joined_text(said)}


def _result(sent: Mapping[str, Any], key: str) -> Any:
    """An answer's part, under the name of today or of version 3."""
    return sent.get(f"ai.response.{key}", sent.get(f"ai.result.{key}"))


def _is_spoken(shape: Shape) -> bool:
    if shape.has("ai.operationId") or shape.scope == "ai":
        return True
    return shape.scope == "gen_ai" or shape.has_prefix("ai.usage.", "ai.response.", "ai.settings.")


DIALECT = Dialect(
    "vercel_ai",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    own=OWN,
    correct=correct,
    content=(
        ("metadata", (f"{_METADATA}*", f"{_CONTEXT}*")),
        ("agent_name", ("ai.telemetry.functionId",)),
        ("streaming", ("ai.operationId",)),
        (
            "cache_read_tokens, reasoning_tokens",
            ("ai.response.providerMetadata", "ai.result.providerMetadata"),
        ),
        ("input", ("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.values", "ai.value")),
        ("output", ("ai.response.*", "ai.result.*", "ai.toolCall.result")),
        ("tool_definitions", ("ai.prompt.tools",)),
    ),
)
