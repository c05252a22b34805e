"""The head of a page of charts, and how its charts stand beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import panel as pn

from argus_lab.dashboards.parts import Part, web

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SWITCHES", "Switches", "arranged", "to_come"]

NARROWEST = 440
"""Pixels of a chart that stands beside another one."""
SWITCHES = 90
"""Pixels of the head, in one line."""
TO_COME = "…"
WRAPS = ":host { flex-wrap: wrap } :host > * { flex: 1 1 440px }"


class Switches(Part):
    """Key numbers, and what the charts are cut by: tells in messages what a visitor sets."""

    _esm = web("made.js") + web("switches.js")
    _stylesheets = [web("look.css"), web("switches.css")]  # noqa: RUF012  Panel's way to name them


def to_come(names: Iterable[str]) -> list[tuple[str, str, str]]:
    """The key numbers of these names, before there are any: they have their place then, and nothing moves."""
    return [(TO_COME, name, "") for name in names]


def arranged(*rows: list[pn.viewable.Viewable]) -> pn.Column:
    """Rows of charts, which stand below each other where the page is narrow."""
    made = []
    for row in rows:
        if len(row) == 1:
            made += row
            continue
        for each in row:
            each.sizing_mode = "stretch_width"
            each.min_width = NARROWEST
        made.append(pn.Row(*row, sizing_mode="stretch_width", margin=0, stylesheets=[WRAPS]))
    return pn.Column(*made, sizing_mode="stretch_width", margin=(0, 10))
