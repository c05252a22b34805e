"""``%load_ext argus_lab``: the cell magic ``%%trace``."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

from argus_lab.notebook.traced import FIRST, TracedCells

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


@magics_class
class TraceMagics(Magics):
    """The magics of Argus Lab, for ``%%trace?`` and ``%lsmagic``."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell=shell)
        self.cells = TracedCells(shell)

    @cell_magic
    def trace(self, line: str, cell: str) -> None:
        """Run the cell in a span of its own, and show its trace beneath it.

        ::

            %%trace [name] [--code] [--lake LAKE]

        The cell runs as ever: with await, with other cell magics below this line, with its output and its
        errors. Spans that it makes become children of the cell's span, tagged with the notebook's name
        and the cell's number. The code is sent only with --code. LAKE is where the receiver keeps spans;
        without it $ARGUS_LAKE, else datasets/lake. Calls al.instrument() if nobody did.
        """
        # Cells that begin with it never get here: their first line is taken off before.
        del line, cell
        raise UsageError(FIRST)


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext argus_lab``."""
    magics = TraceMagics(shell)
    shell.register_magics(magics)
    magics.cells.register()


def unload_ipython_extension(shell: Any) -> None:
    """Called by ``%unload_ext argus_lab``."""
    magics = shell.magics_manager.registry.pop(TraceMagics.__name__, None)
    if magics is not None:
        magics.cells.unregister()
        shell.magics_manager.magics["cell"].pop("trace", None)
