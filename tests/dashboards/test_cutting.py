"""A page of charts asks again only what was chosen anew, and in whatever order it shows what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.desk import Desk, PageKind
from argus_lab.dashboards.digests import digest_of
from argus_lab.dashboards.latency import PAGE as LATENCY
from argus_lab.dashboards.tokens import PAGE as TOKENS

PAGES = pytest.mark.parametrize("kind", [LATENCY, TOKENS], ids=["latency", "tokens"])
UNCUT = {"latency": {"whole", "slowest", "periods"}, "tokens": {"used", "expensive", "audit", "growth"}}
"""By page, the lanes of what is the same however it is cut."""


class Slow(Desk):
    """A desk whose jobs wait until they are let go; of several in a lane the last is done."""

    def __init__(self, kind: PageKind, lake: str) -> None:
        super().__init__(digest_of(lake), kind, Choices(), {})
        self.digest.wait()
        self.waiting: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}
        self.done: list[str] = []
        self.page = kind.body.__globals__[f"{kind.title}Page"](self)

    def compute(self, job: Any, then: Any, *, lane: str = "page", is_later: bool = False) -> None:  # noqa: ARG002
        """Keep the job."""
        self.waiting[lane] = (job, then)

    def let_go(self) -> set[str]:
        """Do all jobs, and those that follow; the lanes that were asked."""
        done = set()
        while self.waiting:
            lane = next(iter(self.waiting))
            job, then = self.waiting.pop(lane)
            then(job())
            done.add(lane)
        return done

    def cut(self) -> None:
        """What a visitor does who cuts the charts by another column."""
        self.page._heard({"do": "set", "name": "by", "value": "service"})  # noqa: SLF001

    def shown(self) -> tuple[Any, ...]:
        """The numbers and rows that nothing cuts; nothing may be waited for."""
        page = vars(self.page)
        views = [view for name, view in page.items() if hasattr(view, "busy") and name != "_nothing"]
        assert not [view for view in views if view.view.visible and vars(view)["_sheet"].busy]
        lists = [vars(view)["_told"].get("table") for view in views if callable(getattr(view, "title", None))]
        return page["_numbers"], lists


@PAGES
def test_what_nothing_cuts_is_not_asked_again(kind: PageKind, support: str):
    """Cut by another column, only the charts that are cut are worked out anew."""
    desk = Slow(kind, support)
    assert UNCUT[kind.name] <= desk.let_go()
    desk.cut()
    asked = desk.let_go()
    assert "look" in asked
    assert not asked & UNCUT[kind.name]


@PAGES
def test_a_cut_takes_no_filter_away(kind: PageKind, support: str):
    """Who cuts before the first chart of a filter is there sees everything of that filter."""
    plain, quick = Slow(kind, support), Slow(kind, support)
    for desk in (plain, quick):
        desk.let_go()
        desk.choose(status=("ERROR",))
    plain.let_go()
    quick.cut()
    assert UNCUT[kind.name] - {"growth"} <= quick.let_go()  # which there is only if a session cost something
    plain.cut()
    plain.let_go()
    assert quick.shown() == plain.shown()


@PAGES
def test_back_from_nothing_all_is_there(kind: PageKind, support: str):
    """A choice that nothing matches, then none: the page shows what it showed, and waits for nothing."""
    desk = Slow(kind, support)
    desk.let_go()
    before = desk.shown()
    desk.choose(service=("no such service",))
    desk.let_go()
    desk.choose(service=())
    desk.let_go()
    assert desk.shown() == before
