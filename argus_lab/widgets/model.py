"""The ipywidget itself: the browser's side of the cell, and messages to and from it."""

from __future__ import annotations

from contextvars import Context, copy_context
from pathlib import Path
from typing import Any

from argus_lab.display.style import sheet
from argus_lab.errors import MissingExtra

try:
    import anywidget
except ImportError as error:
    raise MissingExtra.of("anywidget", "chat") from error

__all__ = ["ChatWidget"]

HERE = Path(__file__).parent
SHEET = sheet().removeprefix("<style>").removesuffix("</style>")
ROUTE = "_reply_subshell_id"


class ChatWidget(anywidget.AnyWidget):
    """A cell's model. It holds no conversation, so what Jupyter saves of it stays small.

    ipykernel takes the browser's next message into the shell of whoever sent to the browser last. The cell's
    threads belong to none and would be taken for the cell that runs, and Stop would wait for its end. So what
    they send is sent as if from where the browser was last heard, and the route is forgotten after it: a page
    that was loaded anew has a shell of its own.
    """

    _esm = (HERE / "chat.js").read_text(encoding="utf-8")
    _css = SHEET + (HERE / "chat.css").read_text(encoding="utf-8")

    def __init__(self) -> None:
        self._around: Context | None = None
        super().__init__()
        self._forget_route()

    def heard(self) -> None:
        """The browser has said something, which is being dealt with here."""
        self._around = copy_context()

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        """Send to every browser that shows the cell, from any thread."""
        around = self._around.copy() if self._around is not None else copy_context()
        around.run(super().send, content, buffers)
        self._forget_route()

    def _forget_route(self) -> None:
        self.comm.__dict__.pop(ROUTE, None)
