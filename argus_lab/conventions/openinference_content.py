"""OpenInference's flattened messages, tools and documents, out of the tree of their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.indexed import Branch, branch, listed
from argus_lab.conventions.media import media
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.readers import parsed, words

__all__ = ["choices_of", "documents_of", "messages_of", "prompts_of", "tools_of"]


def messages_of(node: Branch) -> list[m.Message] | None:
    """Messages; ``None`` if there are none, or none that says anything."""
    made = m.messages([_message(branch(item, "message")) for item in listed(node)]) if node else None
    # A failed call may have an answer that is a role and nothing else.
    return made if made and any(item["parts"] for item in made) else None


def _message(node: Branch) -> dict[str, Any]:
    made = {key: node[key] for key in ("role", "name", "tool_call_id", "content") if key in node}
    contents = [_content(item) for item in listed(node.get("contents"))]
    if contents:
        # Some senders write one text as content and as contents.
        alone = [{"type": "text", "text": made["content"]}] if made.get("content") else []
        made["content"] = (alone if not _has_text(contents) else []) + contents
    calls = [_call(branch(item, "tool_call")) for item in listed(node.get("tool_calls"))]
    if "function_call_name" in node:
        calls.append(
            {"name": node["function_call_name"], "arguments": node.get("function_call_arguments_json")}
        )
    return made | ({"tool_calls": calls} if calls else {})


def _has_text(contents: list[Any]) -> bool:
    return any(item.get("type") == "text" for item in contents)


def _call(node: Branch) -> dict[str, Any]:
    function = branch(node, "function")
    return {"id": node.get("id"), "name": function.get("name"), "arguments": function.get("arguments")}


def _content(node: Any) -> dict[str, Any]:
    inner = branch(node, "message_content")
    called = branch(node, "tool_call") or branch(inner, "tool_call")
    if called:
        return {"type": "tool_call", **_call(called)}
    for modality in ("image", "audio"):
        held = branch(inner, modality, modality) or branch(inner, modality)
        if held:
            return media(held.get("url"), held.get("mime_type"), modality)
    shown = {key: value for key, value in inner.items() if not isinstance(value, Branch)}
    return {"type": "text", **shown} if "type" not in shown else shown


def prompts_of(sent: Mapping[str, Any], found: Branch) -> list[dict[str, Any]] | None:
    """Prompts of completions, before there were chats."""
    nodes = listed(branch(found, "llm", "prompts"))
    texts: list[Any] = [branch(item, "prompt").get("text") for item in nodes]
    texts = texts or words(sent.get("llm.prompts")) or []
    return [m.text_message("user", item) for item in texts if isinstance(item, str)] or None


def choices_of(found: Branch) -> list[m.Message] | None:
    """Answers of completions."""
    texts = [branch(item, "completion").get("text") for item in listed(branch(found, "llm", "choices"))]
    return [m.text_message("assistant", item) for item in texts if isinstance(item, str)] or None


def tools_of(found: Branch) -> list[Any] | None:
    """Tools offered to the model."""
    schemas = [branch(item, "tool").get("json_schema") for item in listed(branch(found, "llm", "tools"))]
    return definitions([schema for schema in schemas if schema is not None])


def documents_of(node: Branch) -> list[dict[str, Any]]:
    """Documents; their metadata are JSON text."""
    documents = [branch(item, "document") for item in listed(node)]
    return [
        {key: parsed(value) if key == "metadata" else value for key, value in d.items()} for d in documents
    ]
