"""What a page of charts shows first is what all its numbers say, and what comes later waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas.testing as pdt
import pytest

import argus_lab as al
from argus_lab.dashboards import tokens_charts
from argus_lab.dashboards.chart_view import ChartView
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.desk import Desk
from argus_lab.dashboards.digests import digest_of
from argus_lab.dashboards.jobs import Jobs
from argus_lab.dashboards.latency import PAGE
from argus_lab.dashboards.latency_charts import facts_of, first_look, fitting
from argus_lab.dashboards.stretches import LENGTHS, MOST
from argus_lab.dashboards.tokens_charts import LENGTHS_OF_USAGE
from argus_lab.figures.series import span_of
from argus_lab.measures.latency import DURATIONS

CHOICES = {
    "everything": Choices(),
    "failed": Choices(status=("ERROR",)),
    "a service": Choices(service=("support-agent",)),
    "one model, failed": Choices(status=("ERROR",), component=("llm",)),
    "nothing": Choices(service=("none",)),
}


@pytest.mark.parametrize("every", ["", "1h", "1d"])
@pytest.mark.parametrize("by", [None, "service"])
@pytest.mark.parametrize("name", CHOICES)
def test_one_query_tells_what_several_would(name: str, by: str | None, every: str, support: str):
    """The facts, the length of the stretches and the numbers are those that are asked for one by one."""
    digest, choices = digest_of(support), CHOICES[name]
    found = first_look(digest, choices, by, every)
    assert found.facts == facts_of(digest, choices)
    assert found.every == fitting(found.facts.between, every, LENGTHS, "1h")
    if not found.facts.spans:
        assert found.chart is None
        return
    assert found.chart is not None
    whole = al.latency(digest.spans(choices).to_arrow_table().to_pandas(), by=by, every=found.every)
    whole = whole[whole["time"].notna()].reset_index(drop=True)
    names = ["time", *([by] if by else []), *DURATIONS]
    pdt.assert_frame_equal(found.chart.numbers[names], whole[names], check_dtype=False)
    assert list(found.chart.numbers) == names


@pytest.mark.parametrize("every", ["", "1h", "1d"])
@pytest.mark.parametrize("by", [None, "request_model"])
@pytest.mark.parametrize("name", [*CHOICES, "no calls", "calls of two minutes"])
def test_usage_is_shown_in_stretches_that_fit_the_calls(name: str, by: str | None, every: str, support: str):
    """No more than are drawn, and no longer than need be; spans without calls have a chart all the same."""
    digest = digest_of(support)
    choices = CHOICES.get(name, Choices(component=("mcp",)))
    if name == "calls of two minutes":
        first = digest.query("SELECT min(start_time) AS at FROM chosen WHERE is_counted", Choices())["at"][0]
        choices = Choices(since=first.isoformat(), until=(first + span_of("2m")).isoformat())
    found = tokens_charts.first_look(digest, choices, by, every, "tokens")
    spans = digest.spans(choices).to_arrow_table().to_pandas()
    assert (found.chart is None) == spans.empty == (name == "nothing")
    if found.chart is None:
        return
    whole = digest.tokens(choices, by=by, every=found.every)
    pdt.assert_frame_equal(found.chart.numbers, whole)
    calls = spans[spans["is_counted"]]
    assert whole.empty == calls.empty
    assert not (calls.empty and name in {"everything", "calls of two minutes"})
    if every:
        assert found.every == every
    elif len(calls):
        lasts = calls["start_time"].max() - calls["start_time"].min()
        assert lasts <= MOST * span_of(found.every)
        for shorter in LENGTHS_OF_USAGE[: LENGTHS_OF_USAGE.index(found.every)]:
            assert lasts + 2 * span_of(found.every) > MOST * span_of(shorter)


class Waiting(Desk):
    """A desk of a page that is in a browser, which says when it has drawn; what is to be done later waits."""

    def __init__(self, lake: str) -> None:
        super().__init__(digest_of(lake), PAGE, Choices(), {})
        self.later: list[Callable[[], Any]] = []

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """Keep it."""
        assert 0 < seconds < 2
        self.later.append(act)


def test_what_comes_later_waits_for_the_browser_but_not_for_ever(support: str):
    """It begins once the browser has drawn what it was shown last, else after a while; never twice."""
    desk, done = Waiting(support), []
    view = ChartView(desk, "over-time", "Latency over time")
    heard = vars(view)["_sheet"]
    view.once_drawn(lambda: done.append("first"))
    view.once_drawn(lambda: done.append("second"))
    view._heard({"do": "drawn", "shown": heard.shown - 1})  # noqa: SLF001  what the browser sends
    view._heard({"do": "drawn", "shown": "2"})  # noqa: SLF001  the same
    assert done == []
    view._heard({"do": "drawn", "shown": heard.shown})  # noqa: SLF001  the same
    assert done == ["second"]
    for act in desk.later:
        act()
    assert done == ["second"]
    view.once_drawn(lambda: done.append("third"))
    desk.later[-1]()
    assert done == ["second", "third"]


def test_news_wait_for_what_waits_for_the_browser(support: str):
    """A page that is still to be drawn is at work; what it is not asked for any more does not begin."""
    news: list[str] = []
    jobs = Jobs(Waiting(support), lambda: news.append("news"))
    begun: list[str] = []
    starts: list[Callable[[], None]] = []
    jobs.once(starts.append, lambda: begun.append("first"))
    jobs.news()
    assert news == []
    starts[0]()
    assert begun == ["first"]
    assert news == ["news"]
    jobs.once(starts.append, lambda: begun.append("second"))
    jobs.wait_no_more()
    starts[1]()
    assert begun == ["first"]
    jobs.news()
    assert news == ["news", "news"]
