"""A turn's trace, out of the lake that the receiver keeps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from argus_lab.display.markup import Html
from argus_lab.display.show import show
from argus_lab.errors import ArgusError, NotFound
from argus_lab.lake.lake import Lake
from argus_lab.lake.opening import open as open_lake

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.chat.conversation import Conversation

__all__ = ["Traces"]

SEND_S = 5.0
"""How long spans may take to be sent, and then again to be readable."""
PAGE_BYTES = 300_000
HINT = "If the receiver keeps another lake, name it: al.Chat(..., lake=...), or set ARGUS_LAKE."


class Traces:
    """The spans of a conversation, read back once they can be.

    Parameters
    ----------
    conversation
        Whose spans they are.
    lake
        The receiver's lake, or its address; by default the one that ``al.open()`` opens.
    """

    def __init__(self, conversation: Conversation, lake: Lake | str | os.PathLike[str] | None) -> None:
        self._conversation = conversation
        self._lake = lake

    @property
    def lake(self) -> Lake:
        """The receiver's lake."""
        return self._lake if isinstance(self._lake, Lake) else open_lake(self._lake)

    def of_turn(self, trace_id: str) -> pd.DataFrame:
        """All spans of a turn, when they have arrived."""
        spans = self._conversation.spans_of(trace_id)
        if spans is None:
            raise NotFound(
                f"trace {trace_id!r} is not complete: its turn still runs, or is none of this chat."
            )
        if not self._conversation.flush(SEND_S):
            raise NotFound(
                f"trace {trace_id!r} was not sent: nobody takes spans at {self._conversation.url}. "
                "Start the receiver with:  argus-lab serve"
            )
        try:
            return self.lake.wait_for(trace_id, spans=max(spans, 1), timeout=SEND_S)
        except ArgusError as error:
            raise NotFound(f"{error} {HINT}") from error

    def page(self, trace_id: str) -> Html:
        """The same as a page: a waterfall, and each step behind its line."""
        return Html(show(self.of_turn(trace_id), max_bytes=PAGE_BYTES).html)

    def arrived(self) -> None:
        """Wait until the spans of every turn that is over can be read."""
        ids = [turn.trace_id for turn in self._conversation.transcript.turns if turn.state != "running"]
        for trace_id in ids[-1:]:  # spans are sent in order, so what came before the last is there with it
            if trace_id:
                self.of_turn(trace_id)
