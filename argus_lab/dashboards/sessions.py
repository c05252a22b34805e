"""The page of sessions: a table of them, and one of them round by round.

``panel serve argus_lab/dashboards/sessions.py`` serves it at ``/sessions``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards.desk import Desk, PageKind
from argus_lab.dashboards.jobs import Jobs
from argus_lab.dashboards.opened import aimed
from argus_lab.dashboards.session_table import SessionTable
from argus_lab.dashboards.session_view import SessionView
from argus_lab.dashboards.shell import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGE"]

OWN = ("session", "of", "step", "part", "view", "sort", "page")


class _Sessions:
    """Either the table or one session is shown, whichever the address names.

    What is not shown is there and hidden: the room for a session is made once the first rows are shown, so
    that who opens one waits for its steps alone, and who comes back finds the table as it was.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        jobs = Jobs(desk, lambda: self._draw(is_news=True))
        self.table = SessionTable(desk, jobs, self._open, self._aim)
        self.view = SessionView(desk, jobs, self.table, self._back)
        self.holder = pn.Column(sizing_mode="stretch_both", margin=0)
        desk.on_choices(self._draw)
        desk.on_news(lambda _: jobs.news())
        self._draw()
        if not desk.is_at_once:  # a notebook would keep it with its cell
            jobs.once_done(lambda: self._make_room(self.view.part))

    def _draw(self, *, is_news: bool = False) -> None:
        if self._desk.own.get("session"):
            self.view.draw(is_news=is_news)  # it is read while the browser makes room for it
            self._put(self.view.part, instead_of=self.table.part)
        else:
            self._put(self.table.part, instead_of=self.view.part)
            self.view.leave()
            self.table.draw()

    def _put(self, part: Any, instead_of: Any) -> None:
        instead_of.visible, part.visible = False, True  # in this order: keys are for what is shown
        self._make_room(part)

    def _make_room(self, part: Any) -> None:
        if not any(each is part for each in self.holder):
            self.holder.append(part)

    def _aim(self, session: Mapping[str, Any], *, is_sure: bool) -> None:
        """The button went down on a session, or a hand rests on it: what a click opens is read by then."""
        if is_sure or not self._desk.is_at_once:  # a kernel that reads does nothing else meanwhile
            job = partial(aimed, self._desk.digest, session, is_sure=is_sure)
            self._desk.compute(job, _nothing, lane="aim")

    def _open(self, session: Mapping[str, Any]) -> None:
        self._desk.keep(is_step=True, session=session["session"], of=session.get("of"), step=None, view=None)
        self._draw()

    def _back(self) -> None:
        if "session" not in self._desk.own:
            return
        self._desk.keep(is_step=True, session=None, of=None, step=None, part=None, view=None)
        self._draw()


def _nothing(_: object) -> None:
    """It waits where it is looked for."""


def _body(desk: Desk) -> pn.viewable.Viewable:
    return _Sessions(desk).holder


PAGE = PageKind("sessions", "Sessions", OWN, _body)

if pn.state.served:
    serve(PAGE)
