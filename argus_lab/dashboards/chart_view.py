"""A chart on a page: the figure, and below it what was brushed, the numbers, and the lines of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import param
from bokeh.layouts import column

from argus_lab.dashboards.becoming import become, looked_through_once, say
from argus_lab.dashboards.brushed import Brushed, brushed
from argus_lab.dashboards.brushing import Brush, brush_of
from argus_lab.dashboards.charts import MOST_ROWS, Chart, cells_of, columns_of, rows_of
from argus_lab.dashboards.parts import Part, web
from argus_lab.dashboards.ready import READY, built
from argus_lab.figures.drawings import Drawing
from argus_lab.figures.formats import count, plural
from argus_lab.figures.theme import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence

    from bokeh.model import Model
    from bokeh.models import ColumnDataSource, LayoutDOM

    from argus_lab.dashboards.desk import Desk
    from argus_lab.dashboards.ready import Built

__all__ = ["ChartView", "Sheet"]

DRAWN_WITHIN_S = 0.5
"""Longer nobody waits for a browser that does not say that it has drawn."""
VIEWS = ("", "table", "spans", "code")
BAR = 36
"""Pixels of the line of words and buttons below a figure."""
HINT = "Drag over the chart, or click a mark, to select spans"


class Sheet(Part):
    """What stands below a figure: tells in messages what a visitor wants to see of it."""

    busy = param.Boolean(default=False)
    shown = param.Integer(default=0)
    """Counts what was shown; the browser says which it has drawn."""

    _esm = web("made.js") + web("sheet.js")
    _stylesheets = [web("look.css"), web("sheet.css")]  # noqa: RUF012  Panel's way to name them


class ChartView:
    """One place on a page for a chart, where one chart comes after the other; ``view`` is what is shown.

    It is ``high`` pixels high before there is one: what is below it moves only as far as that is not what
    the chart needs.
    """

    def __init__(self, desk: Desk, name: str, label: str, *, high: int = Sizes.HEIGHT) -> None:
        self.desk = desk
        self.name = name
        self.label = label
        self.chart: Chart | None = None
        self.brush: Brush | None = None
        self._figure: LayoutDOM | None = None
        self._parts: Collection[Model] = ()
        self._alike: Hashable = None
        self._sources: Sequence[ColumnDataSource] = []
        self._picked: set[int] = set()
        self._selected: Brushed | None = None
        self._shows = ""
        self._is_busy = False
        self._is_due = False
        self._next: Callable[[], None] | None = None
        self._pane: Any = pn.pane.Bokeh(None, sizing_mode="stretch_width", margin=0)  # type: ignore[no-untyped-call]
        self._place = pn.Column(self._pane, min_height=high, sizing_mode="stretch_width", margin=0)
        self._sheet = Sheet(told=self._told(), min_height=BAR, sizing_mode="stretch_width", margin=0)
        self._sheet.whenever_told(self._heard)
        self.view = pn.Column(self._place, self._sheet, sizing_mode="stretch_width", margin=(0, 6, 14, 6))

    def show(self, chart: Chart) -> None:
        """Show a chart in the place of the last one; the same chart stays as it is, with what is brushed."""
        was_asked, self._is_busy = self._is_busy, False
        if chart.is_like(self.chart):
            self.chart = chart
            self._draw()
            return
        self.chart = chart
        self._forget()
        if self._shows not in {"table", "code"}:
            self._shows = ""
        with pn.io.hold():  # the browser hears of it all at once
            self._put(chart, keep_zoom=not was_asked)
            self._draw()

    def _put(self, chart: Chart, *, keep_zoom: bool) -> None:
        """Put the figure in the place of the last one, which becomes it where both are built alike."""
        alike = chart.drawn.alike if isinstance(chart.drawn, Drawing) else None
        if self._figure is not None and isinstance(chart.drawn, Drawing) and alike == self._alike:
            say(self._parts, chart.drawn, keep_zoom=keep_zoom)
            _label(self._figure, chart.words)
            return
        made = self._made(chart)
        _label(made.figure, chart.words)
        self._alike = alike
        if self._figure is not None and become(self._figure, made.figure, keep_zoom=keep_zoom):
            return
        self._figure, self._sources, self._parts = made
        for source in self._sources:
            source.selected.on_change("indices", self._soon)
        # A figure has style sheets of its own, which a pane cannot take over; a layout of it has none.
        with looked_through_once(pn.state.curdoc):
            self._pane.object = column(made.figure, sizing_mode="stretch_width")
        self._place.min_height = None

    def _made(self, chart: Chart) -> Built:
        """The chart's figure: for who just came one that was ready, if there is any, which then says it."""
        if not isinstance(chart.drawn, Drawing) or self.desk.is_at_once or self._figure is not None:
            return built(chart)
        found = READY.take(chart)
        READY.build_later(chart)
        if found is None:
            return built(chart)
        say(found.parts, chart.drawn)
        return found

    def once_drawn(self, act: Callable[[], None]) -> None:
        """Have ``act`` called once the browser has drawn what it was shown: for that it needs a core, too.

        If it does not say so, as in a tab that nobody looks at, that is after a while.
        """
        self._next = act
        self._sheet.shown = number = self._sheet.shown + 1
        self.desk.after(DRAWN_WITHIN_S, lambda: self._drawn(number))

    def _drawn(self, number: int) -> None:
        if number == self._sheet.shown and self._next is not None:
            act, self._next = self._next, None
            act()

    def busy(self) -> None:
        """The numbers are being worked out again."""
        if not self._is_busy:
            self._is_busy = True
            self._sheet.busy = True

    # --- what is brushed ----------------------------------------------------------------------------------

    def _soon(self, attr: str, old: Any, new: Any) -> None:  # noqa: ARG002  as Bokeh calls it
        """Marks of several sources change one after the other, and one answer is enough."""
        if not self._is_due:
            self._is_due = True
            self.desk.soon(self._brushed)

    def _brushed(self) -> None:
        self._is_due = False
        self._pick(rows_of(self._sources))

    def _pick(self, rows: list[int]) -> None:
        chart = self.chart
        if chart is None or chart.pieces is None:
            return
        self._picked = set(rows)
        if not rows:
            self._forget()
            self._draw()
            return
        pieces = chart.pieces(chart.numbers.iloc[rows])
        brush = brush_of(chart.view or self.desk.choices, pieces, calls=chart.calls)
        self.brush = brush
        self.busy()
        self.desk.compute(
            lambda: brushed(self.desk.digest, brush), self._show_spans, lane=f"{self.name} brushed"
        )

    def _show_spans(self, found: Brushed) -> None:
        if self.brush is None:
            return
        self._is_busy = False
        self._selected = found
        if self._shows in {"", "table"} and not (self._shows == "table" and self._picked):
            self._shows = "spans"
        self._draw()

    def _forget(self) -> None:
        self.brush, self._selected, self._picked = None, None, set()
        if self._shows == "spans":
            self._shows = ""

    def _clear(self) -> None:
        for source in self._sources:
            source.selected.indices = []
        self._forget()
        self._draw()

    # --- what is below the figure ---------------------------------------------------------------------------

    def _heard(self, message: Any) -> None:
        """What a visitor did below the figure; it comes over the wire."""
        if not isinstance(message, dict):
            return
        did = message.get("do")
        if did == "view" and message.get("view") in VIEWS:
            self._shows = message["view"]
            self._draw()
        elif did == "drawn" and isinstance(number := message.get("shown"), int):
            self._drawn(number)
        elif did == "clear":
            self._clear()
        elif did == "pick" and isinstance(row := message.get("row"), int) and self.chart is not None:
            rows = self._picked ^ {row} if bool(message.get("on")) != (row in self._picked) else self._picked
            self._pick(sorted(each for each in rows if 0 <= each < len(self.chart.numbers)))

    def _draw(self) -> None:
        self._sheet.param.update(told=self._told(), busy=self._is_busy)

    def _told(self) -> dict[str, Any]:
        chart = self.chart
        told: dict[str, Any] = {"name": self.name, "label": self.label, "view": self._shows}
        if chart is None:
            return told
        words = "model calls" if chart.calls else "spans"
        told["hint"] = chart.note or (HINT.replace("spans", words) if self._sources else "")
        told["of_what"] = "Calls" if chart.calls else "Spans"
        told["can_pick"] = chart.pieces is not None
        told["code"] = self.brush.code(self.desk.digest.address) if self.brush is not None else chart.code
        if len(chart.numbers):
            told["table"] = self._numbers(chart)
        if self.brush is not None and self._selected is not None:
            one = "model call" if chart.calls else "span"
            told["brushed"] = f"{plural(self._selected.count, one)} selected"
            told["spans"] = self._spans(self._selected)
        elif self.brush is not None:
            told["brushed"] = "Looking for them"
        return told

    def _numbers(self, chart: Chart) -> dict[str, Any]:
        rows = chart.numbers.head(MOST_ROWS)
        note = ""
        if len(rows) < len(chart.numbers):
            note = f"The first {count(len(rows))} of {count(len(chart.numbers))} rows; Python returns all."
        return {
            "columns": columns_of(rows, chart.hide),
            "rows": cells_of(rows, chart.hide),
            "numbers": list(range(len(rows))),
            "picked": sorted(self._picked),
            "links": list(chart.links[: len(rows)]) if chart.links is not None else None,
            "note": note,
        }

    def _spans(self, found: Brushed) -> dict[str, Any]:
        note = ""
        if len(found.rows) < found.count:
            note = f"The first {count(len(found.rows))} of {count(found.count)}; Python returns all."
        links = [
            self.desk.link("sessions", session=key["session_id"], of=key["project"], step=key["span_id"])
            for key in found.keys.to_dict("records")
        ]
        return {
            "columns": columns_of(found.rows),
            "rows": cells_of(found.rows),
            "links": links,
            "note": note,
        }


def _label(drawn: LayoutDOM, words: str) -> None:
    """Have a screen reader read these words for the figure."""
    for plot in [drawn, *getattr(drawn, "children", [])]:
        if plot.html_attributes.get("role") == "img":
            plot.html_attributes = plot.html_attributes | {"aria-label": words}
