"""From one drawing of a conversation to the next: the patches that the browser applies.

Text that grew is sent as what was added; a turn that is over and the same is not looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argus_lab.widgets.views import Part, TurnView

__all__ = ["Patch", "patches"]

Patch = dict[str, Any]

_ENDS = ("who", "facts", "wrong", "can", "live")
"""What of a turn changes when a call or the turn ends; the question never does."""


def patches(before: Sequence[TurnView], after: Sequence[TurnView]) -> list[Patch]:
    """What makes a browser that shows ``before`` show ``after``.

    Examples
    --------
    >>> from argus_lab.widgets.views import Part, TurnView
    >>> one = TurnView("t1", "llama3.2", "Hello?", "<p>Hello?</p>", (Part("text", text="Hi"),), live=True)
    >>> two = TurnView("t1", "llama3.2", "Hello?", "<p>Hello?</p>", (Part("text", text="Hi!"),), live=True)
    >>> patches([one], [two])
    [{'do': 'more', 'text': '!', 'label': '', 'at': 0, 'part': 0}]
    >>> patches([one], [])
    [{'do': 'turns', 'at': 0, 'turns': []}]
    """
    made: list[Patch] = []
    for at, turn in enumerate(after):
        known = before[at] if at < len(before) else None
        if known is turn:
            continue
        changed = _changed(at, known, turn) if known is not None else None
        if changed is None:
            return [*made, {"do": "turns", "at": at, "turns": [asdict(each) for each in after[at:]]}]
        made += changed
    if len(before) > len(after):
        made.append({"do": "turns", "at": len(after), "turns": []})
    return made


def _changed(at: int, before: TurnView, after: TurnView) -> list[Patch] | None:
    """The patches within one turn; None if it is another turn, or has lost a part."""
    if before.id != after.id or before.asked != after.asked or len(before.parts) > len(after.parts):
        return None
    made: list[Patch] = []
    for place, part in enumerate(after.parts):
        known = before.parts[place] if place < len(before.parts) else None
        if known != part:
            made.append(_grown(known, part) | {"at": at, "part": place})
    if any(getattr(before, name) != getattr(after, name) for name in _ENDS):
        made.append({"do": "end", "at": at} | {name: getattr(after, name) for name in _ENDS})
    return made


def _grown(before: Part | None, after: Part) -> Patch:
    """The text that was added, where only that changed; else the part."""
    grew = before is not None and before.kind == after.kind != "html" and after.text.startswith(before.text)
    if before is not None and grew:
        return {"do": "more", "text": after.text[len(before.text) :], "label": after.label}
    return {"do": "part"} | asdict(after)
