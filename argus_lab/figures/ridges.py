"""Distributions on a logarithmic axis: one with a count axis, or a strip for each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_lab.figures import canvas
from argus_lab.figures.formats import count, duration, plural, widened, width
from argus_lab.figures.theme import ACCENT, RULE, Sizes

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.plotting import figure

__all__ = ["ridges"]

STRIP = 46
"""Pixels of a group's strip."""
HIGH = 0.82
"""Of a strip, how much its highest bar takes."""


def ridges(words: tuple[str, str], bins: pd.DataFrame, marks: pd.DataFrame) -> figure:
    """Pieces (group, low, high, count, row) as bars: one group on an axis of counts, several in strips.

    ``marks`` is :func:`argus_lab.measures.latency.latency` by group, in the order of the strips.
    """
    names = [str(name) for name in marks.index]
    high = float(bins["count"].max())
    labels = {name: f"{name}  {count(marks['count'][name])}" for name in names}
    cells = max(width(label) for label in labels.values())
    drawn = canvas.canvas(
        *words,
        height=Sizes.HEIGHT if len(names) == 1 else 130 + STRIP * len(names),
        x_axis_type="log",
        y_range=canvas.extent(0, high * 1.1) if len(names) == 1 else canvas.extent(-len(names) + 0.9, 1),
        min_border_left=64 if len(names) == 1 else round(cells * Sizes.CELL) + 14,
    )
    canvas.number_axis(drawn.xaxis[0], "duration (ms, log scale)")
    if len(names) == 1:
        canvas.number_axis(drawn.yaxis[0], "spans", "0,0")
    else:
        drawn.ygrid.visible = False
        ticks = {0.3 - y: widened(labels[name], cells) for y, name in enumerate(names)}
        canvas.labelled(drawn.yaxis[0], ticks, mono=True)
    _bars(drawn, bins, names, is_alone=len(names) == 1)
    _marks(drawn, marks, names, high if len(names) == 1 else 1.0)
    return drawn


def _bars(drawn: figure, bins: pd.DataFrame, names: list[str], *, is_alone: bool) -> None:
    base = -bins["group"].map({name: y for y, name in enumerate(names)}).astype(float)
    tops = (
        bins["count"]
        if is_alone
        else base + HIGH * bins["count"] / bins.groupby("group")["count"].transform("max")
    )
    source = canvas.source(
        {
            "row": bins["row"].tolist(),
            "left": bins["low"],
            "right": bins["high"],
            "bottom": base,
            "top": tops.astype(float),
            "head": [
                f"{duration(a)} to {duration(b)}" for a, b in zip(bins["low"], bins["high"], strict=True)
            ],
            "spans": [plural(int(n), "span") for n in bins["count"]],
            "group": bins["group"].tolist(),
        }
    )
    bars = drawn.quad(
        left="left", right="right", bottom="bottom", top="top", source=source,
        fill_color=ACCENT, fill_alpha=0.85, line_color=ACCENT, line_width=0.5,
    )  # fmt: skip
    canvas.tooltip(drawn, [bars], "head", ["spans", "group"])


def _marks(drawn: figure, marks: pd.DataFrame, names: list[str], high: float) -> None:
    """Median and 95th percentile of each group as lines through its strip."""
    base = [-float(y) for y in range(len(names))]
    items = []
    for quantile, dash, words in (("p50_ms", "solid", "median"), ("p95_ms", "dashed", "95th percentile")):
        at = [float(marks[quantile][name]) for name in names]
        source = canvas.source(
            {
                "x": at,
                "bottom": base,
                "top": [y + high * (0.92 if len(names) > 1 else 1.05) for y in base],
                "head": [f"{words} {duration(ms)}" for ms in at],
                "group": names,
            }
        )
        line = drawn.segment(
            x0="x",
            x1="x",
            y0="bottom",
            y1="top",
            source=source,
            line_color=RULE,
            line_width=2,
            line_dash=dash,
        )
        canvas.tooltip(drawn, [line], "head", ["group"])
        items.append((words, [line]))
    canvas.legend(drawn, items)
