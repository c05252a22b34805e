"""The Argus convention, recognised by ``argus.step.kind``, ``argus.component.*`` or an event of it.

The events argus.input, .output and .error may come several times; a later one's keys are added, and
win.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from argus_lab.conventions import messages as m
from argus_lab.conventions.dialect import Dialect, Shape, View
from argus_lab.conventions.offered import definitions
from argus_lab.conventions.readers import parsed, text, words
from argus_lab.conventions.rules import Rule
from argus_lab.schema import COMPONENT_TYPES, STEP_KINDS

__all__ = ["DIALECT"]

EVENTS = frozenset({"argus.input", "argus.output", "argus.error"})
_COMMON_INPUT = frozenset({"text", "messages", "tools", "system_prompt", "arguments"})
_COMMON_OUTPUT = frozenset({"text", "tool_calls", "stop_reason", "messages"})
_SPEAKERS = {
    "system_prompt": "system",
    "user_message": "user",
    "assistant_message": "assistant",
    "llm_call": "user",
}


def _step_kind(value: Any) -> str | None:
    return value if value in STEP_KINDS else None


def _component_type(value: Any) -> str | None:
    return value if value in COMPONENT_TYPES else None


def _object(value: Any) -> dict[str, Any] | None:
    found = parsed(value)
    return found if isinstance(found, dict) else None


RULES = (
    Rule("step_kind", _step_kind, ("argus.step.kind",)),
    Rule("component_type", _component_type, ("argus.component.type",)),
    Rule("component_name", text, ("argus.component.name",)),
    Rule("tags", words, ("argus.tags",)),
    Rule("metadata", _object, ("argus.metadata",)),
)


def payloads(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By event name, the keys of all events of that name."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["name"] in EVENTS:
            found.setdefault(event["name"], {}).update(event["attributes"])
    return found


def read(view: View) -> dict[str, Any]:
    """Content columns from the events."""
    found = payloads(view.events)
    step_kind = view.columns.get("step_kind")
    columns: dict[str, Any] = {}
    if "argus.input" in found:
        columns |= _input(found["argus.input"], step_kind)
    if "argus.output" in found:
        columns |= _output(found["argus.output"], step_kind)
    return columns


def _input(sent: dict[str, Any], step_kind: str | None) -> dict[str, Any]:
    said = text(sent.get("text"))
    made = m.messages(sent.get("messages"))
    if made is None and said and step_kind in _SPEAKERS:
        made = [m.text_message(_SPEAKERS[step_kind], said)]
    rest = {key: value for key, value in sent.items() if key not in _COMMON_INPUT}
    arguments = parsed(sent["arguments"]) if "arguments" in sent else rest or None
    system = m.instructions(sent.get("system_prompt")) or m.system_text(made)
    return {
        "input": _first(made, arguments, said),
        "input_text": _first(said, m.last_text(made, "user"), m.joined_text(made)),
        "system_prompt": system,
        "tool_definitions": definitions(sent.get("tools")),
    }


def _output(sent: dict[str, Any], step_kind: str | None) -> dict[str, Any]:
    said = text(sent.get("text"))
    rest = {key: value for key, value in sent.items() if key not in _COMMON_OUTPUT}
    made = m.messages(sent.get("messages"))
    if made is None and (step_kind in {"llm_call", "assistant_message"} or "tool_calls" in sent):
        made = m.answer(said, sent.get("tool_calls"))
    reason = text(sent.get("stop_reason"))
    if made and reason:
        made = [{**made[0], "finish_reason": reason}, *made[1:]]
    return {
        "output": _first(made, parsed(said) if said else None, rest or None),
        "output_text": _first(said, m.joined_text(made)),
        "finish_reason": reason,
    }


def _first(*choices: Any) -> Any:
    return next((choice for choice in choices if choice is not None), None)


def _is_spoken(shape: Shape) -> bool:
    signs = ("argus.step.kind", "argus.component.type", "argus.component.name")
    return shape.has(*signs) or not EVENTS.isdisjoint(shape.events)


DIALECT = Dialect(
    "argus",
    _is_spoken,
    RULES,
    read=read,
    wins=True,
    content=(
        ("input, input_text, system_prompt, tool_definitions", ("argus.input",)),
        ("output, output_text, finish_reason", ("argus.output",)),
        ("error_type, error_message, error_stack", ("argus.error",)),
    ),
)
