"""A chart as data: the figure, the numbers in it as a table, what its marks stand for, and its Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.models import BoxSelectTool, ColumnDataSource, TapTool
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from argus_lab.figures.formats import count, duration, is_known, plain, unknown, usd

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

    from argus_lab.dashboards.choices import Choices
    from argus_lab.dashboards.pieces import Piece
    from argus_lab.figures.drawings import Drawing

__all__ = ["Chart", "brushable", "cell", "columns_of", "kind_of", "rows_of", "title_of"]

LONGEST = 200
"""Characters of a cell."""
MOST_ROWS = 500
"""Rows of a table in the page."""
ROW = "row"
THREE_DIGITS = 100
"""From here on a broken number has three digits before the point."""
MOMENTS = ("time", "start_time")
TITLES = {
    "p50_ms": "median",
    "p90_ms": "p90",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "mean_ms": "mean",
    "max_ms": "longest",
    "ttft_count": "with first token",
    "ttft_p50_ms": "first token, median",
    "ttft_p95_ms": "first token, p95",
    "output_tokens_per_s": "tokens/s",
    "low": "from",
    "high": "to",
    "request_model": "model",
    "component_type": "type",
    "component_name": "component",
    "agent_name": "agent",
    "time_to_first_token_ms": "first token",
    "duration_ms": "duration",
    "start_time": "start (UTC)",
    "time": "time (UTC)",
    "cost_usd": "cost",
    "list_cost_usd": "cost",
    "fresh_input_tokens": "fresh input",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "to cache",
    "input_tokens": "input",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
    "total_tokens": "tokens",
    "unpriced_models": "models without a price",
    "session_id": "session",
}
"""What columns are called on a page, if not by their name."""


@dataclass(frozen=True)
class Chart:
    """What a page shows of one measure.

    ``numbers`` are the rows of the measure; marks of ``drawn`` know theirs (column ``row`` of their source),
    and ``pieces`` says what rows stand for.
    """

    name: str
    title: str
    drawn: LayoutDOM | Drawing[LayoutDOM]
    numbers: pd.DataFrame
    words: str
    pieces: Callable[[pd.DataFrame], list[Piece]] | None = None
    calls: bool = False
    code: str = ""
    hide: Sequence[str] = ()
    note: str = ""
    links: Sequence[str] | None = None
    view: Choices | None = None
    """Which spans it is of, if not those that are chosen on the page."""
    key: Any = field(default=None)
    """What the chart was made of beside its numbers: where both are the same, it is the same chart."""

    def is_like(self, other: Chart | None) -> bool:
        """Whether it shows the same."""
        return other is not None and self.key == other.key and self.numbers.equals(other.numbers)


def plots(drawn: LayoutDOM) -> list[figure]:
    """The figures in a layout. To look for them among all that it is made of takes a tenth of a second."""
    if isinstance(drawn, figure):
        return [drawn]
    return [plot for child in getattr(drawn, "children", ()) for plot in plots(child)]


def brushable(drawn: LayoutDOM) -> list[ColumnDataSource]:
    """The sources whose marks know their rows, once a box or a click chooses among them."""
    found: list[ColumnDataSource] = []
    for plot in plots(drawn):
        known = [each for each in plot.renderers if isinstance(each, GlyphRenderer)]
        sources = {each.id: each.data_source for each in known if type(each.glyph).__name__ in MARKS}
        told = {
            key: each
            for key, each in sources.items()
            if isinstance(each, ColumnDataSource) and ROW in each.data
        }
        marks = [each for each in known if each.id in told]
        if not marks:
            continue
        box = BoxSelectTool(renderers=[*marks], persistent=False)
        plot.add_tools(box, TapTool(renderers=[*marks]))
        plot.toolbar.active_drag = box
        found += told.values()
    return list({source.id: source for source in found}.values())


MARKS = ("Scatter", "VBar", "HBar", "Quad")


def rows_of(sources: Iterable[ColumnDataSource]) -> list[int]:
    """The numbers of the rows whose marks are selected, each once, in order."""
    found: set[int] = set()
    for source in sources:
        rows = source.data[ROW]
        for place in source.selected.indices:
            row = rows[place]
            found.update(row if isinstance(row, list) else [int(row)])
    return sorted(row for row in found if row >= 0)


def title_of(column: str) -> str:
    """What a column is called on a page.

    Examples
    --------
    >>> title_of("p95_ms"), title_of("calls_per_answer")
    ('p95', 'calls per answer')
    """
    return TITLES.get(column, column.removesuffix("_ms").removesuffix("_usd").replace("_", " "))


def kind_of(column: str, values: pd.Series) -> str:
    """How a column stands in a table: ``number``, ``error`` or ``text``."""
    if column == "status":
        return "error"
    return (
        "number"
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        else "text"
    )


def cell(column: str, value: Any) -> str:
    """A value as text.

    Examples
    --------
    >>> cell("p50_ms", 1234.5), cell("calls", 1200), cell("cost_usd", 0.5), cell("service", None)
    ('1.23 s', '1,200', '$0.5', '–')
    """
    if not is_known(value):
        return unknown
    if column in MOMENTS:
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if column.endswith("_ms") or column in {"low", "high"}:
        return duration(value)
    return usd(value) if column.endswith("_usd") else _plainly(value)


def _plainly(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value != int(value) and abs(value) < THREE_DIGITS:
        return f"{value:,.3g}"
    return count(value) if isinstance(value, int | float) else plain(value, LONGEST)


def columns_of(frame: pd.DataFrame, hide: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Title and kind of each column that is shown."""
    return [(title_of(name), kind_of(name, frame[name])) for name in frame.columns if name not in hide]


def cells_of(frame: pd.DataFrame, hide: Sequence[str] = ()) -> list[list[str]]:
    """The rows as texts."""
    names = [name for name in frame.columns if name not in hide]
    values = [[cell(name, value) for value in frame[name].tolist()] for name in names]
    return [list(row) for row in zip(*values, strict=True)] if values else []
