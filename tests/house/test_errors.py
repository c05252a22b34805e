"""Errors are advice: the tree that is drawn is the tree that is raised."""

from __future__ import annotations

import inspect
import re

from argus_lab import errors

CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, Exception) and found.__module__ == errors.__name__
}

_NAMED = re.compile(r"^    [│├└─ ]*(\w+)")


def _drawn() -> dict[str, str | None]:
    """The docstring's tree, as name -> parent's name."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ((?:[│ ]   )*(?:[├└]── )?)(\w+)", line)
        if found:
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            parents[found[2]] = path[-2] if depth else None
    return parents


def _parent(error: type[Exception]) -> str | None:
    ours = [base.__name__ for base in error.__bases__ if base.__name__ in CLASSES]
    return ours[0] if ours else None


def test_the_drawn_tree_is_the_real_one():
    """Every error class stands in the module's docstring, under its real parent, and no other."""
    assert _drawn() == {name: _parent(error) for name, error in CLASSES.items()}


def test_every_error_is_public():
    """What may be raised may be caught by name."""
    assert set(errors.__all__) == CLASSES.keys()
    assert errors.__all__ == sorted(errors.__all__)


def test_the_tree_says_what_else_an_error_is():
    """Where an error is also a builtin one, its line says so, or nobody could rely on it."""
    lines = {found[1]: line for line in (errors.__doc__ or "").splitlines() if (found := _NAMED.match(line))}
    for name, error in CLASSES.items():
        for base in error.__bases__:
            if base.__module__ == "builtins" and base is not Exception:
                assert f"(also {base.__name__})" in lines[name], f"{name} is also a {base.__name__}"


def test_everything_raised_here_is_an_argus_error():
    """One ``except al.ArgusError`` catches them all."""
    assert all(issubclass(error, errors.ArgusError) for error in CLASSES.values())
