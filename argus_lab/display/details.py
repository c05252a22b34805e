"""A step in full, told as its kind of component is best told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from argus_lab.display.conversation import conversation, fold, history, messages_of
from argus_lab.display.json_tree import json_tree, parsed, passage
from argus_lab.display.markup import NOTHING, Html, element, joined
from argus_lab.display.repeats import repeated_or_full
from argus_lab.display.units import count, duration, moment, number, plural, usd
from argus_lab.display.visible import brief

__all__ = [
    "NEEDED",
    "detail",
    "indented",
    "longest_of",
    "model_facts",
    "pairs",
    "raw",
    "system_prompt",
    "tools_offered",
]

Row = dict[str, Any]

NEEDED = (
    *("trace_id", "span_id", "parent_span_id", "name", "kind", "service", "service_version", "agent_name"),
    *("start_time", "status", "status_message", "error_type", "error_message", "error_stack"),
    *("span_type", "step_kind", "component_type", "component_name", "time_to_first_token_ms"),
    *("provider", "operation", "request_model", "response_model", "temperature", "top_p", "max_tokens"),
    *("seed", "finish_reason", "streaming", "input_tokens", "output_tokens", "cache_read_tokens"),
    *("cache_write_tokens", "reasoning_tokens", "cost_usd", "tool_name", "tool_call_id", "mcp_method"),
    *("input", "output", "system_prompt", "tool_definitions", "metadata", "attributes", "resource"),
    *("events", "links", "unread"),
)
"""The columns that a step's detail is made of."""

RAW_INDENTED = 200_000
LONG = ("input", "output", "system_prompt", "tool_definitions", "error_message", "error_stack")
RAW = ("attributes", "events", "links", "resource", "metadata", "unread")
RAW_TEXT = 2_000
"""Characters of a raw column: its messages are told above, as messages."""
SERVERS = ("mcp.server.name", "server.address", "network.peer.address", "mcp.session.id")
RESOURCES = (
    *("db.system.name", "db.system", "db.namespace", "db.query.text", "db.statement", "url.full", "http.url"),
    *("http.request.method", "http.response.status_code", "server.address", "gen_ai.data_source.id"),
)


def detail(row: Row, most: int, where: str) -> Html:
    """What is known of a step; ``most`` characters of any one text, ``where`` the rest can be read.

    Examples
    --------
    >>> row = {"component_type": "custom_tool", "input": '{"city": "Oslo"}', "output": '"rain"'}
    >>> "Arguments" in detail(row, 1000, "the frame")
    True
    """
    told = _TOLD.get(_component(row), _anything)
    return joined([_failure(row, most, where), told(row, most, where), _facts(row), raw(row, most, where)])


def longest_of(row: Row) -> int:
    """The length of the longest text of a step, its JSON counted as one."""
    return max((len(row[name]) for name in LONG if isinstance(row.get(name), str)), default=0)


def pairs(told: list[tuple[str, Any]]) -> Html:
    """Names and values in two columns; those without a value are left out."""
    known = [(name, value) for name, value in told if value not in (None, "", "–")]
    rows = (joined([element("dt", name), element("dd", value, dir="auto")]) for name, value in known)
    return element("dl", *rows, cls="al-pairs") if known else NOTHING


def tools_offered(row: Row, most: int, where: str) -> Html:
    """The tools that a model could ask for, by name, each with its definition."""
    tools = parsed(row.get("tool_definitions"))
    if not isinstance(tools, list) or not tools:
        return NOTHING
    names = [_tool_name(tool) for tool in tools]
    told = ", ".join(brief(name, 40) for name in names[:40])
    return fold(f"{plural(len(tools), 'tool')} offered: {brief(told, 200)}", json_tree(tools, most, where))


def system_prompt(row: Row, most: int, where: str) -> Html:
    """The system prompt behind a line."""
    prompt = row.get("system_prompt")
    if not isinstance(prompt, str) or not prompt:
        return NOTHING
    return fold(f"System prompt: {brief(prompt, 90)}", passage(prompt, most, where))


# --- by type of component -------------------------------------------------------------------------------


def _llm(row: Row, most: int, where: str) -> Html:
    asked, answered = messages_of(row.get("input")), messages_of(row.get("output"))
    resent = row.get("resent", 0)
    shown_input = (
        history(asked, most, where, resent=resent)
        if asked
        else _value("Input", row.get("input"), most, where)
    )
    shown_output = (
        conversation(answered, most, where) if answered else _value("Output", row.get("output"), most, where)
    )
    return joined(
        [
            model_facts(row),
            repeated_or_full(row, "system_prompt", "System prompt", system_prompt(row, most, where)),
            repeated_or_full(row, "tool_definitions", "Tools offered", tools_offered(row, most // 2, where)),
            _titled("Request", shown_input),
            _titled("Answer", shown_output),
        ]
    )


def model_facts(row: Row) -> Html:
    """Which model with which parameters, what it used, why it stopped."""
    sent, got = row.get("input_tokens"), row.get("output_tokens")
    parts = [f"{count(sent)} in, {count(got)} out"] if sent is not None or got is not None else []
    for name, words in (
        ("cache_read_tokens", "from cache"),
        ("cache_write_tokens", "written to cache"),
        ("reasoning_tokens", "reasoning"),
    ):
        if row.get(name):
            parts.append(f"{count(row[name])} {words}")
    names = ("temperature", "top_p", "max_tokens", "seed")
    chosen = ", ".join(f"{name} {number(row[name])}" for name in names if row.get(name) is not None)
    model, answered = brief(row.get("request_model"), 80), brief(row.get("response_model"), 80)
    return pairs(
        [
            (
                "Model",
                f"{model} → {answered}" if model and answered and model != answered else model or answered,
            ),
            ("Provider", brief(row.get("provider"), 60)),
            ("Parameters", chosen),
            ("Tokens", "; ".join(parts)),
            ("Cost reported", usd(row.get("cost_usd"))),
            ("First token", duration(row.get("time_to_first_token_ms"))),
            ("Stopped because", brief(row.get("finish_reason"), 60)),
        ]
    )


def _tool(row: Row, most: int, where: str) -> Html:
    return joined(
        [
            pairs([("Tool", brief(row.get("tool_name"), 80)), ("Call", brief(row.get("tool_call_id"), 60))]),
            _value("Arguments", row.get("input"), most, where),
            _value("Result", row.get("output"), most, where),
        ]
    )


def _mcp(row: Row, most: int, where: str) -> Html:
    server = _first(row, SERVERS) or row.get("service")
    told = pairs([("Server", brief(server, 80)), ("Method", brief(row.get("mcp_method"), 60))])
    return joined([told, _tool(row, most, where)])


def _resource(row: Row, most: int, where: str) -> Html:
    attributes = _attributes(row)
    sent = [(name, brief(attributes[name], 300)) for name in RESOURCES if attributes.get(name) is not None]
    return joined(
        [
            pairs([("Resource", brief(row.get("component_name"), 80)), *sent]),
            _value("Request", row.get("input"), most, where),
            _value("Response", row.get("output"), most, where),
        ]
    )


def _named(row: Row, most: int, where: str) -> Html:
    name = "Skill" if row.get("component_type") == "skill" else "Middleware"
    return joined([pairs([(name, brief(row.get("component_name"), 80))]), _anything(row, most, where)])


def _anything(row: Row, most: int, where: str) -> Html:
    made = []
    for title, column in (("Input", "input"), ("Output", "output")):
        found = messages_of(row.get(column))
        made.append(
            _titled(title, history(found, most, where))
            if found
            else _value(title, row.get(column), most, where)
        )
    return joined([system_prompt(row, most, where), *made])


_TOLD: dict[str | None, Callable[[Row, int, str], Html]] = {
    "llm": _llm,
    "custom_tool": _tool,
    "mcp": _mcp,
    "external_resource": _resource,
    "skill": _named,
    "middleware": _named,
}


def _component(row: Row) -> str | None:
    """The type of component, or what the span's type says where it is missing."""
    kind = row.get("component_type")
    if isinstance(kind, str):
        return kind
    kinds = {"llm": "llm", "embedding": "llm", "reranker": "llm", "tool": "custom_tool"}
    span_type = row.get("span_type")
    return kinds.get(span_type) if isinstance(span_type, str) else None


# --- for every step -------------------------------------------------------------------------------------


def _failure(row: Row, most: int, where: str) -> Html:
    if row.get("status") != "ERROR" and not row.get("error_message"):
        return NOTHING
    words = row.get("error_message") or row.get("status_message") or "failed without a word"
    title = element("p", element("b", brief(row.get("error_type") or "Error", 120), cls="al-wrong"))
    stack = row.get("error_stack")
    folded = fold("stack", passage(stack, most, where)) if isinstance(stack, str) and stack else None
    return joined([title, passage(str(words), most, where), folded])


def _facts(row: Row) -> Html:
    service = " ".join(brief(row[name], 60) for name in ("service", "service_version") if row.get(name))
    told = [
        ("Span", " · ".join(brief(row[name], 80) for name in ("name", "kind") if row.get(name))),
        ("Service", service),
        ("Agent", brief(row.get("agent_name"), 60)),
        ("Started", moment(row.get("start_time"))),
        ("Span id", brief(row.get("span_id"), 40)),
    ]
    return fold("Span", pairs(told))


def raw(row: Row, most: int, where: str) -> Html:
    """What was sent, behind a line."""
    known = [name for name in RAW if row.get(name) not in (None, "", "{}", "[]")]
    shown = [_titled(name, passage(indented(row[name]), min(most, RAW_TEXT), where)) for name in known]
    return fold("Raw", *shown) if known else NOTHING


def _titled(title: str, content: Html) -> Html:
    return joined([element("h5", title), content]) if content else NOTHING


def _value(title: str, sent: Any, most: int, where: str) -> Html:
    return _titled(title, json_tree(sent, most, where)) if sent not in (None, "") else NOTHING


def indented(sent: Any) -> str:
    """JSON text with a line for each value, as far as it is JSON and not too much."""
    if not isinstance(sent, str) or len(sent) > RAW_INDENTED:
        return str(sent)
    try:
        return msgspec.json.format(sent, indent=2)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return sent


def _attributes(row: Row) -> dict[str, Any]:
    found = parsed(row.get("attributes"))
    return found if isinstance(found, dict) else {}


def _first(row: Row, names: tuple[str, ...]) -> Any:
    attributes = _attributes(row)
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _tool_name(tool: Any) -> str:
    if not isinstance(tool, dict):
        return str(tool)
    function = tool.get("function")
    inner = function if isinstance(function, dict) else tool
    return str(inner.get("name"))
