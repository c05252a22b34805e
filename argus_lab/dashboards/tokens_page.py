"""The tokens page, for one visitor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards import tokens_charts as charts
from argus_lab.dashboards.chart_view import ChartView
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.jobs import Jobs
from argus_lab.dashboards.latency_charts import measured_code, whole_of
from argus_lab.dashboards.lists import ListView
from argus_lab.dashboards.notices import Notice, nothing_matches
from argus_lab.dashboards.switches import SWITCHES, Switches, arranged, to_come
from argus_lab.dashboards.tokens_audit import Audit, audit
from argus_lab.dashboards.tokens_charts import LENGTHS_OF_USAGE
from argus_lab.figures.formats import count, is_known, plain, plural, usd

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.dashboards.charts import Chart
    from argus_lab.dashboards.desk import Desk
    from argus_lab.dashboards.digest import Digest

__all__ = ["TokensPage", "body", "first"]

AUTO = ""
FEW_ROWS = 166
"""Pixels of a list of four rows, with its title."""
PRICED = "cost by list price"
NUMBERS = ("model calls", PRICED, "fresh input", "read from cache", "output", "reasoning")
VALUES = {"tokens": "tokens", "cost": "cost"}
UNPRICED = ["unpriced_calls", "unpriced_models"]
NO_CALL = "No model call in this range tells how many tokens it used."


class TokensPage:
    """Charts and lists that are drawn anew when something else is chosen, the first one first."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._switches = Switches(told={}, min_height=SWITCHES, sizing_mode="stretch_width", margin=0)
        self._switches.whenever_told(self._heard)
        self._usage = ChartView(desk, "usage", "Tokens over time")
        self._answers = ChartView(desk, "answers", "Tokens an answer takes")
        self._growth = ChartView(desk, "growth", "What fills the prompt of a session")
        self._groups = ListView("groups", "By model", high=FEW_ROWS)
        self._expensive = ListView("expensive", "Most expensive sessions")
        self._audit = ListView("audit", "Counts that cannot be right", high=FEW_ROWS)
        self._cut = (self._usage, self._answers, self._groups)
        self._nothing = Notice(told=nothing_matches(), sizing_mode="stretch_width")
        self._charts = arranged(
            [self._usage.view],
            [self._groups.view],
            [self._answers.view, self._growth.view],
            [self._expensive.view],
            [self._audit.view],
        )
        self.view = pn.Column(self._switches, self._charts, sizing_mode="stretch_width", margin=0)
        self._numbers = to_come(NUMBERS)
        self._sessions: list[tuple[str, str]] = []
        self._projects: dict[str, str] = {}
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

    @property
    def values(self) -> charts.Values:
        """Whether tokens are shown over time, or what they cost."""
        return "cost" if self.desk.own.get("values") == "cost" else "tokens"

    def refresh(self, *, is_news: bool = False) -> None:
        """Work everything out again; what is the same stays as it is."""
        if not is_news:
            self._wait(*self._cut, self._growth, self._expensive, self._audit)
        self._jobs.anew()
        self._look()

    def _look(self) -> None:
        self._jobs.wait_no_more()
        self._draw()
        digest, choices, by, values = self.desk.digest, self.desk.choices, self.by, self.values
        every = self.desk.own.get("every", AUTO)
        look = partial(charts.first_look, digest, choices, by, every, values)
        self._jobs.compute(look, self._with_first, lane="look")

    def _wait(self, *views: ChartView | ListView) -> None:
        for view in views:
            view.busy()

    def _with_first(self, found: charts.FirstLook) -> None:
        is_there = found.chart is not None
        shown = self._charts if is_there else self._nothing
        if self.view[1] is not shown:
            self.view[1] = shown
        if found.chart is None:
            self._numbers = []
            self._draw()
            return
        self._every = found.every
        self._usage.show(found.chart)
        self._jobs.once(self._usage.once_drawn, lambda: self._then(found.every))

    def _then(self, every: str) -> None:
        """What is looked at after the first chart."""
        digest, choices, by = self.desk.digest, self.desk.choices, self.by
        compute = partial(self._jobs.compute, is_later=True)
        of = whole_of(digest, choices)
        compute(lambda: charts.used(digest, choices), self._with_used, lane="used", of=of)
        compute(lambda: charts.groups(digest, choices, by), self._with_groups, lane="groups")
        compute(lambda: charts.answering(digest, choices, by, every), self._answers.show, lane="answers")
        compute(lambda: charts.expensive(digest, choices), self._with_expensive, lane="expensive", of=of)
        compute(lambda: audit(digest, choices), self._with_audit, lane="audit", of=of)

    def _with_used(self, found: charts.Used | None) -> None:
        if found is None:
            self._numbers = []
            self._draw()
            return
        whole = found.whole
        sent, cached = whole["input_tokens"], whole["cache_read_tokens"]
        share = f"{cached / sent:.0%} of the input" if is_known(sent) and sent and is_known(cached) else ""
        without = int(whole["unpriced_calls"]) if is_known(whole["unpriced_calls"]) else 0
        more = (
            f"{plural(without, 'call')} without a list price, of {whole['unpriced_models']}"
            if without
            else ""
        )
        numbers = [
            (count(whole["calls"]), "each call once: wrappers and agents repeat no usage"),
            (usd(whole["cost_usd"]), plain(more, 300)),
            (count(whole["fresh_input_tokens"]), ""),
            (count(cached), share),
            (count(whole["output_tokens"]), "reasoning included"),
            (count(whole["reasoning_tokens"]), ""),
        ]
        names = [name + " *" if without and name == PRICED else name for name in NUMBERS]
        self._numbers = [(value, name, more) for name, (value, more) in zip(names, numbers, strict=True)]
        if without:
            self._numbers.append((count(without), "calls without a price *", plain(more, 300)))
        counted = int(whole["total_tokens"]) if is_known(whole["total_tokens"]) else 0
        if found.plain_tokens > counted:
            twice = f"a sum over all spans would say {count(found.plain_tokens)}: wrappers repeat their calls"
            self._numbers.append((count(counted), "tokens in all", twice))
        self._draw()

    def _with_groups(self, found: pd.DataFrame) -> None:
        by = self.by
        names = [by or "request_model", "calls", "cost_usd", "fresh_input_tokens", "cache_read_tokens"]
        names += ["cache_write_tokens", "output_tokens", "reasoning_tokens", "total_tokens"]
        names += ["unpriced_calls", "unpriced_models"]
        self._groups.title(f"By {charts.BY[by or 'request_model']}")
        without = int(found["unpriced_calls"].sum())
        note = (
            f"{plural(without, 'call')} have no list price; their cost is not known, not 0."
            if without
            else ""
        )
        code = charts.groups_code(self.desk.digest, self.desk.choices, by)
        shown = found[names] if without else found[names].drop(columns=UNPRICED)
        self._groups.show(shown, note=note, code=code, empty=NO_CALL)

    def _with_expensive(self, found: pd.DataFrame) -> None:
        desk = self.desk
        both = list(zip(found["session_id"], found["project"], strict=True))
        links = [desk.link("sessions", session=session, of=project) for session, project in both]
        self._projects = dict(both)
        code = measured_code(desk.digest, desk.choices, charts.EXPENSIVE_CODE)
        shown = found if found["unpriced_calls"].any() else found.drop(columns=UNPRICED)
        self._expensive.show(shown, links=links, code=code, empty=NO_CALL)
        self._sessions = [
            (str(session), plain(first, 60) or str(session))
            for session, first in zip(found["session_id"], found["first_user_message"], strict=True)
        ]
        self._draw()
        self._grow()

    def _grow(self) -> None:
        """The context growth of the session that is chosen, else of the most expensive one."""
        session = self.desk.own.get("session") or (self._sessions[0][0] if self._sessions else None)
        self._growth.view.visible = session is not None
        if session is None:
            return
        digest, project = self.desk.digest, self._projects.get(session)
        self._growth.busy()
        self._jobs.compute(lambda: charts.growth(digest, session, project), self._with_growth, lane="growth")

    def _with_growth(self, found: Chart | None) -> None:
        self._growth.view.visible = found is not None
        if found is not None:
            self._growth.show(found)

    def _with_audit(self, found: Audit) -> None:
        rows = found.findings
        links, words = None, found.words
        if len(rows):
            links = [
                self.desk.link("sessions", session=key["session_id"], of=key["project"], step=key["span_id"])
                for key in rows.to_dict("records")
            ]
            kinds = rows["finding"].value_counts()
            told = ", ".join(f"{name} {count(number)}" for name, number in kinds.items())
            words = f"{plural(len(rows), 'finding')}: {told}. {found.words}"
            rows = rows.drop(columns=["trace_id", "span_id", "project"])
        empty = "Nothing: every count that was sent can be right."
        self._audit.show(rows, words=words, links=links, code=found.code, empty=empty)

    def _heard(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("do") != "set":
            return
        name, value = message.get("name"), message.get("value")
        known = {
            "by": charts.BY,
            "every": LENGTHS_OF_USAGE,
            "values": VALUES,
            "session": dict(self._sessions),
        }
        if name not in known or not (value == AUTO or value in known[name]):
            return
        is_prompt = name == "session"
        views = (self._growth,) if is_prompt else self._cut
        self._wait(*views)  # before the address says so: no chart of another choice looks finished under it
        self.desk.keep(**{name: None if value == "tokens" else value}, is_step=True)
        if is_prompt:
            self._draw()
            self._grow()
        else:
            self._look()

    def _draw(self) -> None:
        chosen = self.desk.own.get("every", AUTO)
        auto = f"auto ({self._every})" if self._every and chosen == AUTO else "auto"
        every = [(AUTO, auto), *((each, each) for each in LENGTHS_OF_USAGE)]
        by = [(AUTO, "what they were"), *charts.BY.items()]
        session = self.desk.own.get("session", AUTO)
        listed = [(AUTO, "the most expensive"), *self._sessions]
        if session and session not in dict(self._sessions):
            listed.append((session, plain(session, 60)))
        fields = [
            ("values", "Show", self.values, list(VALUES.items())),
            ("by", "By", self.by or AUTO, by),
            ("every", "Every", chosen if chosen in LENGTHS_OF_USAGE else AUTO, every),
            ("session", "Prompt of", session, listed),
        ]
        self._switches.told = {
            "label": "Tokens in a few numbers",
            "numbers": self._numbers,
            "fields": [
                {"name": name, "title": title, "value": value, "options": options}
                for name, title, value, options in fields
            ],
        }


def body(desk: Desk) -> pn.viewable.Viewable:
    """The page for a visitor."""
    return TokensPage(desk).view


def first(digest: Digest) -> Chart | None:
    """The chart that who chose nothing sees first."""
    return charts.first_look(digest, Choices(), None, AUTO, "tokens").chart
