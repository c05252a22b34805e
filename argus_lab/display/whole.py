"""A span with all that is stored of it: every column, its JSON with a line for each value."""

from __future__ import annotations

from typing import Any

from argus_lab.display.details import indented
from argus_lab.display.json_tree import passage
from argus_lab.display.markup import Html, element, joined
from argus_lab.display.visible import brief

__all__ = ["whole"]

LONG = 160
EMPTY = (None, "", "{}", "[]")
FIRST = ("attributes", "events", "links", "resource", "scope")


def whole(row: dict[str, Any], most: int, where: str) -> Html:
    """Every column that has a value: what was sent first, then the columns by name.

    Examples
    --------
    >>> shown = whole({"name": "chat", "attributes": '{"a": 1}', "seed": None}, 1000, "the frame")
    >>> "attributes" in shown, "chat" in shown, "seed" in shown
    (True, True, False)
    """
    known = {name: value for name, value in row.items() if value is not None and value not in EMPTY}
    texts = {name: value for name, value in known.items() if _is_long(name, value)}
    order = [*(name for name in FIRST if name in texts), *(name for name in texts if name not in FIRST)]
    shown = [joined([element("h5", name), passage(indented(texts[name]), most, where)]) for name in order]
    pairs = (
        joined([element("dt", name), element("dd", brief(value, LONG), dir="auto")])
        for name, value in known.items()
        if name not in texts
    )
    return joined([*shown, element("h5", "columns"), element("dl", *pairs, cls="al-pairs")])


def _is_long(name: str, value: Any) -> bool:
    return name in FIRST or (isinstance(value, str) and (len(value) > LONG or "\n" in value))
