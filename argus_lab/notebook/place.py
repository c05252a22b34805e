"""Where in a notebook code runs: the notebook's name and the cell's number, as far as they are known."""

from __future__ import annotations

import sys
from pathlib import PurePath, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CELL", "CODE", "NOTEBOOK", "cell_number", "current_shell", "notebook_name"]

NOTEBOOK = "argus.notebook.name"
"""The attribute with the notebook's file name, such as ``analysis.ipynb``."""

CELL = "argus.notebook.execution_count"
"""The attribute with the number of the cell that a span began in."""

CODE = "argus.notebook.code"
"""The attribute with the cell's code; sent only if asked for."""


def current_shell() -> Any:
    """The IPython shell that this code runs in, or None. IPython is not loaded for the question."""
    found = sys.modules.get("IPython")
    return found.get_ipython() if found is not None and hasattr(found, "get_ipython") else None


def notebook_name(environ: Mapping[str, str], shell: Any) -> str | None:
    """The notebook's file name: Jupyter tells it in ``JPY_SESSION_NAME``, VS Code in a variable.

    Only the name: the folders above it may say more about a person than a trace should.

    Examples
    --------
    >>> notebook_name({"JPY_SESSION_NAME": "work/analysis.ipynb"}, None)
    'analysis.ipynb'
    """
    names = getattr(shell, "user_ns", {})
    told = names.get("__vsc_ipynb_file__") or environ.get("JPY_SESSION_NAME")
    if not isinstance(told, str) or not told:
        return None
    path = PureWindowsPath(told) if "\\" in told else PurePath(told)
    return path.name or None


def cell_number(shell: Any) -> int | None:
    """The number of the cell that runs, or ran last."""
    if shell is None:
        return None
    running = getattr(getattr(shell, "displayhook", None), "exec_result", None)
    number = getattr(running, "execution_count", None)
    if number is None:
        number = shell.execution_count - 1  # counted on when a cell begins
    return int(number) if number >= 1 else None
