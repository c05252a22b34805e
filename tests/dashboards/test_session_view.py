"""What is asked of a session while it is still read: nothing is lost, and nothing old comes after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from argus_lab.dashboards import opened as opening
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.desk import Desk
from argus_lab.dashboards.digest import Digest
from argus_lab.dashboards.jobs import Jobs
from argus_lab.dashboards.session_table import SessionTable
from argus_lab.dashboards.session_view import SessionView
from argus_lab.dashboards.sessions import PAGE
from argus_lab.testing import make_span
from tests.lake_read.lakes import write

SESSIONS = ("first", "second", "third", "fourth")


class Held(Desk):
    """A desk whose jobs take as long as a test wants: each lane's last one is done, and shown, when told."""

    held: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]]

    def compute(
        self, job: Callable[[], Any], then: Callable[[Any], None], *, lane: str = "page", **_: Any
    ) -> None:
        """Keep it; of several in a lane the last."""
        self.held[lane] = job, then

    def read(self, lane: str) -> Callable[[], None]:
        """Do the job of a lane; what is returned shows what it gave."""
        job, then = self.held.pop(lane)
        found = job()
        return lambda: then(found)


class Reader:
    """Somebody who reads the sessions of a lake, from the first one on."""

    def __init__(self, lake: str) -> None:
        digest = Digest(lake)
        digest.wait(60)
        self.desk = Held(digest, PAGE, Choices(), {"session": SESSIONS[0], "sort": "started.up"})
        self.desk.held = {}
        jobs = Jobs(self.desk, lambda: None)
        table = SessionTable(self.desk, jobs, lambda _: None, lambda _: None)
        self.view = SessionView(self.desk, jobs, table, lambda: None)
        self.view.draw()
        self.let("body")

    def let(self, lane: str) -> None:
        """What is worked out in a lane is shown now."""
        self.desk.read(lane)()

    def does(self, **message: Any) -> None:
        """Something in the component."""
        self.view._heard(message)  # noqa: SLF001  as the component says it

    @property
    def shown(self) -> Mapping[str, Any]:
        """What stands at the right."""
        chosen: Mapping[str, Any] = self.view.replay.chosen
        return chosen


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sessions of a call each, one after the other."""
    place = str(tmp_path_factory.mktemp("sessions") / "lake")
    write(place, [make_span(4 * at + 1, session_id=name, input=name) for at, name in enumerate(SESSIONS)])
    return place


@pytest.fixture
def reader(lake: str) -> Reader:
    """A reader to whom the first session is shown."""
    return Reader(lake)


def test_next_is_counted_while_the_neighbours_are_looked_for(reader: Reader):
    """Asked twice before the first answer: two sessions on; back again by as many."""
    reader.does(do="go", by=1)
    reader.does(do="go", by=1)
    reader.let("go")
    assert reader.desk.own["session"] == "third"
    reader.let("body")
    reader.does(do="go", by=-1)
    reader.does(do="go", by=-1)
    reader.let("go")
    assert reader.desk.own["session"] == "first"


def test_next_is_counted_while_a_session_is_read(reader: Reader):
    """Asked again while the second session is read: the third one is opened, and the second not shown."""
    reader.does(do="go", by=1)
    reader.let("go")
    reader.does(do="go", by=1)
    reader.let("go")
    assert reader.desk.own["session"] == "third"
    reader.let("body")
    assert reader.view.replay.told["key"].endswith("/third")


def test_next_ends_at_the_last_session(reader: Reader):
    """More steps than there are sessions lead to the last; one more leads nowhere."""
    for _ in range(9):
        reader.does(do="go", by=1)
    reader.let("go")
    reader.let("body")
    assert reader.desk.own["session"] == SESSIONS[-1]
    reader.does(do="go", by=1)
    reader.let("go")
    assert reader.desk.own["session"] == SESSIONS[-1]


def test_next_starts_from_a_session_that_was_opened_by_a_link(reader: Reader):
    """Another session than the one that is shown is in the address, and still read: its neighbour is next."""
    reader.desk.keep(session="third", of=None)
    reader.view.draw()
    reader.does(do="go", by=1)
    reader.let("go")
    assert reader.desk.own["session"] == "fourth"


def test_the_part_that_was_chosen_last_is_shown(reader: Reader):
    """Parts are chosen while the next session is read: the last one is shown of it, whatever came between."""
    reader.does(do="part", name="request")
    reader.let("detail")
    first = reader.shown["key"]
    reader.does(do="go", by=1)
    reader.let("go")
    reader.does(do="part", name="raw")
    shows_second = reader.desk.read("body")
    late = reader.desk.read("detail")
    reader.does(do="part", name="request")
    shows_second()
    assert reader.shown["part"] == "request"
    assert reader.shown["key"] != first
    late()
    if "detail" in reader.desk.held:
        reader.let("detail")
    assert reader.shown["part"] == "request"
    assert reader.shown["key"] != first


def test_what_is_picked_is_of_the_session_that_is_shown(reader: Reader):
    """A step of the session that is left already is not put into the address of the next one."""
    reader.does(do="go", by=1)
    reader.let("go")
    reader.does(do="pick", kind="step", at=0)
    reader.let("body")
    assert "step" not in reader.desk.own


def test_the_view_that_was_chosen_last_is_shown(reader: Reader):
    """The waterfall is ready after another tab was chosen: that tab stays."""
    reader.does(do="view", name="waterfall")
    late = reader.desk.read("view")
    reader.does(do="view", name="replay")
    late()
    assert reader.view.replay.view["name"] == "replay"
    reader.does(do="view", name="waterfall")
    reader.let("view")
    assert reader.view.replay.view["name"] == "waterfall"


def test_what_may_be_opened_next_is_read_where_it_is_quick(reader: Reader, monkeypatch: pytest.MonkeyPatch):
    """Of one that a hand rests on nothing is read if it is large; one that is pressed is read in any case."""
    read: list[str] = []
    real = opening._session  # noqa: SLF001  what reads the spans

    def counted(digest: Digest, row: Mapping[str, Any], *, content: bool) -> Any:
        read.append(row["session_id"])
        return real(digest, row, content=content)

    monkeypatch.setattr(opening, "_session", counted)
    monkeypatch.setattr(opening, "WITH_CONTENT", 0)
    digest = reader.desk.digest
    for name in (SESSIONS[2], "nowhere"):
        opening.aimed(digest, {"session": name}, is_sure=False)
    assert read == []
    opening.aimed(digest, {"session": SESSIONS[2]}, is_sure=True)
    assert read == [SESSIONS[2]]
    monkeypatch.setattr(opening, "WITH_CONTENT", 1_500)
    opening.aimed(digest, {"session": SESSIONS[3]}, is_sure=False)
    opening.aimed(digest, {"session": SESSIONS[3]}, is_sure=True)
    assert read == [SESSIONS[2], SESSIONS[3]]
