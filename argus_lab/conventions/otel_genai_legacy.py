"""OpenTelemetry's GenAI convention up to semconv 1.36, recognised by ``gen_ai.system`` or its events.

Libraries still write it by default. Content has moved about: attributes ``gen_ai.prompt`` and
``gen_ai.completion``; the events gen_ai.content.prompt and .completion (Spring AI, Semantic Kernel,
OpenLIT); an event a message (Strands). Where messages are log records, a span has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions import otel_genai
from argus_lab.conventions.bodies import answered, asked
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.parts import joined
from argus_lab.conventions.readers import count, flag, number, parsed, signed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

_OPENLIT = "openlit.otel.tracing"
_STRANDS = "strands.telemetry.tracer"
_FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105  an attribute's name
_SPEAKERS = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHOICE = "gen_ai.choice"
_PROMPT, _COMPLETION = "gen_ai.content.prompt", "gen_ai.content.completion"
_EVENTS = frozenset({*_SPEAKERS, _CHOICE, _PROMPT, _COMPLETION})

RULES = (
    Rule("max_tokens", otel_genai.cap, ("gen_ai.request.max_tokens",)),
    # Strands sends both names with one number.
    Rule("input_tokens", count, ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
    Rule("output_tokens", count, ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
    Rule("seed", signed, ("gen_ai.openai.request.seed",)),
    Rule("streaming", flag, ("gen_ai.request.is_stream",)),
    Rule("user_id", text, ("gen_ai.request.user", "gen_ai.user")),
)


def kind(view: View) -> str | None:
    """The kind that the operation tells."""
    return otel_genai.kind(view)


def correct(view: View) -> dict[str, Any]:
    """OpenLIT's own ways with the convention's names."""
    if view.scope != _OPENLIT:
        return {}
    made: dict[str, Any] = {}
    if not view.attributes:
        # A failed call: all that is left of it is its name, "<operation> <model>".
        made["operation"], _, made["request_model"] = view.name.partition(" ")
    if view.columns.get("cost_usd") == 0:
        made["cost_usd"] = None  # a model without a price
    if view.columns.get("operation") == "chat":
        made |= {"tool_name": None, "tool_call_id": None}  # the tool that the model asked for
    return {key: value for key, value in made.items() if value != ""}


def read(view: View) -> dict[str, Any]:
    """Content, and the time to the first token in whichever unit the library has."""
    made = _of_events(view) if any(event["name"] in _EVENTS for event in view.events) else {}
    if "output" not in made and "input" not in made:
        made = _of_texts(view)
    first = number(view.attributes.get(_FIRST_TOKEN))
    if first is not None:
        made["time_to_first_token_ms"] = _first_token(view, first)
    return made


def _first_token(view: View, sent: float) -> float | None:
    """Strands counts milliseconds; OpenLIT seconds, also where nothing was streamed."""
    if view.scope == _STRANDS:
        return sent
    if view.scope == _OPENLIT and view.columns.get("streaming"):
        return sent * 1000
    return None


# --- an event a message -------------------------------------------------------------------------------


def _of_events(view: View) -> dict[str, Any]:
    if view.columns.get("span_type") == "tool":
        return _tool(view)
    asked_for, said = [], []
    for event in view.events:
        name, sent = event["name"], event["attributes"]
        if name in _SPEAKERS:
            asked_for.append(m.message(_message(sent, _SPEAKERS[name])))
        elif name == _CHOICE:
            said += _choice(sent)
    heard = [item for item in asked_for if item]
    return _without_nothing(
        {
            "input": heard,
            "input_text": m.last_text(heard, "user"),
            "system_prompt": m.system_text(heard),
            "output": said,
            "output_text": m.joined_text(said),
            "finish_reason": m.finish_reason(said),
        }
    )


def _message(sent: Mapping[str, Any], speaker: str) -> dict[str, Any]:
    made = {"role": sent.get("role") or speaker, "content": _blocks(sent.get("content"))}
    if sent.get("tool_calls"):
        made["tool_calls"] = sent["tool_calls"]
    if speaker == "tool" and sent.get("id"):
        made["tool_call_id"] = sent["id"]
    return made


def _blocks(sent: Any) -> Any:
    """Content; JSON text of a list of blocks is read, any other text stays as it is."""
    found = parsed(sent)
    is_list = isinstance(found, list) and all(isinstance(item, dict) for item in found)
    return found if is_list else sent


def _choice(sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    message = _blocks(sent.get("message", sent.get("content")))
    body = parsed(message)
    if not (isinstance(body, dict) and ("content" in body or "tool_calls" in body)):
        body = {"content": message, "tool_calls": sent.get("tool_calls")}
    spoken = {"role": "assistant", **body, "finish_reason": sent.get("finish_reason")}
    result = _blocks(sent.get("tool.result"))  # Strands: what the tools of a cycle gave back
    after = [{"role": "tool", "content": result}] if isinstance(result, list) else []
    return m.messages([spoken, *after]) or []


def _tool(view: View) -> dict[str, Any]:
    """Strands: a tool's arguments are its message, its result is the choice."""
    made: dict[str, Any] = {}
    for event in view.events:
        sent = event["attributes"]
        if event["name"] == "gen_ai.tool.message":
            made["input"] = parsed(sent.get("content"))
        elif event["name"] == _CHOICE:
            made["output"] = parsed(joined(parsed(sent.get("message"))))
    return _without_nothing(made)


# --- prompt and completion as text or as whole bodies -------------------------------------------------


def _of_texts(view: View) -> dict[str, Any]:
    sent = view.attributes
    told = {"gen_ai.prompt": sent.get("gen_ai.prompt"), "gen_ai.completion": sent.get("gen_ai.completion")}
    for event in view.events:
        for name, key in ((_PROMPT, "gen_ai.prompt"), (_COMPLETION, "gen_ai.completion")):
            if event["name"] == name and not told[key]:
                told[key] = event["attributes"].get(key)
    made = _prompt(told["gen_ai.prompt"]) | _completion(told["gen_ai.completion"])
    called = _asked_for_tool(sent) if view.scope == _OPENLIT else None
    if called:
        said = made.get("output") or [{"role": "assistant", "parts": []}]
        made["output"] = [{**said[0], "parts": said[0]["parts"] + called[0]["parts"]}, *said[1:]]
    return _without_nothing(made)


def _prompt(sent: Any) -> dict[str, Any]:
    found = parsed(sent)
    if isinstance(found, str):
        return {"input": found, "input_text": found}
    return asked(found) or {"input": found}


def _completion(sent: Any) -> dict[str, Any]:
    if not sent:
        return {}
    made = answered(sent)
    return {key: value for key, value in made.items() if key in {"output", "output_text", "finish_reason"}}


def _asked_for_tool(sent: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """OpenLIT: the tool that the model asked for."""
    if "gen_ai.tool.name" not in sent:
        return None
    call = {"id": sent.get("gen_ai.tool.call.id"), "name": sent["gen_ai.tool.name"]}
    return m.answer(None, [{**call, "arguments": sent.get("gen_ai.tool.args")}])


def _without_nothing(made: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in made.items() if value not in (None, "", [])}


def _is_spoken(shape: Shape) -> bool:
    if shape.has(*otel_genai.LEGACY) or shape.scope in {_OPENLIT, _STRANDS}:
        return True
    return not _EVENTS.isdisjoint(shape.events)


DIALECT = Dialect(
    "otel_genai_legacy",
    _is_spoken,
    RULES,
    kind,
    read,
    correct=correct,
    content=(
        ("input, system_prompt", (*_SPEAKERS, "gen_ai.prompt", _PROMPT)),
        ("output", (_CHOICE, "gen_ai.completion", _COMPLETION, "gen_ai.tool.args")),
        ("time_to_first_token_ms", (_FIRST_TOKEN,)),
    ),
)
