"""Tools that a model was offered, in OpenTelemetry's form whatever the provider's.

A definition is ``{"type": "function", "name", "description"?, "parameters"?}``, with anything else that was
sent beside these.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.parts import first_of
from argus_lab.conventions.readers import parsed

__all__ = ["definitions"]

_SCHEMAS = ("input_schema", "inputSchema", "parameters_json_schema", "parametersJsonSchema")
"""What Anthropic, MCP, Pydantic AI and Google call the JSON schema of a tool's arguments."""


def definitions(sent: Any) -> list[Any] | None:
    """Tool definitions as a list; the list and each of them may be JSON text.

    Examples
    --------
    >>> definitions([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}])
    [{'type': 'function', 'name': 'add', 'parameters': {'type': 'object'}}]
    >>> definitions({"name": "add", "input_schema": {"type": "object"}})
    [{'name': 'add', 'parameters': {'type': 'object'}}]
    """
    found = parsed(sent)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        return None
    made: list[Any] = []
    for item in map(parsed, found):
        group = first_of(item, "function_declarations", "functionDeclarations") if _is_map(item) else None
        made += group if isinstance(group, list) else [item]  # Gemini groups functions
    return [_definition(item) for item in made] or None


def _is_map(item: Any) -> bool:
    return isinstance(item, dict)


def _definition(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    inner = item.get("function")
    if isinstance(inner, dict) and "name" not in item:  # OpenAI's chat completions
        item = {**{key: value for key, value in item.items() if key != "function"}, **inner}
    schema = None if "parameters" in item else next((key for key in _SCHEMAS if key in item), None)
    return {"parameters" if key == schema else key: value for key, value in item.items()}
