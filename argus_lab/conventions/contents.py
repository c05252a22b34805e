"""Input and output by kind of span, where a sender puts everything into one pair of attributes."""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.bodies import answered, asked
from argus_lab.conventions.documents import documents
from argus_lab.conventions.readers import literal, parsed

__all__ = ["given", "returned"]

Columns = dict[str, Any]


def given(sent: Any, span_type: str | None) -> Columns:
    """What a span was given: messages, arguments, or anything."""
    found = parsed(sent)
    if found is None or found == "":
        return {}
    if span_type == "llm":
        return asked(found) or {"input": found, "input_text": _only_text(found)}
    if span_type == "tool":
        return {"input": _arguments(found)}
    turns = found.get("messages") if isinstance(found, dict) else None
    if isinstance(turns, list) and turns:
        return asked({"messages": turns})
    return {"input": found, "input_text": _only_text(found)}


def returned(sent: Any, span_type: str | None) -> Columns:
    """What a span gave back: an answer, a result, documents; vectors stay in the raw columns."""
    found = parsed(sent)
    if found is None or found == "" or span_type == "embedding":
        return {}
    if span_type == "llm":
        return answered(found) or {"output": found}
    if span_type == "retriever":
        return {"output": documents(found) or found}
    if isinstance(found, dict) and isinstance(found.get("messages"), list):
        return {key: value for key, value in answered(found).items() if key in {"output", "output_text"}}
    said = _only_text(found)
    if span_type == "tool":
        return {"output": _result(found), "output_text": said if isinstance(found, str) else None}
    return {"output": found, "output_text": said}


def _only_text(found: Any) -> str | None:
    """The text, or the one text that an object or a function's arguments hold."""
    if isinstance(found, dict):
        if set(found) == {"args", "kwargs"}:
            found = _arguments(found)
            found = found["args"] if isinstance(found, dict) and "args" in found else found
        values = list(found.values()) if isinstance(found, dict) else found
        found = values[0] if isinstance(values, list) and len(values) == 1 else None
    if isinstance(found, list) and found and isinstance(found[-1], dict) and "role" in found[-1]:
        return m.last_text(m.messages(found), "user")
    return found if isinstance(found, str) else None


def _arguments(found: Any) -> Any:
    """Arguments; those of a decorated function that has them all by name are told as such."""
    if isinstance(found, str):
        return literal(found)
    if isinstance(found, dict) and set(found) == {"args", "kwargs"} and not found["args"]:
        return found["kwargs"]
    return found


def _result(found: Any) -> Any:
    """A tool's result; LangChain wraps it into a message."""
    if isinstance(found, dict) and ("lc" in found or found.get("type") == "tool"):
        made = m.message(found)
        if made and made["role"] == "tool":
            return parsed(made["parts"][0].get("response"))
    return found
