"""The table of sessions on its page: which rows are shown, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.dashboards.digest import ORDERS
from argus_lab.dashboards.parts import Part, web
from argus_lab.dashboards.session_rows import ROWS_A_PAGE, table_of
from argus_lab.display.units import count, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argus_lab.dashboards.desk import Desk
    from argus_lab.dashboards.jobs import Jobs

__all__ = ["SessionTable"]

FIRST_ORDER = "started"
RISING = {"first", "models"}
"""What people want to see from its beginning first; of numbers they want the largest."""


class SessionRows(Part):
    _esm = web("made.js") + web("sessions.js")
    _stylesheets = [web("look.css"), web("sessions.css")]  # noqa: RUF012  Panel's way to name them


class SessionTable:
    """Draws a page of sessions, and hears which one is opened, how they are sorted, which page is wanted."""

    def __init__(
        self,
        desk: Desk,
        jobs: Jobs,
        opened: Callable[[Mapping[str, Any]], None],
        aimed: Callable[..., None],
    ) -> None:
        self._desk = desk
        self._jobs = jobs
        self._opened = opened
        self._aimed = aimed
        self.part = SessionRows(told=_nothing(), sizing_mode="stretch_both", min_height=300)
        self.part.whenever_told(self._heard)

    @property
    def order(self) -> tuple[str, bool]:
        """What sessions are sorted by, and whether the largest come first."""
        name, _, way = self._desk.own.get("sort", "").partition(".")
        if name not in ORDERS:
            name, way = FIRST_ORDER, ""
        return name, way != "up" if way else name not in RISING

    @property
    def page(self) -> int:
        """Which page of rows is shown, from 1."""
        text = self._desk.own.get("page", "1")
        return int(text) if text.isascii() and text.isdecimal() and int(text[:9]) else 1

    def draw(self) -> None:
        """Ask for the rows and show them."""
        choices, page, (order, descending) = self._desk.choices, self.page, self.order
        digest = self._desk.digest

        def job() -> dict[str, Any]:
            offset = (page - 1) * ROWS_A_PAGE
            found = digest.sessions(
                choices, order=order, descending=descending, offset=offset, limit=ROWS_A_PAGE
            )
            last = max(1, -(-found.total // ROWS_A_PAGE))
            if page > last:  # an old link, or rows that a new choice left out
                offset = (last - 1) * ROWS_A_PAGE
                found = digest.sessions(
                    choices, order=order, descending=descending, offset=offset, limit=ROWS_A_PAGE
                )
            calls = digest.calls([row["session"] for row in found.rows])
            several = len(digest.options()["project"]) > 1 and len(choices.project) != 1
            rows = table_of(found.rows, calls, with_project=several)
            first, upto = offset + 1, offset + len(rows)
            told = f"{count(first)}–{count(upto)} of {plural(found.total, 'session')}" if rows else ""
            none = "" if rows else "No session matches these choices."
            return {
                "rows": rows,
                "page": min(page, last),
                "pages": last,
                "range": told,
                "none": none,
                "order": order,
                "descending": descending,
                "at": "",
            }

        self._jobs.compute(job, self._show, lane="body")

    def _show(self, told: dict[str, Any]) -> None:
        self.part.told = told

    def _heard(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        did = message.get("do")
        if did in {"open", "aim", "near"} and isinstance(message.get("session"), str):
            of = message.get("of")
            session = {"session": message["session"], "of": of if isinstance(of, str) else None}
            if did == "open":
                self._opened(session)
            else:
                self._aimed(session, is_sure=did == "aim")
        elif did == "sort" and message.get("order") in ORDERS:
            self._sort(message["order"])
        elif did == "page" and isinstance(message.get("page"), int | float):
            self._desk.keep(page=str(max(1, int(message["page"]))))
            self.draw()

    def _sort(self, order: str) -> None:
        now, descending = self.order
        falls = not descending if order == now else order not in RISING
        self._desk.keep(sort=f"{order}.{'down' if falls else 'up'}", page=None)
        self.draw()


def _nothing() -> dict[str, Any]:
    return {
        "rows": [],
        "page": 1,
        "pages": 1,
        "range": "",
        "none": "Reading…",
        "order": FIRST_ORDER,
        "descending": True,
        "at": "",
    }
