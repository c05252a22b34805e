"""What a page is working on: news wait until it is done, so that a busy machine shows something at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from argus_lab.dashboards.desk import Desk

__all__ = ["Jobs"]

T = TypeVar("T")

WAITING = "waiting"
"""The lane of what is to be done when something else has happened."""


class Jobs:
    """The jobs of a page. ``again`` is called for news: at once, or when all that is asked is shown."""

    def __init__(self, desk: Desk, again: Callable[[], None]) -> None:
        self._desk = desk
        self._again = again
        self._open: set[str] = set()
        self._has_news = False
        self._turn = 0
        self._of: dict[str, Hashable] = {}
        self._once_done: list[Callable[[], None]] = []

    def anew(self) -> None:
        """Whatever is shown is asked again."""
        self._of.clear()

    def compute(
        self,
        job: Callable[[], T],
        then: Callable[[T], None],
        *,
        lane: str,
        of: Hashable = None,
        is_later: bool = False,
    ) -> None:
        """As the desk does; of several jobs in a lane the last is shown, so each lane is open until then.

        ``of`` is what the answer depends on: if the lane was asked of the same before, the answer is there
        or under way, and nothing happens.
        """
        if of is not None:
            if self._of.get(lane) == of:
                return
            self._of[lane] = of
        self._open.add(lane)

        def shown(found: T) -> None:
            self._open.discard(lane)
            then(found)
            if not self._open:
                self._done()

        self._desk.compute(job, shown, lane=lane, is_later=is_later)

    def once(self, when: Callable[[Callable[[], None]], None], act: Callable[[], None]) -> None:
        """Do something when ``when`` calls; until then the page is at work, and news wait."""
        self._open.add(WAITING)
        self._turn += 1
        turn = self._turn

        def go_on() -> None:
            if turn != self._turn:
                return
            self._open.discard(WAITING)
            act()
            if not self._open:
                self._done()

        when(go_on)

    def wait_no_more(self) -> None:
        """What was to be done once something else happens is not any more."""
        self._turn += 1
        self._open.discard(WAITING)

    def once_done(self, act: Callable[[], None]) -> None:
        """Do something once all that is asked now is shown."""
        if self._open:
            self._once_done.append(act)
        else:
            act()

    def _done(self) -> None:
        acts, self._once_done = self._once_done, []
        for act in acts:
            act()
        if self._has_news:
            self._has_news = False
            self._again()

    def news(self) -> None:
        """There is something new in the lake."""
        if self._open:
            self._has_news = True
        else:
            self._again()
