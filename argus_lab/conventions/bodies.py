"""Bodies of model calls: what a provider's API was sent and what it answered, as columns.

MLflow, LangSmith, Langfuse, Logfire and Google's ADK record the request and the response as they
went over the wire. A body is told by its keys: OpenAI's chat and Responses, Anthropic, Gemini,
Ollama, LangChain.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.parts import first_of
from argus_lab.conventions.readers import count, flag, number, parsed, signed, text
from argus_lab.conventions.usage import usage_of

__all__ = ["answered", "asked", "parameters"]

Columns = dict[str, Any]

_PARAMETERS = {
    "temperature": (number, ("temperature",)),
    "top_p": (number, ("top_p", "topP")),
    "max_tokens": (
        count,
        ("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens"),
    ),
    "seed": (signed, ("seed",)),
    "streaming": (flag, ("stream",)),
}
_MODEL = ("model", "model_name", "modelId")
_TURNS = ("messages", "contents", "input", "prompt", "prompts")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction")
_CONFIGS = ("config", "generation_config", "generationConfig", "options")


def parameters(sent: Any) -> Columns:
    """The parameters of a call, as far as they are told; what cannot be read is left out."""
    found = parsed(sent)
    if not isinstance(found, dict):
        return {}
    made = {column: read(first_of(found, *keys)) for column, (read, keys) in _PARAMETERS.items()}
    return {column: value for column, value in made.items() if value is not None}


def asked(sent: Any) -> Columns:
    """Columns of a request; empty if it is none.

    Examples
    --------
    >>> asked({"model": "m", "messages": [{"role": "user", "content": "hi"}]})["input_text"]
    'hi'
    """
    found = parsed(sent)
    if isinstance(found, list):
        return _turns(found, None)
    if not isinstance(found, dict):
        return {}
    if "role" in found:
        return _turns([found], None)
    config: Columns = next((found[key] for key in _CONFIGS if isinstance(found.get(key), dict)), {})
    whole = {**config, **found}
    made = _turns(first_of(whole, *_TURNS), _system(whole))
    if not made:
        return {}
    made |= {"tool_definitions": tools_of(whole), "request_model": text(first_of(found, *_MODEL))}
    return {**{key: value for key, value in made.items() if value is not None}, **parameters(whole)}


def _turns(sent: Any, system: str | None) -> Columns:
    made = m.messages(sent)
    if not made:
        return {}
    return {
        "input": made,
        "input_text": m.last_text(made, "user") or m.joined_text(made),
        "system_prompt": system or m.system_text(made),
    }


def _system(found: dict[str, Any]) -> str | None:
    sent = first_of(found, *_SYSTEM)
    if isinstance(sent, dict):  # Gemini: {"parts": [{"text": ...}]}
        return m.joined_text(m.messages([{"role": "system", **sent}]))
    return m.instructions(sent)


def tools_of(found: dict[str, Any]) -> list[Any] | None:
    """The tools that a request offers."""
    return definitions(first_of(found, "tools", "functions"))


def answered(sent: Any) -> Columns:
    """Columns of a response; empty if it is none. Plain text is the answer's text.

    Examples
    --------
    >>> answered({"choices": [{"message": {"role": "assistant", "content": "hello"}}]})["output_text"]
    'hello'
    """
    found = parsed(sent)
    if isinstance(found, str) and found:
        found = {"role": "assistant", "content": found}
    body = found if isinstance(found, dict) else {}
    made = _answer(found)
    if not made:
        return {}
    reason = m.finish_reason(made) or text(
        first_of(body, "finish_reason", "stop_reason", "done_reason", "finishReason")
    )
    return {
        "output": made,
        "output_text": m.joined_text(made),
        "finish_reason": reason,
        "response_model": text(first_of(body, "model", "modelVersion", "model_version")),
        **usage_of(first_of(body, "usage", "usage_metadata", "usageMetadata", "token_usage")),
    }


def _answer(found: Any) -> list[m.Message] | None:
    if isinstance(found, dict):
        choices = first_of(found, "choices", "candidates", "output", "generations")
        if isinstance(choices, list):
            found = [_choice(item) for item in _flat(choices)]
        elif isinstance(found.get("message"), dict):
            found = [found["message"]]
        elif isinstance(found.get("messages"), list):
            found = found["messages"][-1:]
        elif isinstance(choices, str | dict) and "role" not in found:
            found = [choices] if isinstance(choices, dict) else [{"content": choices}]
    if isinstance(found, list | dict):
        made = m.messages(found)
        return [{**item, "role": _speaker(item)} for item in made] if made else None
    return None


def _speaker(message: m.Message) -> str:
    """An answer without a role is the assistant's."""
    return "assistant" if message["role"] == "user" else str(message["role"])


def _flat(choices: list[Any]) -> list[Any]:
    """LangChain has a list of generations a prompt."""
    return choices[0] if choices and isinstance(choices[0], list) else choices


def _choice(sent: Any) -> Any:
    """A choice as a message: OpenAI's ``text``, Gemini's ``content``, LangChain's generation."""
    if not isinstance(sent, dict):
        return sent
    reason = first_of(sent, "finish_reason", "finishReason")
    beside = {"finish_reason": reason} if reason else {}
    content = sent.get("content")
    if isinstance(content, dict):
        return {**content, **beside}
    info = sent.get("generation_info")
    if isinstance(info, dict) and info.get("finish_reason"):
        beside = {"finish_reason": info["finish_reason"]}
    inner = sent.get("message")
    if isinstance(inner, dict):
        return {"message": inner, **beside} if "lc" not in inner else inner
    if "text" in sent and "type" not in sent:
        return {"role": "assistant", "content": sent["text"], **beside}
    return sent
