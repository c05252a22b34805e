"""OpenInference (Arize Phoenix), recognised by ``openinference.span.kind`` or its scopes.

Messages and documents are flattened into indexed keys. Where a model answered, ``llm.model_name``
is the model that answered; the one that was asked for is in ``llm.invocation_parameters``, JSON
text that holds whatever the instrumentation had at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions import openinference_content as content
from argus_lab.conventions.bodies import answered, parameters
from argus_lab.conventions.contents import given
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.indexed import Branch, branch, listed, tree
from argus_lab.conventions.langchain import returned
from argus_lab.conventions.parts import first_of
from argus_lab.conventions.providers import provider_name
from argus_lab.conventions.readers import count, literal, number, parsed, text, words
from argus_lab.conventions.rules import SILENT, Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

_FIRST_TOKEN = "First Token Stream Event"  # noqa: S105  an event's name
_REDACTED = "__REDACTED__"


def _object(value: Any) -> dict[str, Any] | None:
    found = parsed(value)
    return found if isinstance(found, dict) else None


def _model(value: Any) -> Any:
    """A model's name; LlamaIndex writes ``unknown`` where it knows none."""
    return SILENT if value == "unknown" else text(value)


RULES = (
    Rule("provider", provider_name, ("llm.provider", "llm.system")),
    Rule("request_model", text, ("llm.request.model_name", "reranker.model_name")),
    Rule("response_model", _model, ("llm.response.model_name", "llm.model_name", "embedding.model_name")),
    Rule("finish_reason", text, ("llm.finish_reason",)),
    Rule("input_tokens", count, ("llm.token_count.prompt",)),
    Rule("output_tokens", count, ("llm.token_count.completion",)),
    Rule("cache_read_tokens", count, ("llm.token_count.prompt_details.cache_read",)),
    Rule("cache_write_tokens", count, ("llm.token_count.prompt_details.cache_write",)),
    Rule("reasoning_tokens", count, ("llm.token_count.completion_details.reasoning",)),
    Rule("cost_usd", number, ("llm.cost.total",)),
    Rule("tags", words, ("tag.tags",)),
    Rule("agent_name", text, ("agent.name",)),
)
OWN = (
    Rule("metadata", _object, ("metadata",)),
    Rule("tool_name", text, ("tool.name",)),
    Rule("tool_call_id", text, ("tool.id",)),
)
_KINDS = {
    "LLM": "llm",
    "EMBEDDING": "embedding",
    "CHAIN": "chain",
    "RETRIEVER": "retriever",
    "RERANKER": "reranker",
    "TOOL": "tool",
    "AGENT": "agent",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
    "PROMPT": "prompt",
}
_INDEXED = (
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.tools.",
    "llm.prompts.",
    "llm.choices.",
    "retrieval.documents.",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "embedding.embeddings.",
)


def kind(view: View) -> str | None:
    """The kind that the span says it is."""
    sent = view.attributes.get("openinference.span.kind")
    return _KINDS.get(sent.upper()) if isinstance(sent, str) else None


def correct(view: View) -> dict[str, Any]:
    """Anthropic's fresh input tokens (instrumentation 0.1) become all of them, by the response's usage."""
    sent = view.attributes
    count_sent = view.columns.get("input_tokens")
    if not count_sent or view.columns.get("provider") != "anthropic" or "cache_read_tokens" in view.columns:
        return {}
    usage = (_object(sent.get("output.value")) or {}).get("usage")
    if not isinstance(usage, dict) or usage.get("input_tokens") != count_sent:
        return {}
    made = usage_of(usage)
    if made.get("input_tokens") == count_sent:
        return {}
    columns = ("input_tokens", "cache_read_tokens", "cache_write_tokens")
    known = {column: made[column] for column in columns if column in made}
    return known | {"usage_source": "llm.token_count.prompt + cache"}


def read(view: View) -> dict[str, Any]:
    """Content, and what stands in JSON text."""
    sent = view.attributes
    found = tree(sent, _INDEXED)
    made = _parameters(sent) | _owner(sent)
    for event in view.events:
        if event["name"] == _FIRST_TOKEN:
            made["time_to_first_token_ms"] = view.since_start(event["time_unix_nano"])
            break
    match kind(view):
        case "embedding":
            return made | _embedding(sent, found)
        case "retriever" | "reranker":
            return made | _documents(sent, found)
        case "tool":
            return made | _tool(sent)
    return made | _exchange(view, found)


# --- parameters and owner -----------------------------------------------------------------------------


def _parameters(sent: Mapping[str, Any]) -> dict[str, Any]:
    found = _object(sent.get("llm.invocation_parameters", sent.get("embedding.invocation_parameters")))
    if found is None:
        return {}
    system = first_of(found, "system", "instructions")
    made = {**parameters(found), "system_prompt": m.instructions(system) if system else None}
    if "_type" in found and not made.get("streaming"):
        made["streaming"] = None  # LangChain's: how the model is set up, not how it was called
    if found.get("object") != "response" and "output" not in found:
        # Not a whole response of OpenAI's Responses API: its model is the one that answered.
        made["request_model"] = text(first_of(found, "model", "model_name"))
    return made


def _read(found: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if (value := text(found.get(key))) is not None), None)


def _owner(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Session and user in the metadata: LangChain's run metadata are handed on there."""
    if "metadata" not in sent or ("session.id" in sent and "user.id" in sent):
        return {}
    found = _object(sent["metadata"]) or {}
    return {
        "session_id": _read(found, ("session_id", "thread_id", "conversation_id")),
        "user_id": _read(found, ("user_id",)),
    }


# --- model calls, chains, agents ----------------------------------------------------------------------


def _exchange(view: View, found: Branch) -> dict[str, Any]:
    """Messages as flattened; where there are none, what the whole input and output hold."""
    sent, span_type = view.attributes, view.columns.get("span_type")
    asked = content.messages_of(branch(found, "llm", "input_messages")) or content.prompts_of(sent, found)
    said = content.messages_of(branch(found, "llm", "output_messages")) or content.choices_of(found)
    made: dict[str, Any] = {"tool_definitions": content.tools_of(found)}
    if asked:
        made["input"], made["system_prompt"] = asked, m.system_text(asked)
        made["input_text"] = m.last_text(asked, "user") or m.joined_text(asked)
    else:
        made |= given(_value(sent.get("input.value")), span_type)
    if said:
        made["output"], made["output_text"] = said, m.joined_text(said)
    else:
        made |= _kept(returned(_value(sent.get("output.value")), span_type))
    if span_type == "llm":
        made |= _from_bodies(view)
    return made


def _from_bodies(view: View) -> dict[str, Any]:
    """What only the provider's own request and response say."""
    sent, made = view.attributes, {}
    if "request_model" not in view.columns:
        request = _object(sent.get("input.value")) or {}
        made["request_model"] = text(request.get("model"))
    if "finish_reason" not in view.columns:
        response = _object(sent.get("output.value"))
        made["finish_reason"] = answered(response).get("finish_reason") if response else None
    return {column: value for column, value in made.items() if value is not None}


def _kept(made: dict[str, Any]) -> dict[str, Any]:
    """Content only: usage is told by the token counts."""
    return {column: made[column] for column in ("output", "output_text", "finish_reason") if column in made}


# --- the other kinds ----------------------------------------------------------------------------------


def _value(sent: Any) -> Any:
    return None if sent == _REDACTED else sent


def _plain(sent: Any) -> str | None:
    """Text, where it is not an object's."""
    return sent if isinstance(sent, str) and sent != _REDACTED and isinstance(parsed(sent), str) else None


def _embedding(sent: Mapping[str, Any], found: Branch) -> dict[str, Any]:
    """The texts; vectors stay in the raw columns."""
    nodes = listed(branch(found, "embedding", "embeddings"))
    sent_texts = [branch(item, "embedding").get("text") for item in nodes]
    texts = [item for item in sent_texts if isinstance(item, str) and item != _REDACTED]
    if texts:
        return {"input": texts, "input_text": "\n".join(texts)}
    return given(_value(sent.get("input.value")), "embedding")


def _documents(sent: Mapping[str, Any], found: Branch) -> dict[str, Any]:
    query = text(sent.get("reranker.query")) or _plain(sent.get("input.value"))
    given_ones = content.documents_of(branch(found, "reranker", "input_documents"))
    made = content.documents_of(branch(found, "retrieval", "documents")) or content.documents_of(
        branch(found, "reranker", "output_documents")
    )
    asked = {"query": query, "documents": given_ones} if given_ones else query
    return {
        "input": asked or parsed(_value(sent.get("input.value"))),
        "input_text": query,
        "output": made or parsed(_value(sent.get("output.value"))),
    }


def _tool(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments and result; LangChain wraps the result into a message."""
    arguments = literal(_value(sent.get("input.value")))
    if (
        isinstance(arguments, dict)
        and isinstance(arguments.get("kwargs"), dict)
        and not arguments.get("args")
    ):
        arguments = arguments["kwargs"]  # smolagents
    if arguments is None:
        arguments = _unless_schema(parsed(sent.get("tool.parameters")))
    reply = _value(sent.get("output.value"))
    made = returned(reply, "tool")
    made["output_text"] = made["output_text"] or text(reply)
    return {"input": arguments, "input_text": text(arguments), **made}


def _unless_schema(found: Any) -> Any:
    """Some senders write a tool's JSON schema where others write its arguments."""
    return None if isinstance(found, dict) and "properties" in found else found


def _is_spoken(shape: Shape) -> bool:
    return shape.has("openinference.span.kind") or shape.scope.startswith("openinference.instrumentation.")


DIALECT = Dialect(
    "openinference",
    _is_spoken,
    RULES,
    kind,
    read,
    kinds=_KINDS,
    own=OWN,
    correct=correct,
    content=(
        ("span_type", ("openinference.span.kind",)),
        ("request_model", ("llm.invocation_parameters", "embedding.invocation_parameters", "input.value")),
        ("session_id", ("metadata",)),
        ("time_to_first_token_ms", (_FIRST_TOKEN,)),
        (
            "input",
            (
                "llm.input_messages.*",
                "llm.prompts*",
                "embedding.embeddings.*",
                "reranker.*",
                "input.value",
                "tool.parameters",
            ),
        ),
        ("output", ("llm.output_messages.*", "llm.choices.*", "retrieval.documents.*", "output.value")),
        ("tool_definitions", ("llm.tools.*",)),
    ),
)
