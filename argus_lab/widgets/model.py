"""The ipywidget itself: the browser's side of the cell, and messages to and from it."""

from __future__ import annotations

from pathlib import Path

from argus_lab.display.style import sheet
from argus_lab.errors import MissingExtra

try:
    import anywidget
except ImportError as error:
    raise MissingExtra.of("anywidget", "chat") from error

__all__ = ["ChatWidget"]

HERE = Path(__file__).parent
SHEET = sheet().removeprefix("<style>").removesuffix("</style>")


class ChatWidget(anywidget.AnyWidget):
    """A cell's model. It holds no conversation, so what Jupyter saves of it stays small."""

    _esm = (HERE / "chat.js").read_text(encoding="utf-8")
    _css = SHEET + (HERE / "chat.css").read_text(encoding="utf-8")
