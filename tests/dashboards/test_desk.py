"""What threads found reaches the page by the page's own thread alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.document import MockSessionContext
from panel.io.state import set_curdoc

from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.desk import THREADS, Desk, PageKind

TOLD = 200
KIND = PageKind("latency", "Latency", (), lambda _: None)  # type: ignore[arg-type, return-value]


class Watched(Document):
    """A document that notes which thread adds a callback."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []
        self.acts: list[Callable[[], Any]] = []

    def add_next_tick_callback(self, callback: Callable[[], Any]) -> Any:
        """Note it, and the thread."""
        self.threads.append(threading.get_ident())
        self.acts.append(callback)


def test_a_document_hears_of_results_in_its_own_thread():
    """Whatever thread has a result, the document's own thread adds the callback, and each is there.

    Added from another thread, a callback was lost at times: Panel holds changes back and lets them go
    all the while, and what came in between was in neither list.
    """
    document = Watched()
    shown: list[int] = []

    async def told() -> int:
        desk = Desk(None, KIND, Choices(), {}, document)  # type: ignore[arg-type]
        with ThreadPoolExecutor(4) as threads:
            for at in range(TOLD):
                threads.submit(desk.soon, lambda at=at: shown.append(at))
        for at in range(TOLD, 2 * TOLD):
            desk.compute(lambda at=at: at, shown.append, lane=f"lane {at}")
        while len(document.acts) < 2 * TOLD:  # noqa: ASYNC110  threads have no event to tell of it
            await asyncio.sleep(0.01)
        for act in document.acts:
            act()
        return threading.get_ident()

    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
        thread = own.submit(lambda: asyncio.run(told())).result(120)
    assert sorted(shown) == list(range(2 * TOLD))
    assert set(document.threads) == {thread}


class Session:
    """What a server knows of who fetched a document: how many browsers are connected."""

    def __init__(self, connection_count: int) -> None:
        self.connection_count = connection_count


class Served(MockSessionContext):
    """What a document knows of its server."""

    session: Any = None


async def _acted(document: Watched) -> None:
    """Do what the document was given, after a while."""
    for _ in range(5):
        await asyncio.sleep(0.01)
    acts, document.acts[:] = list(document.acts), []
    for act in acts:
        act()


async def _told(document: Watched, session: Session) -> list[list[int]]:
    """What is shown of five results when a browser fetches, until it says that it is there, and then."""
    shown: list[int] = []
    loop = asyncio.get_running_loop()
    with set_curdoc(document):
        desk = Desk(None, KIND, Choices(), {}, document)  # type: ignore[arg-type]
    for at in range(3):
        desk.soon(lambda at=at: shown.append(at))
    desk.after(0.05, lambda: shown.append(4))
    now = loop.time
    loop.time = lambda: now() + 3600  # type: ignore[method-assign]
    await _acted(document)
    found = [list(shown)]
    session.connection_count = 1
    desk.soon(lambda: shown.append(3))
    await _acted(document)
    found.append(list(shown))
    pn.state._on_load(document)  # noqa: SLF001  what Panel does when the browser says so
    while len(shown) < 5:
        await _acted(document)
    return [*found, shown]


@pytest.mark.parametrize(("connected", "before"), [(0, [0, 1, 2]), (1, [])])
def test_a_document_hears_of_nothing_while_a_browser_fetches_it(connected: int, before: list[int]):
    """However long the browser takes, an hour here: from when it is connected on results wait, in order.

    What is found before goes into the document that it will fetch; what is to be done later waits for it.
    """
    document = Watched()
    context = Served(document=document)
    context.session = Session(connected)
    document._session_context = lambda: context  # type: ignore[assignment]  # noqa: SLF001  as a server does
    with ThreadPoolExecutor(1) as own:
        found = own.submit(lambda: asyncio.run(_told(document, context.session))).result(120)
    assert found == [before, before, [0, 1, 2, 3, 4]]


def test_a_page_is_drawn_for_new_choices_before_the_address_has_them():
    """Whoever waits for the address finds no chart of other choices under it that looks finished."""
    order: list[str] = []
    desk = Desk(None, KIND, Choices(), {})  # type: ignore[arg-type]
    desk.on_choices(lambda: order.append(f"page {desk.query}"))
    desk.on_address(lambda _: order.append(f"address {desk.query}"))
    desk.choose(model=("one",))
    assert [each.split()[0] for each in order] == ["page", "address"]
    assert "model=one" in order[0]


def test_nobody_waits_for_what_is_further_down_another_page():
    """However many later jobs there are, of a page that was left too: the first look goes ahead."""
    gate, looked = threading.Event(), threading.Event()

    async def told() -> bool:
        left, new = (Desk(None, KIND, Choices(), {}, Watched()) for _ in range(2))  # type: ignore[arg-type]
        for at in range(3 * THREADS):
            left.compute(lambda: gate.wait(60), print, lane=f"lane {at}", is_later=True)
        new.compute(looked.set, print, lane="first")
        try:
            return await asyncio.to_thread(looked.wait, 60)
        finally:
            gate.set()

    with ThreadPoolExecutor(1) as own:
        assert own.submit(lambda: asyncio.run(told())).result(120)


def test_who_left_is_told_nothing():
    """What was on its way when a visitor left, and their document went, is dropped without an error."""
    document = Watched()
    wrong: list[Any] = []
    shown: list[int] = []

    async def told() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, about: wrong.append(about))
        desk = Desk(None, KIND, Choices(), {}, document)  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        desk.soon(lambda: shown.append(1))
        desk.close()
        document.callbacks.destroy()
        del document.acts[:]
        await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
        own.submit(lambda: asyncio.run(told())).result(120)
    assert (wrong, shown, document.acts) == ([], [], [])
