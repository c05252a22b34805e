"""LiteLLM, recognised by its scope ``litellm`` or by ``litellm.call_id``.

A ``raw_gen_ai_request`` under a call repeats it in the provider's words (``llm.<provider>.*``) and is
no call of its own. Tool calls are missing from ``gen_ai.output.messages``; they stand in
``gen_ai.completion.N.function_call``. Cached and reasoning tokens stand in ``metadata.usage_object``,
the text of a Python dict.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions import indexed
from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.readers import flag, number, parsed, text
from argus_lab.conventions.rules import Rule
from argus_lab.conventions.usage import usage_of

__all__ = ["DIALECT"]

USAGE = "metadata.usage_object"
_COMPLETION, _FUNCTIONS = "gen_ai.completion.", "llm.request.functions."

RULES = (
    Rule("cost_usd", number, ("gen_ai.cost.total_cost", "litellm.cost.total")),
    Rule("streaming", flag, ("llm.is_streaming", "litellm.request.streaming")),
    Rule("user_id", text, ("user.id", "enduser.id", "llm.user", "litellm.end_user.id")),
)
OWN = (Rule("user_id", text, ("user.id", "enduser.id", "llm.user", "metadata.user_api_key_end_user_id")),)


def kind(view: View) -> str | None:
    """A span of the provider's raw request is none; the others are told by their operation."""
    sent = view.attributes
    if "litellm.call_id" in sent or "gen_ai.operation.name" in sent:
        return None
    return "none" if view.name == "raw_gen_ai_request" else None


def read(view: View) -> dict[str, Any]:
    """Tool calls of the answer, tokens in detail, and the cost where it stands in the hidden parameters."""
    sent = view.attributes
    made: dict[str, Any] = dict(usage_of(sent.get(USAGE)))
    if made:
        made["usage_source"] = USAGE
    hidden = parsed(sent.get("hidden_params"))
    if isinstance(hidden, dict):
        made["cost_usd"] = number(hidden.get("response_cost"))
    tree = indexed.tree(sent, (_COMPLETION, _FUNCTIONS))
    answers = _with_calls(sent, tree)
    if answers:
        made["output"] = answers
    offered = indexed.listed(indexed.branch(tree, *_FUNCTIONS.split(".")[:-1]))
    made["tool_definitions"] = [_function(indexed.plain(item)) for item in offered]
    return made


def _function(sent: Any) -> Any:
    if not isinstance(sent, dict):
        return sent
    return {"type": "function", **sent, "parameters": parsed(sent.get("parameters"))}


def _with_calls(sent: Any, tree: indexed.Branch) -> list[m.Message] | None:
    found = indexed.listed(indexed.branch(tree, "gen_ai", "completion"))
    calls = [indexed.plain(choice["function_call"]) for choice in found if _asks(choice)]
    if not calls:
        return None
    answers = m.messages(sent.get("gen_ai.output.messages")) or []
    head: m.Message = answers[0] if answers else {"role": "assistant", "parts": []}
    if any(part.get("type") == "tool_call" for part in head["parts"]):
        return answers
    asked = m.answer(None, [call for call in calls if isinstance(call, dict)])
    parts = asked[0]["parts"] if asked else []
    return [{**head, "parts": [*(p for p in head["parts"] if p.get("content")), *parts]}, *answers[1:]]


def _asks(choice: Any) -> bool:
    return isinstance(choice, indexed.Branch) and "function_call" in choice


def _is_spoken(shape: Shape) -> bool:
    return shape.scope == "litellm" or shape.has("litellm.call_id")


DIALECT = Dialect(
    "litellm",
    _is_spoken,
    RULES,
    kind,
    read,
    own=OWN,
    content=(
        ("output", ("gen_ai.output.messages", f"{_COMPLETION}*")),
        ("tool_definitions", (f"{_FUNCTIONS}*",)),
        ("cache_read_tokens, reasoning_tokens, ...", (USAGE,)),
        ("cost_usd", ("hidden_params",)),
    ),
)
