"""The frame around every page: its head with the choices, its address, and what stands in for a page."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import panel as pn

from argus_lab import settings
from argus_lab.dashboards.choices import EVER, MANY, PRESETS, Choices, choices_of, query_of, range_words
from argus_lab.dashboards.desk import Desk, PageKind
from argus_lab.dashboards.digests import digest_of
from argus_lab.dashboards.guarding import is_welcome
from argus_lab.dashboards.notices import Notice, beginning, notice_of, trouble, unwelcome
from argus_lab.dashboards.parts import Part, web
from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from argus_lab.dashboards.following import State

__all__ = ["PAGES", "Bar", "Shell", "page_of", "serve"]

PAGES = (("sessions", "Sessions"), ("latency", "Latency"), ("tokens", "Tokens"))
CHOICES_LONGEST = 2_000


class Bar(Part):
    """The head of a page: tells the desk what a visitor chooses."""

    _esm = web("children.js") + web("made.js") + web("lost.js") + web("bar.js")
    _stylesheets = [web("look.css"), web("bar.css")]  # noqa: RUF012  Panel's way to name them


class Shell:
    """A page with its head, for one visitor; ``bar`` and ``body`` are what is shown."""

    def __init__(self, kind: PageKind, query: str, lakes: Sequence[str], *, has_address: bool = True) -> None:
        choices, own = choices_of(query)
        # Which lakes may be opened is not for an address to say, which may come from anybody.
        digest = digest_of(choices.lake if choices.lake in lakes else lakes[0])
        choices = replace(choices, lake=choices.lake if choices.lake in lakes[1:] else None)
        self._lakes = list(lakes)
        document = pn.state.curdoc if has_address else None
        self.desk = Desk(digest, kind, choices, own, document)
        self.desk.begin(self._chosen)
        self.desk.on_address(self._draw_address)
        self.desk.on_error(self._show_trouble)
        self.words = ""
        self._is_step = False
        self._has_address = has_address
        self._is_shown = False
        self._looks = 0
        self._stop: Callable[[], None] = lambda: None
        self.bar = Bar(told=self._told(), sizing_mode="stretch_width")
        self.bar.whenever_told(self._heard)
        mode = "stretch_both" if has_address else "stretch_width"
        self.body = pn.Column(sizing_mode=mode, margin=0, tags=["argus-lab"])  # see web/children.js

    def begin(self) -> None:
        """Show what is known already, and follow the lake. Before, the page is empty."""
        digest = self.desk.digest
        if digest.state.is_ready:  # then the page is part of the document, and its numbers are begun with now
            self._arrived(digest.state)
        else:  # in a notebook it is there after this
            self.desk.compute(digest.wait, self._arrived, lane="shell")
        self._stop = digest.watch(self._news)

    def close(self) -> None:
        """The visitor is gone: nothing is computed for it any more."""
        self._stop()
        self.desk.close()

    # --- what is below the head -------------------------------------------------------------------------

    def _arrived(self, state: State) -> None:
        """Show the page, or why there is none; the follower may have told of it before this was asked."""
        if self._is_shown:
            return
        if state.problem is not None and not state.is_ready:
            self._show_trouble(state.problem)
        elif state.total == 0:
            self._show(Notice(told=beginning(self.desk.digest.address), sizing_mode="stretch_width"))
        else:
            self._draw_bar()
            self._show_page()

    def _chosen(self) -> None:
        """Something else is chosen: a page that could not be shown may be now."""
        if not self._is_shown and self.desk.digest.state.is_ready:
            self._arrived(self.desk.digest.state)

    def _show_page(self) -> None:
        self._is_shown = True
        self.desk.begin(self._chosen)
        try:
            made = self.desk.kind.body(self.desk)
        except ArgusError as error:
            self._show_trouble(error)
            return
        self._show(made)

    def _show(self, view: Any) -> None:
        self.body[:] = [view]

    def _show_trouble(self, error: Exception) -> None:
        if not isinstance(error, ArgusError):
            logging.getLogger("argus_lab.dashboards").error("a page could not be shown", exc_info=error)
        self._is_shown = False
        told = trouble(error, self.desk.digest.address)
        self._show(Notice(told=told, sizing_mode="stretch_width"))

    def _news(self, state: State) -> None:
        """There is something new; in the follower's thread."""
        self.desk.soon(lambda: self._tell(state))

    def _tell(self, state: State) -> None:
        if not self._is_shown:
            self._arrived(state)
            return
        is_search, self._looks = state.looks != self._looks, state.looks
        self._draw_bar()
        if is_search:
            if self.desk.choices.text:
                self.desk.look_again(state)
        elif state.problem is None:
            self.desk.news(state)

    # --- the head ---------------------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """A few words at the right end of the choices, such as how many there are."""
        self.words = words
        self._draw_bar()

    def _draw_address(self, is_step: bool) -> None:  # noqa: FBT001  as the desk calls it
        self._is_step = is_step
        self._draw_bar()

    def _draw_bar(self) -> None:
        self.bar.told = self._told()
        self._is_step = False

    def _told(self) -> dict[str, Any]:
        desk, state = self.desk, self.desk.digest.state
        choices = desk.choices
        search = desk.digest.search(choices)
        notice, is_wrong = notice_of(state, desk.digest.address, search.words if search else "", choices.live)
        return {
            "page": desk.kind.name,
            "pages": [(name, title, desk.link(name)) for name, title in PAGES],
            "has_address": self._has_address,
            "query": desk.query,
            "is_step": self._is_step,
            "lake": desk.digest.address,
            "lake_named": choices.lake or self._lakes[0],
            "lakes": [[lake, self._link(lake)] for lake in self._lakes] if self._has_address else [],
            "choices": {name: list(getattr(choices, name)) for name in MANY}
            | {name: getattr(choices, name) or "" for name in ("since", "until", "text")},
            "options": desk.digest.options() if state.is_ready else {},
            "presets": [("", EVER), *PRESETS],
            "range": range_words(choices),
            "is_narrow": not choices.is_everything,
            "live": choices.live,
            "words": self.words,
            "notice": notice,
            "is_wrong": is_wrong,
        }

    def _link(self, lake: str) -> str:
        """The address of this page for another lake."""
        return f"{self.desk.kind.name}{query_of(Choices(lake=lake if lake != self._lakes[0] else None))}"

    def _heard(self, message: Any) -> None:
        """What a visitor did in the head. It comes over the wire, so nothing in it is taken for granted."""
        if not isinstance(message, dict):
            return
        desk, did = self.desk, message.get("do")
        if did == "choose" and message.get("name") in MANY:
            values = message.get("values")
            texts = values if isinstance(values, list) else []
            chosen = tuple(text[:CHOICES_LONGEST] for text in texts if isinstance(text, str))
            changes: dict[str, Any] = {message["name"]: chosen}
            desk.choose(**changes)
        elif did == "live":
            desk.choose(live=bool(message.get("on")))
        elif did == "clear":
            desk.choose(Choices(lake=desk.choices.lake, live=desk.choices.live))
        elif did in {"range", "text", "went"}:
            self._heard_text(did, {key: str(value or "")[:CHOICES_LONGEST] for key, value in message.items()})

    def _heard_text(self, did: str, told: Mapping[str, str]) -> None:
        if did == "went":
            self.desk.back_to(*choices_of(told.get("query", "")))
        elif did == "text":
            self.desk.choose(text=told.get("value") or None)
        else:
            window = {name: told.get(name, "") for name in ("since", "until")}
            read, _ = choices_of(urlencode(window))  # which leaves out what is no time
            self.desk.choose(since=read.since, until=read.until)


def serve(kind: PageKind) -> None:
    """Show a page to the visitor whose session of ``panel serve`` runs this."""
    page_of(kind).servable(title=f"{kind.title} · Argus Lab")


def page_of(kind: PageKind, lake: str | None = None) -> pn.Template:
    """A page for the visitor whose session of a Panel server runs this."""
    template = pn.Template(web("page.html"))
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    request: Any = getattr(context, "request", None)
    if not is_welcome(request.headers.get("Host", ""), getattr(request, "remote_ip", None)) and not _behind(
        request
    ):
        told = Notice(told=unwelcome(), sizing_mode="stretch_width")
        template.add_panel("bar", Notice(told={}))
        template.add_panel("body", told)
        return template
    given = settings.read(os.environ)
    shell = Shell(kind, _asked_query(), [lake or given.lake, *given.dashboard_lakes])
    pn.state.on_session_destroyed(lambda _: shell.close())
    template.add_panel("bar", shell.bar)
    template.add_panel("body", shell.body)
    shell.begin()  # a template describes in words all that it is given, which takes its time
    return template


def _behind(request: Any) -> bool:
    """Whether it was asked for by a name that a proxy in front has by the settings."""
    return request.headers.get("Host", "").lower() in settings.read(os.environ).dashboard_origins


def _asked_query() -> str:
    """The query of the address that the visitor asked for."""
    pairs = [
        (name, value.decode("utf-8", "replace"))
        for name, values in pn.state.session_args.items()
        for value in values
    ]
    return urlencode(pairs)
