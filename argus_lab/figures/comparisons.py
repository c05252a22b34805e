"""Two sets of spans side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argus_lab.errors import InvalidArgument
from argus_lab.figures import canvas
from argus_lab.figures.formats import count, duration, percent, plain, plural, unknown, usd, widened, width
from argus_lab.figures.reading import in_memory
from argus_lab.figures.theme import ACCENT, QUIET, RULE, Sizes
from argus_lab.measures.engines import asked, columns_of

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["comparison", "forest", "written"]

NEEDED = ("metric", "unit", "a", "b", "difference", "low", "high", "n_a", "n_b", "change", "is_clear")
FARTHEST = 5.0
"""Doublings that the axis shows at most: 32 times as much, or a 32nd."""
WORDS = {
    "median_ms": "median duration",
    "p95_ms": "95th percentile of durations",
    "error_rate": "error rate",
    "call_median_ms": "model calls: median duration",
    "call_p95_ms": "model calls: 95th percentile",
    "call_error_rate": "model calls: error rate",
    "ttft_median_ms": "median time to first token",
    "input_tokens": "input tokens a call",
    "output_tokens": "output tokens a call",
    "cost_usd": "cost a call",
    "trace_median_ms": "traces: median duration",
    "trace_p95_ms": "traces: 95th percentile",
    "trace_error_rate": "traces with an error",
    "model_calls": "model calls a trace",
}
"""What a metric is called in the figure."""


def comparison(compared: Any) -> figure:
    """How much each metric changed, with its confidence interval: a forest plot.

    A filled diamond is a change whose interval excludes 0; a hollow circle may be chance. The axis is of
    ratios, so that twice as much is as far from the middle as half as much; intervals that reach farther
    than 32 times end in a triangle. At the right are the numbers themselves.

    Parameters
    ----------
    compared
        What :func:`~argus_lab.measures.compare.compare` gives.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.comparisons import comparison
    >>> from argus_lab.measures.compare import compare
    >>> drawn = comparison(compare(al.open(tiny_lake).spans(), by="project", resamples=50))
    >>> drawn.xaxis.axis_label
    'change from customer-bot to shop-bot (log scale)'
    """
    title = "What changed"
    if "metric" not in columns_of(asked(compared, (), by="comparison")):
        raise InvalidArgument(
            "comparison draws what al.compare gives, not spans: comparison(al.compare(before, after))."
        )
    found = in_memory(compared, NEEDED, by="comparison")
    if found.empty:
        return canvas.nothing(title, "Neither side has anything that could be compared.")
    names = _names(in_memory(compared))
    shown = forest(found)
    clear = int(shown["is_clear"].sum())
    parts = [f"{names[0]} → {names[1]}", f"{clear} of {plural(len(shown), 'metric')} changed clearly"]
    unsaid = int(shown["x"].isna().sum())
    parts += [f"{count(unsaid)} without a relative change have no mark"] * bool(unsaid)
    return _drawn((title, canvas.lines(parts)), shown, names)


def forest(compared: pd.DataFrame) -> pd.DataFrame:
    """The rows as they are drawn: ``x``, ``left``, ``right`` in doublings, whether these are cut, texts.

    Examples
    --------
    >>> row = {"metric": "error_rate", "unit": "share of spans", "a": 0.1,
    ...        "b": 0.2, "difference": 0.1, "low": 0.0, "high": 0.3,
    ...        "n_a": 10, "n_b": 10, "change": 1.0, "is_clear": False}
    >>> forest(pd.DataFrame([row]))[["x", "left", "right"]].values.tolist()
    [[1.0, 0.0, 2.0]]
    """
    a, b, low, high = (
        compared[name].to_numpy(dtype=float, na_value=np.nan) for name in ("a", "b", "low", "high")
    )
    is_clear = compared["is_clear"].fillna(value=False).to_numpy(dtype=bool)
    left, right = _doublings(a + low, a), _doublings(a + high, a)
    numbers = [
        f"{written(x, unit)} → {written(y, unit)}  {widened(percent(change), 8, right=True)}"
        for x, y, unit, change in zip(a, b, compared["unit"], compared["change"], strict=True)
    ]
    spread = [
        f"difference {written(d, unit)}, interval {written(x, unit)} to {written(y, unit)}"
        for d, x, y, unit in zip(compared["difference"], low, high, compared["unit"], strict=True)
    ]
    return pd.DataFrame(
        {
            "y": np.arange(len(compared), dtype=float),
            "x": np.clip(_doublings(b, a), -FARTHEST, FARTHEST),
            "left": np.clip(left, -FARTHEST, FARTHEST),
            "right": np.clip(right, -FARTHEST, FARTHEST),
            "is_cut_left": left < -FARTHEST,
            "is_cut_right": right > FARTHEST,
            "is_clear": is_clear,
            "label": [WORDS.get(name, plain(name, 36)) for name in compared["metric"]],
            "numbers": numbers,
            "spread": spread,
            "clear": ["the interval excludes 0" if clear else "may be chance" for clear in is_clear],
            "sizes": [f"{count(n)} and {count(m)} {plain(_noun(unit), 30)}"
                      for n, m, unit in zip(compared["n_a"], compared["n_b"], compared["unit"], strict=True)],
        }
    )  # fmt: skip


def written(value: float | None, unit: str) -> str:
    """A number of a metric in its unit.

    Examples
    --------
    >>> written(1234.5, "ms, spans"), written(0.0226, "share of spans"), written(-0.5, "USD a model call")
    ('1.23 s', '2.3%', '−$0.5')
    """
    if value is None or pd.isna(value):
        return unknown
    if unit.startswith("ms"):
        return duration(value)
    if unit.startswith("USD"):
        return usd(value)
    sign = "−" if value < 0 else ""
    if unit.startswith("share"):
        return f"{sign}{abs(value):.1%}"
    return f"{sign}{abs(value):,.0f}" if abs(value) >= 100 else f"{sign}{abs(value):,.3g}"  # noqa: PLR2004  three digits


def _doublings(value: np.ndarray, of: np.ndarray) -> np.ndarray:
    """How often ``of`` has to be doubled to give ``value``; NaN where that is no number."""
    ratio = np.divide(value, of, out=np.full(len(of), np.nan), where=of > 0)
    found = np.full(len(of), np.nan)
    np.log2(ratio, out=found, where=ratio > 0)
    return np.where(ratio <= 0, -2 * FARTHEST, found)


def _noun(unit: str) -> str:
    """What was counted, from the unit: "ms, model calls" -> "model calls"."""
    for word in ("model calls", "traces", "spans"):
        if word in unit:
            return word
    return "traces" if unit.endswith("trace") else "model calls"


def _names(compared: pd.DataFrame) -> tuple[str, str]:
    given = [compared[name].iloc[0] if name in compared.columns else None for name in ("name_a", "name_b")]
    a, b = (plain(name, 40) or side for name, side in zip(given, ("a", "b"), strict=True))
    return a, b


def _ticks(shown: pd.DataFrame) -> dict[float, str]:
    reach = max(1.0, np.nanmax(np.abs(shown[["x", "left", "right"]].fillna(0.0).to_numpy())))
    whole = math.ceil(reach)
    marks = [float(n) for n in range(-whole, whole + 1)]
    return {at: percent(2**at - 1).replace(".0%", "%") if at else "0%" for at in marks}


def _drawn(words: tuple[str, str], shown: pd.DataFrame, names: tuple[str, str]) -> figure:
    ticks = _ticks(shown)
    cells = max(width(label) for label in shown["label"])
    drawn = canvas.canvas(
        *words,
        height=len(shown) * (Sizes.ROW + 4) + 150,
        x_range=canvas.extent(min(ticks) - 0.15, max(ticks) + 0.15),
        y_range=canvas.extent(len(shown) - 0.4, -0.6),
        min_border_left=round(cells * Sizes.CELL) + 14,
    )
    drawn.ygrid.visible = False
    canvas.labelled(drawn.xaxis[0], ticks)
    drawn.xaxis.axis_label = f"change from {names[0]} to {names[1]} (log scale)"
    labels = {float(y): widened(text, cells) for y, text in enumerate(shown["label"])}
    canvas.labelled(drawn.yaxis[0], labels, mono=True)
    right = canvas.LinearAxis()
    drawn.add_layout(right, "right")
    wide = max(width(text) for text in shown["numbers"])
    numbers = {float(y): widened(text, wide, right=True) for y, text in enumerate(shown["numbers"])}
    canvas.labelled(right, numbers, mono=True)
    drawn.vspan(x=[0], line_color=RULE, line_width=1.5)
    _marks(drawn, shown)
    return drawn


def _marks(drawn: figure, shown: pd.DataFrame) -> None:
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for is_clear, colour, marker, words in (
        (True, ACCENT, "diamond", "clear change"),
        (False, QUIET, "circle", "may be chance"),
    ):
        rows = shown[(shown["is_clear"] == is_clear) & shown["x"].notna()]
        if rows.empty:
            continue
        source = canvas.source(rows)
        line = drawn.segment(
            x0="left", x1="right", y0="y", y1="y", source=source, line_color=colour, line_width=2.5
        )
        mark = drawn.scatter(
            x="x", y="y", marker=marker, size=14 if is_clear else 9, source=source, line_color=colour,
            line_width=2, fill_color=colour, fill_alpha=1.0 if is_clear else 0.0,
        )  # fmt: skip
        hovered.append(mark)
        items.append((words, [line, mark]))
        for side, at, angle in (("left", "left", math.pi / 2), ("right", "right", -math.pi / 2)):
            cut = rows[rows[f"is_cut_{side}"]]
            if len(cut):
                drawn.scatter(
                    x=at, y="y", marker="triangle", angle=angle, size=9, color=colour,
                    source=canvas.source(cut),
                )  # fmt: skip
    if items:
        canvas.tooltip(drawn, hovered, "label", ["numbers", "spread", "clear", "sizes"])
        canvas.legend(drawn, items)
    else:
        drawn.scatter(x=[], y=[])
