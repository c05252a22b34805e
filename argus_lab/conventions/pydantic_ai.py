"""Pydantic AI's own instrumentation, recognised by its scope ``pydantic-ai``.

It is OpenTelemetry's GenAI convention with further names, which changed with the settings version:
1 writes messages as ``events``, from 2 on they are ``gen_ai.*.messages``; up to 2 tools and agents
have no operation; from 3 on an agent's usage, the sum of its calls, is ``gen_ai.aggregated_usage.*``.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import count, number, parsed, text
from argus_lab.conventions.rules import Rule

__all__ = ["DIALECT"]

_SUM = "gen_ai.aggregated_usage."
_ALL = "pydantic_ai.all_messages"
_ALL_EVENTS = "all_messages_events"

RULES = (
    Rule("cost_usd", number, ("operation.cost",)),
    Rule("input_tokens", count, (f"{_SUM}input_tokens",)),
    Rule("output_tokens", count, (f"{_SUM}output_tokens",)),
    Rule(
        "cache_read_tokens",
        count,
        (
            "gen_ai.usage.details.cache_read_tokens",
            f"{_SUM}cache_read.input_tokens",
            f"{_SUM}details.cache_read_tokens",
        ),
    ),
    Rule(
        "cache_write_tokens",
        count,
        (
            "gen_ai.usage.details.cache_write_tokens",
            f"{_SUM}cache_write.input_tokens",
            f"{_SUM}cache_creation.input_tokens",
            f"{_SUM}details.cache_write_tokens",
        ),
    ),
    Rule(
        "reasoning_tokens",
        count,
        ("gen_ai.usage.details.reasoning_tokens", f"{_SUM}details.reasoning_tokens"),
    ),
)
OWN = (
    Rule("agent_name", text, ("gen_ai.agent.name", "agent_name")),
    Rule("request_model", text, ("gen_ai.request.model", "model_name")),
)


def kind(view: View) -> str | None:
    """Spans of the older versions that have no operation: tools, agents."""
    sent = view.attributes
    if "gen_ai.operation.name" in sent:
        return None
    if "gen_ai.tool.name" in sent or "tool_arguments" in sent:
        return "tool"
    is_agent = any(key in sent for key in ("agent_name", _ALL, _ALL_EVENTS, "final_result"))
    if is_agent:
        return "agent"
    return "chain" if view.name == "running tools" else None


def read(view: View) -> dict[str, Any]:
    """Content of agents and of the older versions' calls and tools; tools of the request."""
    sent = view.attributes
    made: dict[str, Any] = {}
    if "events" in sent:
        made |= _conversation(_of_events(sent["events"]), None)
    elif _ALL in sent or _ALL_EVENTS in sent or "final_result" in sent:
        made |= _agent(sent)
    elif "tool_arguments" in sent or "tool_response" in sent:
        made |= {"input": parsed(sent.get("tool_arguments")), "output": parsed(sent.get("tool_response"))}
    offered = parsed(sent.get("model_request_parameters"))
    if isinstance(offered, dict):
        made["tool_definitions"] = _tools(offered.get("function_tools"))
    return made


def _agent(sent: Any) -> dict[str, Any]:
    whole = m.messages(sent.get(_ALL)) if _ALL in sent else _of_events(sent.get(_ALL_EVENTS))
    made = _conversation(whole, m.instructions(sent.get("gen_ai.system_instructions")))
    result = sent.get("final_result")
    if result is not None:
        made["output_text"] = result if isinstance(result, str) else None
        made.setdefault("output", m.answer(result, None) or parsed(result))
    return made


def _conversation(whole: list[m.Message] | None, system: str | None) -> dict[str, Any]:
    """All messages as what was asked and the last answer."""
    if not whole:
        return {}
    answer = [whole[-1]] if whole[-1]["role"] == "assistant" else []
    asked = whole[:-1] if answer else whole
    made = {
        "input": asked,
        "input_text": m.last_text(asked, "user"),
        "system_prompt": system or m.system_text(asked),
    }
    if answer:
        made |= {"output": answer, "output_text": m.joined_text(answer)}
        made["finish_reason"] = m.finish_reason(answer)
    return made


def _of_events(sent: Any) -> list[m.Message] | None:
    """Messages of version 1: a list of events, the answer under ``message`` of ``gen_ai.choice``."""
    found = parsed(sent)
    if not isinstance(found, list):
        return None
    kept = []
    for event in found:
        if isinstance(event, dict):
            inner = event.get("message") if event.get("event.name") == "gen_ai.choice" else event
            if isinstance(inner, dict):
                named = str(event.get("event.name") or "").removeprefix("gen_ai.").removesuffix(".message")
                call = {"tool_call_id": event["id"]} if named == "tool" and event.get("id") else {}
                kept.append({"role": named or "user", **inner, **call})
    return m.messages(kept)


def _tools(sent: Any) -> list[Any] | None:
    if not isinstance(sent, list):
        return None
    made = []
    for tool in sent:
        if isinstance(tool, dict):
            kept = {key: tool[key] for key in ("name", "description") if tool.get(key)}
            made.append({"type": "function", **kept, "parameters": tool.get("parameters_json_schema")})
    return made or None


def _is_spoken(shape: Shape) -> bool:
    return shape.scope == "pydantic-ai" or shape.has(_ALL, "model_request_parameters")


DIALECT = Dialect(
    "pydantic_ai",
    _is_spoken,
    RULES,
    kind,
    read,
    own=OWN,
    content=(
        ("span_type", ("gen_ai.tool.name", "agent_name", _ALL, _ALL_EVENTS)),
        ("input, system_prompt", (_ALL, _ALL_EVENTS, "events", "tool_arguments")),
        ("output", ("final_result", _ALL, _ALL_EVENTS, "events", "tool_response")),
        ("tool_definitions", ("gen_ai.tool.definitions", "model_request_parameters")),
    ),
)
