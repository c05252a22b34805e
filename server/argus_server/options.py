"""Command-line options made from the rows of the settings, so that none is written twice."""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from argus_lab import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argus_lab.settings import Row

__all__ = ["takes_settings"]

_REPEATABLE: Mapping[str, Any] = {
    "port": list[int],
    "cors_origins": list[str],
    "chat_origins": list[str],
    "chat_hosts": list[str],
    "dashboard_origins": list[str],
    "dashboard_lakes": list[str],
}


def takes_settings(*names: str, **called: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the options of these settings; it gets all settings, read, as its first argument.

    A value on the command line wins over the ``ARGUS_*`` variable, which wins over the default. ``called``
    gives options of another name the setting they are for: ``port="dashboard_port"``.
    """
    options = {row.name: row for row in settings.ROWS if row.name in names}
    options |= {option: row for row in settings.ROWS for option, name in called.items() if row.name == name}

    def decorated(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def run(**given: Any) -> int:
            chosen = {row.name: _given(given.pop(option)) for option, row in options.items()}
            return command(settings.read(os.environ, **chosen), **given)

        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        parameters += [_parameter(option, row) for option, row in options.items()]
        # Typer reads both; neither is copied from the command, whose first argument is no option.
        run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
        return run

    return decorated


def _parameter(name: str, row: Row) -> inspect.Parameter:
    kind: Any = _REPEATABLE.get(row.name, str)
    default = "" if row.default in {None, ()} else f" Default: {row.default}."
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=f"{row.meaning}{default} Env: {row.variable}.",
        show_default=False,
        metavar="TEXT" if kind is str else None,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _given(value: Any) -> Any:
    """An option as a setting takes it: repeated ones as one text, so that they are checked alike."""
    return " ".join(map(str, value)) or None if isinstance(value, list) else value
