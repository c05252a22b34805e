"""Figures that are built before anybody asks: to put other numbers into one takes a tenth of the time.

Whoever takes one leaves word that another is to be built, which happens a while later, when nobody is on the
way to a page.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from argus_lab.dashboards.arriving import ARRIVALS, LONGEST_S
from argus_lab.dashboards.charts import brushable
from argus_lab.figures.drawings import Drawing

if TYPE_CHECKING:
    from bokeh.model import Model
    from bokeh.models import ColumnDataSource, LayoutDOM

    from argus_lab.dashboards.charts import Chart

__all__ = ["READY", "Built", "Ready", "built"]

LOG = logging.getLogger(__name__)
RESTS_S = 3.0
"""Seconds in which who came has use for the machine: their other charts are being worked out."""
KEPT = 12
"""Kinds of figures of which one is ready: those asked for last."""


class Built(NamedTuple):
    """A figure, the sources whose marks can be brushed, and all that it is made of."""

    figure: LayoutDOM
    sources: Sequence[ColumnDataSource]
    parts: Collection[Model]


def built(chart: Chart) -> Built:
    """The figure of a chart, built now."""
    drawn = chart.drawn.build() if isinstance(chart.drawn, Drawing) else chart.drawn
    sources = brushable(drawn) if chart.pieces else []
    return Built(drawn, sources, drawn.references())


class Ready:
    """One figure of each kind, which says whatever was drawn when it was built."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Hashable, Built] = OrderedDict()
        self._lock = threading.Lock()
        self._ordered: set[Hashable] = set()
        self._building = threading.Lock()

    def take(self, chart: Chart) -> Built | None:
        """A figure that is built as this chart's is, if one is ready; it is the caller's."""
        with self._lock:
            return self._ready.pop(_kind(chart), None)

    def build(self, chart: Chart) -> None:
        """Have a figure of this kind ready, built now."""
        if not isinstance(chart.drawn, Drawing):
            return
        found = built(chart)
        with self._lock:
            self._ready[_kind(chart)] = found
            while len(self._ready) > KEPT:
                self._ready.popitem(last=False)

    def build_later(self, chart: Chart) -> None:
        """The same a while later, once nobody is on the way to a page; ordered once, however many ask."""
        with self._lock:
            if _kind(chart) in self._ready or _kind(chart) in self._ordered:
                return
            self._ordered.add(_kind(chart))
        waits = threading.Timer(RESTS_S, self._build_calmly, [chart])
        waits.daemon = True  # a process that ends does not wait for it
        waits.start()

    def _build_calmly(self, chart: Chart) -> None:
        ARRIVALS.wait(LONGEST_S)
        try:
            with self._building:
                self.build(chart)
        except Exception:  # a page builds it for itself then
            LOG.exception("a figure could not be built beforehand")
        finally:
            with self._lock:
                self._ordered.discard(_kind(chart))


def _kind(chart: Chart) -> Hashable:
    assert isinstance(chart.drawn, Drawing)  # noqa: S101  others are built by whoever draws them
    return chart.drawn.alike, chart.pieces is not None


READY = Ready()
"""Those of this process."""
