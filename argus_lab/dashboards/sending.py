"""Nothing that is to be sent to a browser stays behind.

Panel gathers messages for a browser while another one is on its way, and has a task for each batch of them
(``panel.io.document.schedule_write_events``). A task that ends takes the mark away by which the next one
knows that there is something to send; if that one was to begin just then, it sends nothing, and a chart goes
on saying that it is being worked out until its reader does something else. So whoever ends looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from panel.io import document as panels

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bokeh.document import Document

    Send = Callable[[Document], Coroutine[Any, Any, None]]

__all__ = ["send_all"]


OF_PANEL = "of_panel"


def send_all() -> None:
    """From here on what Panel left behind is sent, for every document of this process."""
    if not hasattr(panels._dispatch_msgs, OF_PANEL):  # noqa: SLF001  it has no other place to say so
        panels._dispatch_msgs = _until_nothing_waits(panels._dispatch_msgs)  # noqa: SLF001


def _until_nothing_waits(send: Send) -> Send:
    async def send_then_look(document: Document) -> None:
        await send(document)
        if document in panels._WRITE_MSGS and document not in panels._WRITE_BLOCK:  # noqa: SLF001
            panels._WRITE_BLOCK[document] = True  # noqa: SLF001
            panels._dispatch_write_task(document, send_then_look, document)  # type: ignore[no-untyped-call]  # noqa: SLF001

    setattr(send_then_look, OF_PANEL, send)
    return send_then_look
