"""Groups below each other: how long each takes, from its median to its slowest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from argus_lab.figures import canvas
from argus_lab.figures.formats import count, duration, plural, time_unit, widened, width
from argus_lab.figures.reading import in_memory
from argus_lab.figures.series import named, numbered
from argus_lab.figures.theme import ACCENT, RULE, Sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from bokeh.plotting import figure

__all__ = ["latency_by"]

MOST = 20
"""Groups that are drawn."""
NARROW = 1000.0
"""Largest number by smallest, up to which an axis is linear."""


def latency_by(measured: Any, *, by: str | Sequence[str]) -> figure:
    """Durations of groups below each other: a bar from the median to the 95th percentile, a mark at the 99th.

    The groups stand by how much time they take in all (their mean by their number), so what is worth a look
    comes first; the twenty first are drawn, and the title says how many are not. At the right are their
    numbers.

    Parameters
    ----------
    measured
        What :func:`~argus_lab.measures.latency.latency` gave for ``by``.
    by
        As it was given there.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.groups import latency_by
    >>> latency_by(al.latency(al.open(tiny_lake).spans(), by="name"), by="name").xaxis.axis_label
    'duration (ms)'
    """
    words = " and ".join([by] if isinstance(by, str) else by).replace("_", " ")
    title = f"Latency by {words}"
    found = numbered(named(in_memory(measured), by, ""))
    found = found[found["count"] > 0]
    if found.empty:
        return canvas.nothing(title, "No span in this frame has a duration.")
    found = found.assign(total=found["count"] * found["mean_ms"])
    ordered = found.sort_values(["total", "group"], ascending=[False, True], ignore_index=True)
    rows = ordered.head(MOST)
    parts = [plural(int(found["count"].sum()), "span"), "by the time they take in all"]
    parts += [f"the first {MOST} of {count(len(found))} groups are drawn"] * (len(found) > MOST)
    return _drawn((title, canvas.lines(parts)), rows)


def _drawn(words: tuple[str, str], rows: pd.DataFrame) -> figure:
    numbers = rows[["p50_ms", "p95_ms", "p99_ms"]].to_numpy(dtype=float, na_value=np.nan)
    is_log = bool(numbers.min() > 0 and numbers.max() > NARROW * numbers.min())
    size, unit = (1.0, "ms") if is_log else time_unit(float(numbers.max()))
    labels = [name or "(no name)" for name in rows["group"]]
    told = [
        f"{duration(a)} · {duration(b)} · {count(n)}"
        for a, b, n in zip(rows["p50_ms"], rows["p95_ms"], rows["count"], strict=True)
    ]
    cells, wide = max(map(width, labels)), max(map(width, told))
    drawn = canvas.canvas(
        *words,
        height=len(rows) * (Sizes.ROW + 6) + 130,
        x_axis_type="log" if is_log else "linear",
        y_range=canvas.extent(len(rows) - 0.4, -0.6),
        min_border_left=round(cells * Sizes.CELL) + 14,
    )
    drawn.ygrid.visible = False
    canvas.number_axis(drawn.xaxis[0], f"duration ({unit}{', log scale' if is_log else ''})")
    if not is_log:
        drawn.x_range = canvas.from_zero_to_right()
    canvas.labelled(
        drawn.yaxis[0], {float(y): widened(text, cells) for y, text in enumerate(labels)}, mono=True
    )
    right = canvas.LinearAxis()
    drawn.add_layout(right, "right")
    canvas.labelled(
        right, {float(y): widened(text, wide, right=True) for y, text in enumerate(told)}, mono=True
    )
    _marks(drawn, rows, numbers / size)
    return drawn


def _marks(drawn: figure, rows: pd.DataFrame, numbers: np.ndarray[Any, Any]) -> None:
    source = canvas.source(
        {
            "row": rows["row"].tolist(),
            "y": np.arange(len(rows), dtype=float),
            "p50": numbers[:, 0],
            "p95": numbers[:, 1],
            "p99": numbers[:, 2],
            "group": rows["group"].tolist(),
            "quantiles": [
                f"median {duration(a)}, p95 {duration(b)}, p99 {duration(c)}, longest {duration(d)}"
                for a, b, c, d in zip(
                    rows["p50_ms"], rows["p95_ms"], rows["p99_ms"], rows["max_ms"], strict=True
                )
            ],
            "counts": [
                f"{plural(int(n), 'span')}, {count(e)} with an error, {duration(total)} in all"
                for n, e, total in zip(rows["count"], rows["errors"], rows["total"], strict=True)
            ],
        }
    )
    tail = drawn.segment(
        x0="p95", x1="p99", y0="y", y1="y", source=source, line_color=RULE, line_width=1.5, line_dash="dotted"
    )
    bars = drawn.hbar(
        y="y", left="p50", right="p95", height=0.46, source=source, fill_color=ACCENT, fill_alpha=0.55,
        line_color=ACCENT, line_width=1,
    )  # fmt: skip
    middle = drawn.scatter(x="p50", y="y", source=source, marker="circle", size=9, color=ACCENT)
    last = drawn.scatter(x="p99", y="y", source=source, marker="dash", angle=np.pi / 2, size=10, color=RULE)
    canvas.tooltip(drawn, [bars, middle], "group", ["quantiles", "counts"])
    items: list[tuple[str, list[Any]]] = [
        ("median", [middle]),
        ("to the 95th percentile", [bars]),
        ("99th", [tail, last]),
    ]
    canvas.legend(drawn, items)
