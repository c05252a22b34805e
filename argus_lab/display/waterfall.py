"""The steps of a trace as lines: label, bar in time, duration, tokens; behind each line its detail."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from argus_lab.display.budget import Later
from argus_lab.display.details import detail, longest_of
from argus_lab.display.folding import DEEPEST_GUIDE, Line, lines
from argus_lab.display.markup import Html, element, joined
from argus_lab.display.repeats import same_as_before
from argus_lab.display.units import count, duration, plural
from argus_lab.display.visible import brief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_lab.display.taken import Steps

__all__ = ["Scale", "tree_of", "waterfall"]

INDENT = 14
TICKS = 5
LABELS_IN_A_FOLD = 12
FOLD_RANK = 4
"""Single steps choose their room before folded ones."""
OUTER = {None, "agent", "chain"}
"""What holds other steps and does nothing of its own."""


class Scale:
    """Time across the page: from the first start to the last end of the steps."""

    def __init__(self, ends: list[tuple[float, float]]) -> None:
        known = [end for end in ends if not math.isnan(end[0])]
        self.first = min((start for start, _ in known), default=0.0)
        self.length = max(max((end for _, end in known), default=0.0) - self.first, 1e-9)

    def place(self, start: float, end: float) -> str:
        """Left edge and width of a bar, in percent."""
        left = min(max((start - self.first) / self.length * 100, 0.0), 99.8)
        wide = min(max((end - start) / self.length * 100, 0.0), 100 - left)
        return f"left:{left:.2f}%;width:{wide:.2f}%"

    def ticks(self) -> Html:
        """Moments at equal distances."""
        every = self.length / (TICKS - 1)
        told = (element("span", duration(every * tick) if tick else "0") for tick in range(TICKS))
        return joined(told, " ")


def tree_of(steps: Steps, most: int) -> list[Line]:
    """The lines that these steps are shown by."""
    return lines(steps.tree, most)


def waterfall(steps: Steps, found: list[Line]) -> list[Html | Later]:
    """The lines as a list, each with what is known of its step behind it."""
    scale = Scale(steps.ends)
    pieces: list[Html | Later] = [Html('<ul class="al-steps">'), _axis(scale)]
    rows = steps.rows([line.place for line in found if not line.folded])
    details = dict(zip(rows, same_as_before(rows.values()), strict=True))
    for line in found:
        if line.folded:
            pieces += [
                Html("<li><details>"),
                _folded_summary(steps, line, scale),
                Html('<div class="al-body">'),
                Later(_tabling(steps, line), FOLD_RANK),
                Html("</div></details></li>"),
            ]
            continue
        row = details[line.place]
        cls = "al-body al-is-wrong" if line.place in steps.is_wrong else "al-body"
        pieces += [
            Html("<li><details>"),
            _summary(steps, line, scale),
            Html(f'<div class="{cls}">'),
            Later(_drawing(row, steps.where(row)), _rank(row), longest_of(row)),
            Html("</div></details></li>"),
        ]
    pieces.append(Html("</ul>"))
    return pieces


def _drawing(row: dict[str, Any], where: str) -> Any:
    return lambda most: detail(row, most, where)


def _rank(row: dict[str, Any]) -> int:
    """Who chooses first when room is short: what failed, then model calls, then what did something."""
    if row.get("status") == "ERROR":
        return 0
    if row.get("component_type") == "llm" or row.get("span_type") == "llm":
        return 1
    return 2 if row.get("component_type") else 3


def _axis(scale: Scale) -> Html:
    ticks = element("span", scale.ticks(), cls="al-ticks")
    cells = [
        element("span", "step", cls="al-label"),
        ticks,
        element("span", "duration", cls="al-num"),
        element("span", "tokens in → out", cls="al-tok"),
    ]
    return element("li", element("div", joined(cells, " "), cls="al-row al-axis"))


def _summary(steps: Steps, line: Line, scale: Scale) -> Html:
    place = line.place
    mark = element("span", "✗ ", cls="al-mark", title="failed") if place in steps.is_wrong else None
    kind = steps.kind[place]
    lost = " parent missing" if steps.is_orphan[place] else ""
    label = [mark, brief(line.label, 90), element("span", f" {kind or ''}{lost}", cls="al-kind")]
    cells = [
        _label(line, label),
        element("span", *_bars(steps, place, scale), cls="al-track"),
        element("span", duration(steps.duration[place]), cls="al-num"),
        element("span", _tokens(steps.tokens[place]), cls="al-tok"),
    ]
    return element("summary", joined(cells, " "), cls="al-row")


def _label(line: Line, content: Sequence[Html | str | None]) -> Html:
    indent = f"padding-left:{min(line.depth, DEEPEST_GUIDE) * INDENT}px"
    guides = element("span", line.guides, cls="al-tree") if line.guides else None
    return element("span", guides, *content, cls="al-label", style=indent, title=brief(line.label, 200))


def _bars(steps: Steps, place: int, scale: Scale) -> list[Html]:
    start, end = steps.ends[place]
    if math.isnan(start) or math.isnan(end):
        return []
    cls = f"al-bar {_colour(steps, place)}".rstrip()
    waited = steps.first_token[place]
    if waited is None or not 0 < waited < end - start:
        return [element("span", cls=cls, style=scale.place(start, end))]
    return [
        element(
            "span", cls="al-wait", style=scale.place(start, start + waited), title="until the first token"
        ),
        element("span", cls=cls, style=scale.place(start + waited, end)),
    ]


def _colour(steps: Steps, place: int) -> str:
    if place in steps.is_wrong:
        return "al-is-wrong"
    kind = steps.kind[place]
    return "al-is-llm" if kind == "llm" else "al-is-outer" if kind in OUTER else ""


def _tokens(tokens: tuple[Any, Any]) -> str:
    return "" if tokens[0] is None and tokens[1] is None else f"{count(tokens[0])} → {count(tokens[1])}"


def _tabling(steps: Steps, line: Line) -> Any:
    return lambda _: _by_label(steps, line)


def _folded_summary(steps: Steps, line: Line, scale: Scale) -> Html:
    """One line for many siblings."""
    known = [steps.ends[place] for place in line.folded if not math.isnan(steps.ends[place][0])]
    total = sum(steps.duration[place] or 0.0 for place in line.folded)
    below = f" {plural(line.spans, 'span')} with all below" if line.spans > line.times else ""
    failed = sum(place in steps.is_wrong for place in line.folded)
    told = f", {plural(failed, 'error')}" if failed else ""
    label = [
        element("span", f"×{count(line.times)} ", cls="al-times"),
        brief(line.label, 90),
        element("span", f"{below}{told}", cls="al-kind"),
    ]
    bar = None
    if known:
        span = scale.place(min(start for start, _ in known), max(end for _, end in known))
        bar = element("span", cls="al-bar al-is-outer", style=span)
    cells = [
        _label(line, label),
        element("span", bar, cls="al-track"),
        element("span", duration(total), cls="al-num", title="sum"),
        element("span", cls="al-tok"),
    ]
    return element("summary", joined(cells, " "), cls="al-row")


def _by_label(steps: Steps, line: Line) -> Html:
    """What is in a folded line and below it, by label."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place in steps.below(line.folded):
        groups[steps.label[place]].append(place)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    names = ("step", "times", "sum", "median", "longest", "errors")
    head = element(
        "tr", *(element("th", name, cls="al-right" if at else None) for at, name in enumerate(names))
    )
    rows = [_group(steps, label, places) for label, places in ranked[:LABELS_IN_A_FOLD]]
    hidden = len(ranked) - len(rows)
    more = element("p", f"… {plural(hidden, 'more label')}", cls="al-more") if hidden else None
    return joined([element("table", element("thead", head), element("tbody", *rows)), more])


def _group(steps: Steps, label: str, places: list[int]) -> Html:
    known = [length for place in places if (length := steps.duration[place]) is not None]
    failed = sum(place in steps.is_wrong for place in places)
    numbers = [
        count(len(places)),
        duration(sum(known) if known else None),
        duration(statistics.median(known) if known else None),
        duration(max(known, default=None)),
        count(failed) if failed else "",
    ]
    cells = [element("td", cell, cls="al-right") for cell in numbers]
    return element("tr", element("td", brief(label, 90)), *cells)
