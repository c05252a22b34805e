"""One visitor at one page: what is chosen, what the page keeps in its address, work that takes a while."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from argus_lab.dashboards.choices import Choices, query_of
from argus_lab.dashboards.visiting import Visit
from argus_lab.errors import ArgusError

if TYPE_CHECKING:
    from bokeh.document import Document
    from panel.viewable import Viewable

    from argus_lab.dashboards.charts import Chart
    from argus_lab.dashboards.digest import Digest
    from argus_lab.dashboards.following import State

__all__ = ["Desk", "PageKind"]

T = TypeVar("T")

THREADS, THREADS_LATER = 4, 2
_POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="argus-pages")
"""Queries of all visitors; each uses the engine's threads besides."""
_POOL_LATER = ThreadPoolExecutor(THREADS_LATER, thread_name_prefix="argus-pages-later")
"""Those of what is further down a page: nobody's first look waits for them, nor a page that somebody left."""


@dataclass(frozen=True, slots=True)
class PageKind:
    """A page: its place in the address, its title, what it keeps in the address, and what it shows.

    ``body`` is called once a visitor. It arranges what it shows, draws it with what is chosen, and asks the
    desk to be told of changes (``desk.on_choices``, ``desk.on_news``). ``first`` gives the chart that who
    chose nothing sees first, if there is any.
    """

    name: str
    title: str
    own: tuple[str, ...]
    body: Callable[[Desk], Viewable]
    first: Callable[[Digest], Chart | None] = lambda _: None


class Desk:
    """What a page is given. All of it is for the visitor's own thread of events, but ``compute``'s jobs.

    Attributes
    ----------
    digest
        What can be asked of the lake.
    choices, own
        What is chosen on every page; what this page keeps in its address.
    """

    def __init__(
        self,
        digest: Digest,
        kind: PageKind,
        choices: Choices,
        own: Mapping[str, str],
        document: Document | None = None,
    ) -> None:
        self.digest = digest
        self.kind = kind
        self.choices = choices
        self.own: dict[str, str] = {name: own[name] for name in kind.own if name in own}
        self._visit = None if document is None else Visit(document)  # in a notebook there is none
        self._on_choices: list[Callable[[], None]] = []
        self._on_news: list[Callable[[State], None]] = []
        self._on_address: list[Callable[[bool], None]] = []
        self._on_error: list[Callable[[Exception], None]] = []
        self._shells: Callable[[], None] = _nothing
        self._turns: Counter[str] = Counter()
        self.is_closed = False

    @property
    def is_at_once(self) -> bool:
        """Whether what is asked has been shown when the call returns, as in a notebook."""
        return self._visit is None

    # --- what is chosen ---------------------------------------------------------------------------------

    @property
    def query(self) -> str:
        """The query of the page's address now."""
        return query_of(self.choices, self.own)

    def choose(self, choices: Choices | None = None, **changes: Any) -> None:
        """Choose something else: the address changes and everything is drawn anew."""
        found = replace(choices or self.choices, **changes)
        if found == self.choices:
            return
        self.choices = found
        self.again()  # before the address says so: nothing of other choices looks finished under it
        self._tell_address(is_step=True)

    def keep(self, *, is_step: bool = False, **own: str | None) -> None:
        """Put something of the page's own into its address; ``None`` takes it out.

        With ``is_step`` the browser's "back" comes back to what was there before.
        """
        unknown = own.keys() - set(self.kind.own)
        if unknown:
            raise ValueError(f"the page {self.kind.name} keeps no {', '.join(sorted(unknown))}")
        before = dict(self.own)
        for name, value in own.items():
            if value:
                self.own[name] = value
            else:
                self.own.pop(name, None)
        if self.own != before:
            self._tell_address(is_step=is_step)

    def link(self, page: str, **own: str | None) -> str:
        """The address of a page with the same choices, such as ``desk.link("sessions", session="s-1")``."""
        return f"{page}{query_of(self.choices, own)}"

    # --- what the page wants to know --------------------------------------------------------------------

    def on_choices(self, told: Callable[[], None]) -> None:
        """Have ``told`` called when something else is chosen, or the visitor went back in the browser."""
        self._on_choices.append(told)

    def on_news(self, told: Callable[[State], None]) -> None:
        """Have ``told`` called when the lake has something new and the page is live."""
        self._on_news.append(told)

    def begin(self, shells: Callable[[], None]) -> None:
        """The page is made, perhaps anew: what an earlier one asked to be told is forgotten; of the shell."""
        self._shells = shells
        self._on_choices.clear()
        self._on_news.clear()

    def on_address(self, told: Callable[[bool], None]) -> None:
        """Have ``told`` called when the address should change; of the shell."""
        self._on_address.append(told)

    def on_error(self, told: Callable[[Exception], None]) -> None:
        """Have ``told`` called with what went wrong in a job; of the shell."""
        self._on_error.append(told)

    def news(self, state: State) -> None:
        """Tell the page that there is something new; may be called from any thread."""
        if self.choices.live:
            self.look_again(state)

    def look_again(self, state: State) -> None:
        """Tell the page that what it asked gives something else now, such as a search that came further."""
        self.soon(lambda: [told(state) for told in self._on_news])

    def again(self) -> None:
        """What is chosen gives something else now: it is drawn anew."""
        self._shells()
        for told in list(self._on_choices):
            told()

    def back_to(self, choices: Choices, own: Mapping[str, str]) -> None:
        """The visitor went back or forth in the browser: that is chosen, and the address is right already."""
        self.choices = choices
        self.own = {name: own[name] for name in self.kind.own if name in own}
        self.again()
        self._tell_address(is_step=False)

    def close(self) -> None:
        """The visitor is gone."""
        self.is_closed = True
        if self._visit is not None:
            self._visit.end()

    # --- work that takes a while ------------------------------------------------------------------------

    def compute(
        self, job: Callable[[], T], then: Callable[[T], None], *, lane: str = "page", is_later: bool = False
    ) -> None:
        """Do ``job`` in a thread, ``then`` show what it gave, under the page's lock.

        Of several jobs in a lane only the last is shown: who chose again does not want the old answer. What
        goes wrong with the lake is shown by the shell. What is not looked at first ``is_later``: it waits for
        other such jobs, and no other job waits for it. In a notebook both happen at once.
        """
        self._turns[lane] += 1
        turn = self._turns[lane]
        if self._visit is None:
            with self._told_errors():
                then(job())
            return

        def show(found: T) -> None:
            if turn == self._turns[lane] and not self.is_closed:
                with self._told_errors():
                    then(found)

        def work() -> None:
            if turn != self._turns[lane] or self.is_closed:
                return
            try:
                found = job()
            except Exception as error:  # noqa: BLE001  it is told where the job was asked for
                self.soon(lambda failure=error: self._failed(failure, lane, turn))  # type: ignore[misc]
                return
            self.soon(lambda: show(found))

        pool = _POOL_LATER if is_later else _POOL
        self._visit.begin(lambda: pool.submit(work))

    def soon(self, act: Callable[[], Any]) -> None:
        """Do something under the page's lock, from any thread: before a browser fetches it, or once shown."""
        if self._visit is None:
            act()
        elif not self.is_closed:
            self._visit.add(lambda: None if self.is_closed else act())

    def after(self, seconds: float, act: Callable[[], Any]) -> None:
        """The same that much later, but not before the visitor's browser shows the page."""
        if self._visit is None:
            act()
        elif not self.is_closed:
            self._visit.add_later(seconds, lambda: None if self.is_closed else act())

    @contextlib.contextmanager
    def _told_errors(self) -> Any:
        try:
            yield
        except ArgusError as error:
            self._tell_error(error)

    def _failed(self, error: Exception, lane: str, turn: int) -> None:
        if turn == self._turns[lane]:
            self._tell_error(error)

    def _tell_error(self, error: Exception) -> None:
        for told in self._on_error:
            told(error)
        if not self._on_error:
            raise error

    def _tell_address(self, *, is_step: bool) -> None:
        for told in self._on_address:
            told(is_step)


def _nothing() -> None:
    pass
