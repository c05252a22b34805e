"""Indexed keys: lists that a sender has flattened, such as ``llm.input_messages.0.message.role``.

Keys are collected into a tree and its numbered branches sorted; nothing is ever allocated by an
index, so that ``...999999999.role`` costs no more than ``...0.role``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["Branch", "after", "branch", "listed", "plain", "tree"]

_DEEPEST = 16
"""Levels of a key that become levels of the tree; what lies deeper stays one name."""

_MOST_DIGITS = 18
_MOST_KEYS = 500


class Branch(dict[str, Any]):
    """A level of the tree; unlike a map that was sent as a value."""


def tree(attributes: Mapping[str, Any], prefixes: tuple[str, ...]) -> Branch:
    """The attributes whose names begin so, as a tree of the names' parts.

    Where a name is both a value and a branch (``a`` and ``a.b``), the value stands under ``""``.

    Examples
    --------
    >>> tree({"p.1.role": "user", "p.0.role": "system", "q": 1}, ("p.",))
    {'p': {'1': {'role': 'user'}, '0': {'role': 'system'}}}
    """
    root = Branch()
    # What is worked out once is kept only for spans of a usual size.
    known = _paths if len(attributes) <= _MOST_KEYS else _paths.__wrapped__
    for key, path, leaf in known(tuple(attributes), prefixes):
        _plant(root, path, leaf, attributes[key])
    return root


@lru_cache(maxsize=1024)
def _paths(keys: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[tuple[str, list[str], str], ...]:
    """By name, its branches and its leaf; spans of one kind have the same names."""
    paths = [(key, key.split(".", _DEEPEST)) for key in keys if key.startswith(prefixes)]
    return tuple((key, path[:-1], path[-1]) for key, path in paths)


def after(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The attributes whose names begin so, by what follows.

    Examples
    --------
    >>> after({"meta.plan": "pro", "name": "x"}, "meta.")
    {'plan': 'pro'}
    """
    known = _names_after if len(attributes) <= _MOST_KEYS else _names_after.__wrapped__
    return {name: attributes[key] for key, name in known(tuple(attributes), prefix)}


@lru_cache(maxsize=1024)
def _names_after(keys: tuple[str, ...], prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, key[len(prefix) :]) for key in keys if key.startswith(prefix))


def _plant(root: Branch, path: list[str], leaf: str, value: Any) -> None:
    node = root
    for step in path:
        inner = node.get(step)
        if not isinstance(inner, Branch):
            grown = Branch() if step not in node else Branch({"": inner})
            node[step] = inner = grown
        node = inner
    if isinstance(node.get(leaf), Branch):
        node[leaf][""] = value
    else:
        node[leaf] = value


def branch(node: Any, *steps: str) -> Branch:
    """The branch at these steps; an empty one if there is none."""
    for step in steps:
        node = node.get(step) if isinstance(node, Branch) else None
    return node if isinstance(node, Branch) else Branch()


def listed(node: Any) -> list[Any]:
    """What hangs on a branch's numbers, in the order of the numbers; other names are left out.

    Examples
    --------
    >>> listed(tree({"p.10": "c", "p.9": "b", "p.x": "-", "p.-1": "-"}, ("p.",))["p"])
    ['b', 'c']
    """
    if not isinstance(node, Branch):
        return []
    numbers = [step for step in node if step.isascii() and step.isdigit() and len(step) <= _MOST_DIGITS]
    return [node[step] for step in sorted(numbers, key=int)]


def plain(node: Any) -> Any:
    """A branch as plain lists and maps: a list where all its names are numbers.

    Examples
    --------
    >>> plain(tree({"f.0.name": "a", "f.0.parameters": "{}"}, ("f.",))["f"])
    [{'name': 'a', 'parameters': '{}'}]
    """
    if not isinstance(node, Branch):
        return node
    found = listed(node)
    if found and len(found) == len(node):
        return [plain(item) for item in found]
    return {step: plain(inner) for step, inner in node.items()}
