"""The latency page, for one visitor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards import latency_charts as charts
from argus_lab.dashboards.chart_view import ChartView
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.jobs import Jobs
from argus_lab.dashboards.latency_periods import compared
from argus_lab.dashboards.lists import ListView
from argus_lab.dashboards.notices import Notice, nothing_matches
from argus_lab.dashboards.stretches import LENGTHS
from argus_lab.dashboards.switches import SWITCHES, Switches, arranged, to_come
from argus_lab.figures.formats import count, duration
from argus_lab.figures.theme import Sizes

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.dashboards.charts import Chart
    from argus_lab.dashboards.desk import Desk
    from argus_lab.dashboards.digest import Digest

__all__ = ["LatencyPage", "body", "first"]

AUTO = ""
NUMBERS = ("spans", "with an error", "median", "95th percentile", "99th percentile", "first token, median")


class LatencyPage:
    """Charts that are drawn anew when something else is chosen, the first one first."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._switches = Switches(told={}, min_height=SWITCHES, sizing_mode="stretch_width", margin=0)
        self._switches.whenever_told(self._heard)
        self._time = ChartView(desk, "over-time", "Latency over time", high=Sizes.HEIGHT + Sizes.COUNTS)
        self._first = ChartView(desk, "first-token", "Time to first token")
        self._groups = ChartView(desk, "by-group", "Latency by group")
        self._spread = ChartView(desk, "spread", "How long spans take")
        self._periods = ChartView(desk, "periods", "This period and the one before")
        self._slowest = ListView("slowest", "Slowest spans")
        self._cut = (self._time, self._first, self._groups, self._spread)
        self._nothing = Notice(told=nothing_matches(), sizing_mode="stretch_width")
        self._charts = arranged(
            [self._time.view],
            [self._groups.view, pn.Column(self._spread.view, self._first.view, margin=0)],
            [self._periods.view],
            [self._slowest.view],
        )
        self.view = pn.Column(self._switches, self._charts, sizing_mode="stretch_width", margin=0)
        self._numbers = to_come(NUMBERS)
        self._every = AUTO
        desk.on_choices(self.refresh)
        self._jobs = Jobs(desk, lambda: self.refresh(is_news=True))
        desk.on_news(lambda _: self._jobs.news())
        self.refresh()

    @property
    def by(self) -> str | None:
        """The column that charts are cut by, if any."""
        found = self.desk.own.get("by")
        return found if found in charts.BY else None

    def refresh(self, *, is_news: bool = False) -> None:
        """Work everything out again; what is the same stays as it is."""
        if not is_news:
            self._wait(*self._cut, self._periods, self._slowest)
        self._jobs.anew()
        self._look()

    def _look(self) -> None:
        self._jobs.wait_no_more()
        self._draw()
        digest, choices, by = self.desk.digest, self.desk.choices, self.by
        every = self.desk.own.get("every", AUTO)
        self._jobs.compute(
            lambda: charts.first_look(digest, choices, by, every), self._with_first, lane="look"
        )

    def _wait(self, *views: ChartView | ListView) -> None:
        for view in views:
            view.busy()

    def _with_first(self, found: charts.FirstLook) -> None:
        is_there = found.chart is not None
        shown = self._charts if is_there else self._nothing
        if self.view[1] is not shown:
            self.view[1] = shown
        if (chart := found.chart) is None:
            self._numbers = []
            self._draw()
            return
        self._every = found.every
        self._time.show(chart)
        self._jobs.once(self._time.once_drawn, lambda: self._then(found.facts, chart))

    def _then(self, facts: charts.Facts, time: Chart) -> None:
        """What is looked at after the first chart."""
        digest, choices, by = self.desk.digest, self.desk.choices, self.by
        compute = partial(self._jobs.compute, is_later=True)
        of = charts.whole_of(digest, choices)
        compute(
            lambda: digest.latency(choices), lambda found: self._with_whole(facts, found), lane="whole", of=of
        )
        compute(lambda: charts.by_group(digest, choices, by), self._groups.show, lane="groups")
        compute(lambda: charts.first_tokens(digest, choices, time), self._first.show, lane="first")
        compute(lambda: charts.how_spread(digest, choices, by), self._spread.show, lane="spread")
        compute(lambda: charts.slowest(digest, choices), self._with_slowest, lane="slowest", of=of)
        compute(lambda: compared(digest, choices, facts), self._with_periods, lane="periods", of=of)

    def _with_whole(self, facts: charts.Facts, found: pd.DataFrame) -> None:
        whole = found.iloc[0]
        share = facts.errors / facts.spans
        numbers = [
            (count(facts.spans), ""),
            (f"{share:.1%}", f"{count(facts.errors)} spans"),
            (duration(whole["p50_ms"]), f"mean {duration(whole['mean_ms'])}"),
            (duration(whole["p95_ms"]), ""),
            (duration(whole["p99_ms"]), f"longest {duration(whole['max_ms'])}"),
            (duration(whole["ttft_p50_ms"]), f"{count(whole['ttft_count'])} calls"),
        ]
        self._numbers = [(value, name, more) for name, (value, more) in zip(NUMBERS, numbers, strict=True)]
        self._draw()

    def _with_slowest(self, found: pd.DataFrame) -> None:
        links = [
            self.desk.link("sessions", session=key["session_id"], of=key["project"], step=key["span_id"])
            for key in found.to_dict("records")
        ]
        shown = found.drop(columns=["trace_id", "span_id", "project"])
        code = charts.measured_code(self.desk.digest, self.desk.choices, charts.SLOWEST_CODE)
        self._slowest.show(shown, links=links, code=code)

    def _with_periods(self, found: Chart | None) -> None:
        self._periods.view.visible = found is not None
        if found is not None:
            self._periods.show(found)

    def _heard(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("do") != "set":
            return
        name, value = message.get("name"), message.get("value")
        if (name == "by" and (value in charts.BY or value == AUTO)) or (
            name == "every" and (value in LENGTHS or value == AUTO)
        ):
            self._wait(*self._cut)  # before the address says so: no chart of another looks finished under it
            self.desk.keep(**{name: value}, is_step=True)
            self._look()

    def _draw(self) -> None:
        chosen = self.desk.own.get("every", AUTO)
        auto = f"auto ({self._every})" if self._every and chosen == AUTO else "auto"
        self._switches.told = {
            "label": "Latency in a few numbers",
            "numbers": self._numbers,
            "fields": [
                {
                    "name": "by",
                    "title": "By",
                    "value": self.by or AUTO,
                    "options": [(AUTO, "all together"), *charts.BY.items()],
                },
                {
                    "name": "every",
                    "title": "Every",
                    "value": chosen if chosen in LENGTHS else AUTO,
                    "options": [(AUTO, auto), *((each, each) for each in LENGTHS)],
                },
            ],
        }


def body(desk: Desk) -> pn.viewable.Viewable:
    """The page for a visitor."""
    return LatencyPage(desk).view


def first(digest: Digest) -> Chart | None:
    """The chart that who chose nothing sees first."""
    return charts.first_look(digest, Choices(), None, AUTO).chart
