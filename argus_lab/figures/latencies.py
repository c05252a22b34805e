"""How long things take: over time, and how it is spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from argus_lab.figures import canvas
from argus_lab.figures.drawings import Drawing, nothing
from argus_lab.figures.formats import count, plural
from argus_lab.figures.quantiles import DURATION, FIRST_TOKEN, quantile_lines, stretches
from argus_lab.figures.reading import in_memory
from argus_lab.figures.ridges import ridges
from argus_lab.figures.series import largest, named, numbered, span_of
from argus_lab.figures.theme import QUIET, Sizes
from argus_lab.measures.distribution import distribution
from argus_lab.measures.latency import latency

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from bokeh.models import LayoutDOM
    from bokeh.plotting import figure

__all__ = [
    "first_token_drawing",
    "first_token_over_time",
    "latency_distribution",
    "latency_over_time",
    "over_time",
    "over_time_drawing",
    "spread",
]

COUNTS = "counts"
MOST = 6
"""Groups that can be told apart in one figure."""


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
    return over_time(latency(spans, by=by, every=every), every=every, by=by)


def over_time(measured: Any, *, every: str, by: str | Sequence[str] | None = None) -> LayoutDOM:
    """The same of what :func:`~argus_lab.measures.latency.latency` gave for ``every`` and ``by``.

    What is drawn knows the number of the row that it shows: the column ``row`` of its source.
    """
    return over_time_drawing(measured, every=every, by=by).build()


def over_time_drawing(
    measured: Any, *, every: str, by: str | Sequence[str] | None = None
) -> Drawing[LayoutDOM]:
    """The same, not built yet."""
    title = f"Latency over time, every {every}"
    found = numbered(named(in_memory(measured), by, "all spans"))
    found = found[found["time"].notna() & (found["count"] > 0)]
    if found.empty:
        return nothing(title, "No span in this frame has both a start and a duration.")
    shown, left_out = _shown(found, "count")
    parts = [plural(int(found["count"].sum()), "span"), "median to 90th percentile shaded", *left_out]
    length = span_of(every)
    top = quantile_lines((title, canvas.lines(parts)), shown, length, DURATION)
    counts = _counted(found, length)

    def build() -> LayoutDOM:
        above = top.build()
        above.xaxis.visible = False
        below = _counts(counts, length, above)
        return canvas.column(above, below, sizing_mode="stretch_width", spacing=0)

    return Drawing(build, top.alike, top.texts, {**top.columns, COUNTS: counts})


def first_token_over_time(measured: Any, *, every: str, by: str | Sequence[str] | None = None) -> figure:
    """How long models take to their first token: median and 95th percentile over time.

    Parameters
    ----------
    measured
        What :func:`~argus_lab.measures.latency.latency` gave for ``every`` and ``by``.
    every, by
        As they were given there.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.latencies import first_token_over_time
    >>> measured = al.latency(al.open(tiny_lake).spans(), every="1m")
    >>> first_token_over_time(measured, every="1m").title.text.text
    'Time to first token, every 1m'
    """
    return first_token_drawing(measured, every=every, by=by).build()


def first_token_drawing(
    measured: Any, *, every: str, by: str | Sequence[str] | None = None
) -> Drawing[figure]:
    """The same, not built yet."""
    title = f"Time to first token, every {every}"
    found = numbered(named(in_memory(measured), by, "all model calls"))
    found = found[found["time"].notna() & (found["ttft_count"] > 0)]
    if found.empty:
        return nothing(title, "No model call here tells when its first token came.")
    shown, left_out = _shown(found, "ttft_count")
    parts = [plural(int(found["ttft_count"].sum()), "call"), "median to 95th percentile shaded", *left_out]
    return quantile_lines((title, canvas.lines(parts)), shown, span_of(every), FIRST_TOKEN)


def _shown(found: pd.DataFrame, size: str) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The largest groups by name, and how many are left out, in words."""
    names, left_out = largest(found, size, MOST)
    said = [f"the {len(names)} largest of {len(names) + left_out} groups are drawn"] * bool(left_out)
    return {name: found[found["group"] == name] for name in names}, said


def _counted(found: pd.DataFrame, length: pd.Timedelta) -> dict[str, Any]:
    """How many spans the numbers are made of."""
    found = found.sort_values("time", kind="stable")
    first = np.flatnonzero(found["time"].ne(found["time"].shift()))
    starts = found["time"].iloc[first]
    counts, errors = (np.add.reduceat(found[name].to_numpy(dtype=int), first) for name in ("count", "errors"))
    return {
        "row": [rows.tolist() for rows in np.split(found["row"].to_numpy(), first[1:])],
        "middle": canvas.utc(starts + length / 2),
        "count": counts.astype(float),
        "when": stretches(starts, length),
        "spans": [
            f"{plural(int(n), 'span')}, {plural(int(e), 'error')}"
            for n, e in zip(counts, errors, strict=True)
        ],
    }


def _counts(counted: dict[str, Any], length: pd.Timedelta, top: figure) -> figure:
    """The panel that shows them, below the numbers."""
    drawn = canvas.canvas("", height=Sizes.COUNTS, x_axis_type="datetime", x_range=top.x_range)
    source = canvas.source(counted, COUNTS)
    width = length.total_seconds() * 1000 * 0.8
    bars = drawn.vbar(x="middle", top="count", width=width, source=source, color=QUIET, fill_alpha=0.6)
    canvas.number_axis(drawn.yaxis[0], "spans", "0,0")
    drawn.yaxis.ticker = canvas.BasicTicker(desired_num_ticks=3)
    canvas.from_zero(drawn)
    drawn.xaxis.axis_label = "time (UTC)"
    canvas.tooltip(drawn, [bars], "when", ["spans"])
    return drawn


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
    return spread(distribution(spans, by=by), latency(spans, by=by), by=by)


def spread(pieces: Any, marks: Any, *, by: str | Sequence[str] | None = None) -> figure:
    """The same of what :func:`~argus_lab.measures.distribution.distribution` and ``latency`` gave for ``by``.

    The bars know the number of the row of ``pieces`` that they show: the column ``row`` of their source.
    """
    title = "How long spans take"
    found = numbered(named(in_memory(pieces), by, "all spans"))
    known = found[found["low"].notna()]
    if known.empty:
        return canvas.nothing(title, "No span in this frame has a duration above 0, which a log axis needs.")
    names, left_out = largest(known, "count", 2 * MOST)
    told = named(in_memory(marks), by, "all spans").drop_duplicates("group").set_index("group")
    total = int(known["count"].sum())
    rest = int(found["count"].sum()) - total
    parts = [plural(total, "span")]
    parts += [f"{count(rest)} with a duration of 0 or below are not drawn"] * bool(rest)
    parts += [f"the {len(names)} largest of {len(names) + left_out} groups are drawn"] * bool(left_out)
    bars = known[known["group"].isin(names)].sort_values(["group", "low"], ignore_index=True)
    return ridges((title, canvas.lines(parts)), bars, told.loc[names])
