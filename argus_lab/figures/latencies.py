"""How long things take: over time, and how it is spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argus_lab.figures import canvas
from argus_lab.figures.formats import count, duration, plural, time_unit
from argus_lab.figures.reading import in_memory
from argus_lab.figures.ridges import histograms, ridges
from argus_lab.figures.series import largest, named, span_of, with_gaps
from argus_lab.figures.theme import QUIET, SERIES, Sizes
from argus_lab.measures.latency import latency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.models import ColumnDataSource, LayoutDOM
    from bokeh.plotting import figure
    from numpy.typing import NDArray

__all__ = ["latency_distribution", "latency_over_time"]

MOST = 6
"""Groups that can be told apart in one figure."""
LOG_FROM = 50
"""An axis is logarithmic where the largest number is so many times the smallest."""
LINES = {"p50_ms": ("solid", 2.5), "p90_ms": ("dashed", 1.8), "p99_ms": ("dotted", 1.8)}


def latency_over_time(spans: Any, *, every: str = "1h", by: str | Sequence[str] | None = None) -> LayoutDOM:
    """Median, 90th and 99th percentile of the spans' durations over time, and how many spans there were.

    The band reaches from the median to the 90th percentile. With ``by`` each group has its median as a line
    and its band; the six groups with the most spans are drawn, and the title says how many are not. Where
    there is no span, lines stop.

    Parameters
    ----------
    spans
        A frame of spans of any kind (:func:`~argus_lab.measures.latency.latency`).
    every
        Length of a stretch of time, such as ``"15m"``.
    by
        A column or several.

    Returns
    -------
    Two Bokeh figures below each other: durations, and the number of spans.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.latencies import latency_over_time
    >>> drawn = latency_over_time(al.open(tiny_lake).spans(), every="1m")
    >>> [part.yaxis.axis_label for part in drawn.children]
    ['duration (ms)', 'spans']
    """
    title = f"Latency over time, every {every}"
    found = named(in_memory(latency(spans, by=by, every=every)), by, "all spans")
    found = found[found["time"].notna() & (found["count"] > 0)]
    if found.empty:
        return canvas.nothing(title, "No span in this frame has both a start and a duration.")
    names, left_out = largest(found, "count", MOST)
    shown = {name: found[found["group"] == name] for name in names}
    parts = [plural(int(found["count"].sum()), "span"), "median to 90th percentile shaded"]
    parts += [f"the {len(names)} largest of {len(names) + left_out} groups are drawn"] * bool(left_out)
    top = _times(title, canvas.lines(parts), shown, span_of(every))
    return canvas.column(top, _counts(found, span_of(every), top), sizing_mode="stretch_width", spacing=0)


def _times(title: str, subtitle: str, shown: dict[str, pd.DataFrame], length: pd.Timedelta) -> figure:
    columns = ["p50_ms", "p90_ms"] if len(shown) > 1 else list(LINES)
    numbers = pd.concat(shown.values())[columns]
    size, unit = time_unit(float(numbers.max().max()))
    axis, words = _axis(numbers.to_numpy(dtype=float).ravel())
    drawn = canvas.canvas(title, subtitle, x_axis_type="datetime", y_axis_type=axis)
    canvas.number_axis(drawn.yaxis[0], f"duration ({unit}{words})")
    drawn.xaxis.visible = False
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for (name, rows), look in zip(shown.items(), SERIES, strict=False):
        source = canvas.source(_drawable(with_gaps(rows, length), size, length))
        band = drawn.vbar(
            x="middle", bottom="p50_ms", top="p90_ms", width=length.total_seconds() * 1000, source=source,
            fill_color=look.colour, fill_alpha=0.16, line_color=None,
        )  # fmt: skip
        marks = drawn.scatter(
            x="middle", y="p50_ms", source=source, marker=look.marker, size=Sizes.MARK, color=look.colour
        )
        hovered.append(marks)
        if len(shown) > 1:
            line = drawn.line(
                x="middle",
                y="p50_ms",
                source=source,
                color=look.colour,
                line_width=Sizes.LINE,
                line_dash=look.dash,
            )
            items.append((name, [line, marks, band]))
            continue
        items += _quantiles(drawn, source, look.colour)
    canvas.tooltip(
        drawn, hovered, "when", ["group", "quantiles", "counts"], mode="vline" if len(shown) == 1 else "mouse"
    )
    canvas.legend(drawn, items, "above")
    return drawn


def _quantiles(drawn: figure, source: ColumnDataSource, colour: str) -> list[tuple[str, list[Any]]]:
    """A line for each percentile; dots show stretches that stand alone."""
    items: list[tuple[str, list[Any]]] = []
    for quantile, (dash, width) in LINES.items():
        line = drawn.line(
            x="middle", y=quantile, source=source, color=colour, line_width=width, line_dash=dash
        )
        dots = drawn.scatter(x="middle", y=quantile, source=source, color=colour, size=4)
        words = "median" if quantile == "p50_ms" else f"{quantile[1:3]}th percentile"
        items.append((words, [line, dots]))
    return items


def _counts(found: pd.DataFrame, length: pd.Timedelta, top: figure) -> figure:
    """How many spans the numbers above are made of."""
    drawn = canvas.canvas("", height=Sizes.PANEL + 30, x_axis_type="datetime", x_range=top.x_range)
    totals = found.groupby("time", as_index=False)[["count", "errors"]].sum()
    source = canvas.source(
        {
            "middle": canvas.utc(totals["time"] + length / 2),
            "count": totals["count"].astype(float),
            "when": _stretches(totals["time"], length),
            "spans": [
                f"{plural(int(n), 'span')}, {plural(int(e), 'error')}"
                for n, e in totals[["count", "errors"]].to_numpy()
            ],
        }
    )
    width = length.total_seconds() * 1000 * 0.8
    bars = drawn.vbar(x="middle", top="count", width=width, source=source, color=QUIET, fill_alpha=0.6)
    canvas.number_axis(drawn.yaxis[0], "spans", "0,0")
    drawn.yaxis.ticker = canvas.BasicTicker(desired_num_ticks=3)
    canvas.from_zero(drawn)
    drawn.xaxis.axis_label = "time (UTC)"
    canvas.tooltip(drawn, [bars], "when", ["spans"])
    return drawn


def _drawable(rows: pd.DataFrame, size: float, length: pd.Timedelta) -> dict[str, Any]:
    numbers: dict[str, Any] = {n: rows[n].to_numpy(dtype=float, na_value=np.nan) / size for n in LINES}
    texts = rows[["p50_ms", "p90_ms", "p99_ms", "max_ms"]].to_numpy(dtype=float, na_value=np.nan)
    return numbers | {
        "middle": canvas.utc(rows["time"] + length / 2),
        "when": _stretches(rows["time"], length),
        "group": rows["group"].fillna("").tolist(),
        "quantiles": [
            f"median {duration(a)}, p90 {duration(b)}, p99 {duration(c)}, longest {duration(d)}"
            for a, b, c, d in texts
        ],
        "counts": [
            f"{count(n)} spans, {count(e)} with an error"
            for n, e in zip(rows["count"], rows["errors"], strict=True)
        ],
    }


def _stretches(times: pd.Series, length: pd.Timedelta) -> list[str]:
    return [f"{time:%a %d %b %Y %H:%M} to {time + length:%H:%M} UTC" for time in times]


def _axis(numbers: NDArray[np.float64]) -> tuple[str, str]:
    """Kind of axis for these numbers, and what to say of it."""
    above = numbers[np.isfinite(numbers) & (numbers > 0)]
    is_log = (
        len(above) > 1 and len(above) == np.isfinite(numbers).sum() and above.max() > LOG_FROM * above.min()
    )
    return ("log", ", log scale") if is_log else ("linear", "")


def latency_distribution(spans: Any, *, by: str | Sequence[str] | None = None) -> figure:
    """How durations are spread, on a logarithmic axis, with their median and 95th percentile.

    With ``by`` each group has a strip of its own, as high as its most frequent duration, so that shapes can
    be compared whatever the numbers; the twelve largest groups are drawn, and the title says how many are
    not.

    Parameters
    ----------
    spans
        A frame of spans of any kind with ``duration_ms``.
    by
        A column or several.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.latencies import latency_distribution
    >>> latency_distribution(al.open(tiny_lake).spans(), by="name").xaxis.axis_label
    'duration (ms, log scale)'
    """
    title = "How long spans take"
    columns = [by] if isinstance(by, str) else list(by or ())
    found = named(in_memory(spans, ["duration_ms", *columns], by="latency_distribution"), by, "all spans")
    known = found[found["duration_ms"] > 0]
    if known.empty:
        return canvas.nothing(title, "No span in this frame has a duration above 0, which a log axis needs.")
    names, left_out = largest(known.assign(n=1), "n", 2 * MOST)
    marks = (
        named(in_memory(latency(spans, by=by)), by, "all spans").drop_duplicates("group").set_index("group")
    )
    parts = [plural(len(known), "span")]
    parts += [f"{count(len(found) - len(known))} without a duration above 0 are not drawn"] * (
        len(found) > len(known)
    )
    parts += [f"the {len(names)} largest of {len(names) + left_out} groups are drawn"] * bool(left_out)
    return ridges((title, canvas.lines(parts)), histograms(known, names), marks.loc[names])
