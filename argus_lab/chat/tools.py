"""Python functions as tools: the definition that a model reads, and the calls that it asks for."""

from __future__ import annotations

import asyncio
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec

from argus_lab.errors import InvalidArgument

__all__ = ["Tool", "tool_of", "tools_of"]

_SECTIONS = r"(?:Args|Arguments|Parameters|Returns|Yields|Raises|Examples?|Notes?|See Also|Attributes)"
_KINDS = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may have called.

    Attributes
    ----------
    definition
        As Ollama takes it: name, description, and the JSON schema of the parameters.
    """

    name: str
    function: Callable[..., Any]
    definition: dict[str, Any]
    _takes: type[msgspec.Struct]

    async def run(self, arguments: Mapping[str, Any]) -> str:
        """Call it, a plain function in a thread; the result as text. Arguments are checked by their types.

        Raises
        ------
        InvalidArgument
            An argument is missing, or is not what the function says it takes.
        Exception
            Whatever the function raises.
        """
        try:
            # Models write "5" for 5; what cannot be read so is told to them.
            taken = msgspec.convert(dict(arguments), self._takes, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"{self.name}: {error}") from error
        unknown = sorted(arguments.keys() - set(self._takes.__struct_fields__))
        if unknown:
            raise InvalidArgument(f"{self.name} takes no {', '.join(unknown)}")
        given = {name: getattr(taken, name) for name in self._takes.__struct_fields__ if name in arguments}
        if inspect.iscoroutinefunction(self.function):
            return _text(await self.function(**given))
        return _text(await asyncio.to_thread(partial(self.function, **given)))


def tool_of(function: Callable[..., Any]) -> Tool:
    '''A function as a tool, from its name, signature and docstring (numpy, Google or reST style).

    >>> def weather(city: str, days: int = 1) -> str:
    ...     """Weather forecast.
    ...
    ...     Args:
    ...         city: Name of a city.
    ...     """
    >>> tool = tool_of(weather)
    >>> tool.definition["function"]["parameters"]["properties"]["city"]
    {'description': 'Name of a city.', 'type': 'string'}
    >>> tool.definition["function"]["parameters"]["required"]
    ['city']
    '''
    name = getattr(function, "__name__", "")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise InvalidArgument(f"{function!r} cannot be a tool: a function with a name is needed.")
    doc = inspect.getdoc(function) or ""
    takes, defined = _takes(function, name, _described(doc))
    parameters = defined.pop(takes.__name__)
    parameters.pop("title", None)
    parameters.setdefault("required", [])
    if defined:
        parameters["$defs"] = defined
    described = re.split(rf"\n\s*(?:{_SECTIONS}:?\s*\n|:param)", f"{doc}\n", maxsplit=1)[0].strip()
    told = {"name": name, "description": described, "parameters": parameters}
    return Tool(name, function, {"type": "function", "function": told}, takes)


def tools_of(functions: Sequence[Callable[..., Any]]) -> dict[str, Tool]:
    """Functions as tools, by name."""
    found = [tool_of(function) for function in functions]
    names = [tool.name for tool in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidArgument(f"two tools are called {', '.join(twice)}; a model tells them apart by name.")
    return {tool.name: tool for tool in found}


def _takes(
    function: Callable[..., Any], name: str, described: Mapping[str, str]
) -> tuple[type[msgspec.Struct], dict[str, Any]]:
    """What the function takes: as a type that reads it, and as JSON schemas by name."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        fields = [_field(one, hints, described) for one in inspect.signature(function).parameters.values()]
        takes = msgspec.defstruct(name, fields, kw_only=True)
        _, defined = msgspec.json.schema_components([takes], ref_template="#/$defs/{name}")
    except (TypeError, NameError, ValueError) as error:
        raise InvalidArgument(
            f"{name} cannot be a tool: {error}. Its parameters need types that JSON can carry: str, int, "
            "float, bool, list, dict, Literal, dataclasses."
        ) from error
    return takes, defined


def _field(
    parameter: inspect.Parameter, hints: Mapping[str, Any], described: Mapping[str, str]
) -> tuple[str, Any, Any]:
    if parameter.kind not in _KINDS:
        raise ValueError(f"{parameter} cannot be given by name")
    text = described.get(parameter.name)
    kind = hints.get(parameter.name, str)
    if text:
        kind = Annotated[kind, msgspec.Meta(description=text)]
    if parameter.default is inspect.Parameter.empty:
        return parameter.name, kind, msgspec.NODEFAULT
    default = parameter.default
    if isinstance(default, list | dict | set):
        return parameter.name, kind, msgspec.field(default_factory=partial(type(default), default))
    return parameter.name, kind, default


def _described(doc: str) -> dict[str, str]:
    """What a docstring says about parameters, by name."""
    found: dict[str, str] = dict(re.findall(r":param (?:\w+ )?(\w+): *(.+)", doc))
    section = re.search(
        rf"^(?:Args|Arguments|Parameters):?[ \t]*\n(-+[ \t]*\n)?(.*?)(?=^{_SECTIONS}:?[ \t]*$|\Z)",
        doc,
        re.MULTILINE | re.DOTALL,
    )
    if section is None:
        return found
    is_numpy = section[1] is not None  # which has the type behind the colon, and the meaning below
    names: list[str] = []
    for line in inspect.cleandoc(section[2]).splitlines():
        head = re.match(r"(\w+(?:, *\w+)*)(?: *\([^)]*\))? *(?:: *(.*))?$", line)
        if head:
            names = re.split(", *", head[1])
            found |= dict.fromkeys(names, "" if is_numpy else head[2] or "")
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def _text(result: Any) -> str:
    if isinstance(result, str):
        return result
    return msgspec.json.encode(result, enc_hook=str).decode()
