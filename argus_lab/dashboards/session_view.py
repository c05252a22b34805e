"""One session on its page: which of its steps is chosen, what is shown of it, what is beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn

from argus_lab.dashboards.opened import PARTS, Opened, opened
from argus_lab.dashboards.replay import VIEWS, Chosen, Replay, chosen_of, exported, view_of
from argus_lab.dashboards.replay_rows import replay_of
from argus_lab.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from argus_lab.dashboards.desk import Desk
    from argus_lab.dashboards.jobs import Jobs
    from argus_lab.dashboards.session_table import SessionTable

__all__ = ["SessionView"]

STEP_PARTS = ("detail", "raw")


class SessionView:
    """Draws a session, and hears what is chosen in it."""

    def __init__(self, desk: Desk, jobs: Jobs, table: SessionTable, back: Callable[[], None]) -> None:
        self._desk = desk
        self._jobs = jobs
        self._table = table
        self._back = back
        self._opened: Opened | None = None
        self._next: Mapping[str, Any] | None = None
        self._steps = 0
        self._trace = 0
        self.replay = Replay(told=_NOTHING, chosen=_NO_CHOICE, sizing_mode="stretch_both", margin=0)
        self.replay.whenever_told(self._heard)
        self._figure = pn.Column(sizing_mode="stretch_both", margin=(0, 16), scroll="y-auto", visible=False)
        self.part = pn.Column(self.replay, self._figure, sizing_mode="stretch_both", margin=0)

    # --- drawing ------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Nobody looks any more: whoever opens a session next sees nothing of this one."""
        if self._opened is not None:
            self._opened, self._trace = None, 0
            self.replay.param.update(told=_NOTHING, chosen=_NO_CHOICE)
            self._show_view(({"name": VIEWS[0]}, None))

    def draw(self, *, is_news: bool = False) -> None:
        """Show the session that the address names; with news only what has changed of it."""
        digest, own = self._desk.digest, dict(self._desk.own)
        before, is_live = self._opened, self._desk.choices.live

        def job() -> tuple[Opened, dict[str, Any], dict[str, Any]] | None:
            row = digest.session(own["session"], own.get("of"))
            if row is None:
                raise NotFound.of("session", own["session"], digest.near(own["session"]), digest.address)
            found = opened(digest, row)
            if is_news and found is before:
                return None
            return found, replay_of(found, is_live=is_live), _detail(found, _chosen(found, own), own)

        def show(made: tuple[Opened, dict[str, Any], dict[str, Any]] | None) -> None:
            self._show(made)
            after, now = self._desk.own, self._opened
            if now is not None and any(after.get(name) != own.get(name) for name in ("step", "part")):
                chosen = _chosen(now, after)  # something else was chosen while this was read
                if chosen is not None:
                    self._draw_chosen(chosen)

        self._jobs.compute(job, show, lane="body")

    def _show(self, found: tuple[Opened, dict[str, Any], dict[str, Any]] | None) -> None:
        if found is None:
            return
        is_other = self._opened is None or self._opened.row["session_id"] != found[0].row["session_id"]
        self._opened, told, chosen = found
        self.replay.param.update(told=told, chosen=chosen)
        if is_other:
            self._trace = 0
        self._draw_view()
        if not is_other:  # of another one the browser asks, once it shows it
            self._draw_around()

    def _draw_around(self) -> None:
        """Find out whether there are sessions before and after this one."""
        beside, row = self._beside(), self._row()
        if row is not None:
            self._desk.compute(lambda: beside(row), self._show_around, lane="around")

    def _show_around(self, found: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]) -> None:
        self.replay.around = {"before": found[0] is not None, "after": found[1] is not None}

    @property
    def _view(self) -> str:
        name = self._desk.own.get("view", VIEWS[0])
        return name if name in VIEWS else VIEWS[0]

    def _draw_view(self) -> None:
        now, name, trace = self._opened, self._view, self._trace
        if now is None:
            return

        def show(found: tuple[dict[str, Any], Any]) -> None:
            if now is self._opened and name == self._view:  # else something else was chosen meanwhile
                self._show_view(found)

        if name == VIEWS[0]:
            self._show_view(({"name": name}, None))
        else:
            self._desk.compute(lambda: view_of(now, name, trace), show, lane="view")

    def _show_view(self, found: tuple[dict[str, Any], Any]) -> None:
        told, figure = found
        self._figure.visible = figure is not None  # first: Bokeh draws nothing where nothing can be seen
        self._figure[:] = [] if figure is None else [_pane(figure)]
        self.replay.sizing_mode = "stretch_both" if figure is None else "stretch_width"
        self.replay.view = told

    # --- what is chosen ------------------------------------------------------------------------------------

    def _draw_chosen(self, chosen: Chosen) -> None:
        now, own = self._opened, dict(self._desk.own)
        if now is None:
            return

        def show(told: dict[str, Any]) -> None:
            if now is self._opened:  # else what is shown now has been drawn with this choice
                self.replay.chosen = told

        self._desk.compute(lambda: _detail(now, chosen, own), show, lane="detail")

    # --- what a visitor does -------------------------------------------------------------------------------

    def _heard(self, message: Any) -> None:
        """What was done in the component; it comes over the wire, so nothing in it is taken for granted."""
        acts: dict[Any, Callable[[Mapping[str, Any]], None]] = {
            "pick": self._pick,
            "part": self._pick_part,
            "view": self._pick_view,
            "trace": self._pick_trace,
            "go": self._go,
            "around": lambda _: self._draw_around(),
            "text": self._hand_out,
            "back": lambda _: self._back(),
        }
        if not isinstance(message, dict) or message.get("do") not in acts:
            return
        if self._opened is not None or message["do"] in {"view", "back"}:  # others are about what is shown
            acts[message["do"]](message)

    def _pick(self, message: Mapping[str, Any]) -> None:
        now, kind, at = self._opened, message.get("kind"), message.get("at")
        if now is None or self._row() is not now.row or not isinstance(at, int) or at < 0:
            return  # the session is left already
        if kind == "round" and at < len(now.rounds):
            self._desk.keep(step=f"round.{now.rounds[at].row['span_id']}")
        elif kind == "step" and at < len(now.steps):
            self._desk.keep(step=f"step.{now.steps.text('span_id', at)}")
        else:
            return
        self._draw_chosen((kind, at))

    def _pick_part(self, message: Mapping[str, Any]) -> None:
        name, told = message.get("name"), self.replay.chosen
        if name in (*PARTS, *STEP_PARTS):
            self._desk.keep(part=name)
            self._draw_chosen((told["kind"], told["at"]))

    def _pick_view(self, message: Mapping[str, Any]) -> None:
        if message.get("name") in VIEWS:
            self._desk.keep(view=None if message["name"] == VIEWS[0] else message["name"])
            self._draw_view()

    def _pick_trace(self, message: Mapping[str, Any]) -> None:
        if isinstance(message.get("at"), int):
            self._trace = message["at"]
            self._draw_view()

    def _go(self, message: Mapping[str, Any]) -> None:
        """To the session before or after; who asks twice goes two on, however long the first one takes."""
        if "session" not in self._desk.own:
            return
        self._steps += -1 if message.get("by") == -1 else 1
        self._desk.compute(self._reached(self._steps), self._gone, lane="go")

    def _gone(self, row: Mapping[str, Any] | None) -> None:
        self._steps = 0
        if row is not None:
            self._next = row
            self._desk.keep(is_step=True, session=row["session_id"], of=row["project"], step=None)
            self.draw()

    def _hand_out(self, message: Mapping[str, Any]) -> None:
        now, kind = self._opened, message.get("kind")
        if now is not None and kind in {"markdown", "json", "download"}:
            self._desk.compute(lambda: exported(now, kind), self.replay._send_msg, lane="export")  # noqa: SLF001

    def _row(self) -> Mapping[str, Any] | None:
        """The session that the address names, if it is shown, or will be after a step beside it."""
        session, project = self._desk.own.get("session"), self._desk.own.get("of")
        for row in (None if self._opened is None else self._opened.row, self._next):
            if row is not None and row["session_id"] == session and project in {None, row["project"]}:
                return row
        return None

    def _beside(self) -> Callable[[Mapping[str, Any]], tuple[Any, Any]]:
        """Which sessions are before and after one, with what is chosen now."""
        digest, choices = self._desk.digest, self._desk.choices
        order, descending = self._table.order
        return lambda row: digest.neighbours(choices, row, order=order, descending=descending)

    def _reached(self, steps: int) -> Callable[[], Mapping[str, Any] | None]:
        """Where one comes to in so many steps back or forth; ``None`` if that is where one is."""
        beside, start, digest, own = self._beside(), self._row(), self._desk.digest, dict(self._desk.own)

        def job() -> Mapping[str, Any] | None:
            here, reached = start or digest.session(own["session"], own.get("of")) or {}, None
            for _ in range(abs(steps)):
                found = beside(reached or here)[0 if steps < 0 else 1]
                if found is None:
                    break
                reached = found
            return reached

        return job


def _chosen(found: Opened, own: Mapping[str, str]) -> Chosen | None:
    """What the address names; else the first round that failed, the first round, the first step."""
    kind, _, key = own.get("step", "").partition(".")
    if kind == "round":
        spans = [each.row["span_id"] for each in found.rounds]
        if key in spans:
            return "round", spans.index(key)
    place = found.place_of(key if kind == "step" else own.get("step", ""))
    if place is not None:
        return "step", place
    if found.rounds:
        wrong = (at for at, each in enumerate(found.rounds) if each.is_wrong)
        return "round", next(wrong, 0)
    return ("step", 0) if len(found.steps) else None


def _detail(found: Opened, chosen: Chosen | None, own: Mapping[str, str]) -> dict[str, Any]:
    """What is shown of it, by what the address said when it was asked for."""
    part = own.get("part", "")
    parts = {
        "round": part if part in PARTS else PARTS[0],
        "step": part if part in STEP_PARTS else STEP_PARTS[0],
    }
    return chosen_of(found, chosen, parts)


def _pane(figure: Any) -> Any:
    return pn.pane.Bokeh(figure, sizing_mode="stretch_width")  # type: ignore[no-untyped-call]


_NO_CHOICE = {"kind": "", "at": -1, "key": "", "title": "", "sub": "", "part": "", "html": "", "open": None}
_NOTHING: dict[str, Any] = {
    "key": "",
    "title": "",
    "facts": [],
    "note": "",
    "icons": {},
    "rounds": [],
    "steps": [],
    "steps_of": [],
    "turns": [],
}
