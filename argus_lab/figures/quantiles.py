"""Quantiles over time: lines, a band between two of them, and gaps where nothing was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argus_lab.figures import canvas
from argus_lab.figures.drawings import Drawing
from argus_lab.figures.formats import count, duration, time_unit
from argus_lab.figures.series import with_gaps
from argus_lab.figures.theme import SERIES, Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure
    from numpy.typing import NDArray

__all__ = ["ANSWER_TOKENS", "DURATION", "FIRST_TOKEN", "Quantiles", "quantile_lines", "stretches"]

LOG_FROM = 50
"""An axis is logarithmic where the largest number is so many times the smallest."""
LOOKS = (("solid", 2.5), ("dashed", 1.8), ("dotted", 1.8))
"""Dash and width of a group's quantiles, the lowest first."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Which numbers of a measure are drawn: the lowest quantile first, the band up to the second."""

    columns: Mapping[str, str]
    """By column, what it is called in the legend."""
    short: Mapping[str, str]
    """By column, what it is called in a tooltip."""
    counted: str
    of: str
    """What is counted, in the plural."""
    axis: str
    is_time: bool = True


DURATION = Quantiles(
    {"p50_ms": "median", "p90_ms": "90th percentile", "p99_ms": "99th percentile"},
    {"p50_ms": "median", "p90_ms": "p90", "p99_ms": "p99", "max_ms": "longest"},
    "count",
    "spans",
    "duration",
)
FIRST_TOKEN = Quantiles(
    {"ttft_p50_ms": "median", "ttft_p95_ms": "95th percentile"},
    {"ttft_p50_ms": "median", "ttft_p95_ms": "p95"},
    "ttft_count",
    "model calls",
    "time to first token",
)
ANSWER_TOKENS = Quantiles(
    {"total_tokens_p50": "median", "total_tokens_p90": "90th percentile"},
    {"total_tokens_p50": "median", "total_tokens_p90": "p90", "total_tokens_max": "most"},
    "answers",
    "answers",
    "tokens an answer",
    is_time=False,
)


def quantile_lines(
    words: tuple[str, str], shown: Mapping[str, pd.DataFrame], length: pd.Timedelta, of: Quantiles
) -> Drawing[figure]:
    """Quantiles of groups over time; one group shows all of its lines, several their lowest and a band.

    ``shown`` has by name of the group its rows, with ``time``, ``group`` and ``row``.
    """
    columns = list(of.columns) if len(shown) == 1 else list(of.columns)[:2]
    numbers = pd.concat(shown.values())[columns]
    size, unit = time_unit(float(numbers.max().max())) if of.is_time else (1.0, "")
    kind, said = _axis(numbers.to_numpy(dtype=float, na_value=np.nan).ravel())
    beside = ", ".join(part for part in (unit, said) if part)
    label = f"{of.axis} ({beside})" if beside else of.axis
    drawable = [_drawable(with_gaps(rows, length), size, length, of) for rows in shown.values()]
    sources = {f"group {number}": each for number, each in enumerate(drawable)}
    groups = list(shown)
    return Drawing(
        lambda: _built(words, _Built(kind, label, length, of), groups, sources),
        ("quantiles", kind, label, length, of.axis, *groups, words[1].count("\n"), bool(words[1])),
        dict(zip(("title", "subtitle"), words, strict=True)),
        sources,
    )


@dataclass(frozen=True, slots=True)
class _Built:
    """What the figure is built like: kind and name of its axis, how long its stretches are, what it is of."""

    kind: str
    label: str
    length: pd.Timedelta
    of: Quantiles


def _built(
    words: tuple[str, str], like: _Built, groups: Sequence[str], sources: Mapping[str, Mapping[str, Any]]
) -> figure:
    of = like.of
    columns = list(of.columns)
    drawn = canvas.canvas(*words, x_axis_type="datetime", y_axis_type=like.kind)
    drawn.xaxis.axis_label = "time (UTC)"
    canvas.number_axis(drawn.yaxis[0], like.label)
    if like.kind == "linear":
        canvas.from_zero(drawn)
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for name, look, (place, rows) in zip(groups, SERIES, sources.items(), strict=False):
        source = canvas.source(rows, place)
        band = drawn.vbar(
            x="middle", bottom=columns[0], top=columns[1], width=like.length.total_seconds() * 1000,
            source=source, fill_color=look.colour, fill_alpha=0.16, line_color=None,
        )  # fmt: skip
        marks = drawn.scatter(
            x="middle", y=columns[0], source=source, marker=look.marker, size=Sizes.MARK, color=look.colour
        )
        hovered.append(marks)
        if len(groups) == 1:
            items += _lines(drawn, source, look.colour, of, marks)
            continue
        line = drawn.line(
            x="middle", y=columns[0], source=source, color=look.colour, line_width=Sizes.LINE,
            line_dash=look.dash,
        )  # fmt: skip
        items.append((name, [line, marks, band]))
    mode = "vline" if len(groups) == 1 else "mouse"
    canvas.tooltip(drawn, hovered, "when", ["group", "quantiles", "counts"], mode=mode)
    canvas.legend(drawn, items, "above")
    return drawn


def stretches(times: pd.Series, length: pd.Timedelta) -> list[str]:
    """From when to when, in words."""
    return [f"{time:%a %d %b %Y %H:%M} to {time + length:%H:%M} UTC" for time in times]


def _lines(
    drawn: figure, source: ColumnDataSource, colour: str, of: Quantiles, marks: Any
) -> list[tuple[str, list[Any]]]:
    """A line for each quantile; dots, for the lowest the marks, show stretches that stand alone."""
    items: list[tuple[str, list[Any]]] = []
    for (column, words), (dash, width) in zip(of.columns.items(), LOOKS, strict=False):
        line = drawn.line(x="middle", y=column, source=source, color=colour, line_width=width, line_dash=dash)
        is_lowest = not items
        dots = (
            marks if is_lowest else drawn.scatter(x="middle", y=column, source=source, color=colour, size=4)
        )
        items.append((words, [line, dots]))
    return items


def _drawable(rows: pd.DataFrame, size: float, length: pd.Timedelta, of: Quantiles) -> dict[str, Any]:
    numbers: dict[str, Any] = {n: rows[n].to_numpy(dtype=float, na_value=np.nan) / size for n in of.columns}
    write = duration if of.is_time else count
    texts = rows[list(of.short)].to_numpy(dtype=float, na_value=np.nan)
    return numbers | {
        "row": rows["row"].fillna(-1).astype(int).tolist(),
        "middle": canvas.utc(rows["time"] + length / 2),
        "when": stretches(rows["time"], length),
        "group": rows["group"].fillna("").tolist(),
        "quantiles": [
            ", ".join(f"{name} {write(value)}" for name, value in zip(of.short.values(), row, strict=True))
            for row in texts
        ],
        "counts": _counted(rows, of),
    }


def _counted(rows: pd.DataFrame, of: Quantiles) -> Sequence[str]:
    told = [f"{count(n)} {of.of}" for n in rows[of.counted]]
    if of is not DURATION:
        return told
    return [f"{words}, {count(e)} with an error" for words, e in zip(told, rows["errors"], strict=True)]


def _axis(numbers: NDArray[np.float64]) -> tuple[str, str]:
    """Kind of axis for these numbers, and what to say of it."""
    above = numbers[np.isfinite(numbers) & (numbers > 0)]
    is_log = (
        len(above) > 1 and len(above) == np.isfinite(numbers).sum() and above.max() > LOG_FROM * above.min()
    )
    return ("log", "log scale") if is_log else ("linear", "")
