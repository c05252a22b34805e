"""Spans on their way out: kept while nobody answers, and counted where they are lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from argus_lab.notebook.sending import BATCH, KEPT, Sender

WHERE = "http://127.0.0.1:4318/v1/traces"


class Post(SpanExporter):
    """Takes spans, refuses them, or breaks."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answer: Callable[[], SpanExportResult] = lambda: SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """What the answer says of them."""
        found = self.answer()
        if found is SpanExportResult.SUCCESS:
            self.taken += [span.name for span in spans]
        return found


class Line:
    """A sender, what it sends with, and whether somebody answers."""

    def __init__(self) -> None:
        self.post, self.is_open = Post(), True
        self.sender = Sender(self.post, {"argus.project": "p"}, lambda: self.is_open, WHERE)

    def send(self, *names: str) -> SpanExportResult:
        """Send spans of these names."""
        return self.sender.export([ReadableSpan(name) for name in names])


def _refused() -> SpanExportResult:
    return SpanExportResult.FAILURE


def _broken() -> SpanExportResult:
    raise ConnectionError(WHERE)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was said since the last look."""
    caplog.set_level(logging.WARNING, "argus.notebook")

    def look() -> list[str]:
        said = caplog.messages.copy()
        caplog.clear()
        return said

    return look


def test_what_is_taken_is_not_lost(told: Callable[[], list[str]]):
    """Spans kept while nobody answers are sent once somebody does, and nothing is said at the end."""
    line = Line()
    line.is_open = False
    assert line.send("a", "b") is SpanExportResult.SUCCESS
    assert (line.sender.kept, line.sender.dropped, len(told())) == (2, 0, 1)
    line.is_open = True
    assert line.send("c") is SpanExportResult.SUCCESS
    line.sender.shutdown()
    assert (line.post.taken, line.sender.kept, line.sender.dropped, told()) == (["a", "b", "c"], 0, 0, [])


def test_what_is_not_taken_is_counted_and_told(told: Callable[[], list[str]]):
    """Refused batches are lost: said at the first, counted at all, summed up at the end."""
    line = Line()
    line.post.answer = _refused
    assert line.send("a", "b") is line.send("c") is SpanExportResult.FAILURE
    assert line.sender.dropped == 3
    assert told() == [f"2 spans were not taken at {WHERE}, and are lost"]
    line.sender.shutdown()
    assert told() == [f"3 spans were not sent: they were not taken at {WHERE}, or too many to keep for it"]


def test_what_an_exporter_breaks_on_is_counted():
    """An error of the exporter is not hidden, and its batch is lost; what was behind it waits."""
    line = Line()
    line.post.answer = _broken
    with pytest.raises(ConnectionError):
        line.send(*map(str, range(BATCH + 1)))
    assert (line.sender.dropped, line.sender.kept) == (BATCH, 1)


def test_what_is_too_much_to_keep_is_counted(told: Callable[[], list[str]]):
    """Of more spans than are kept the newest stay, and the others are in the sum at the end."""
    line = Line()
    line.is_open = False
    line.send(*map(str, range(KEPT)))
    line.send("x", "y")
    assert (line.sender.kept, line.sender.dropped) == (KEPT, 2)
    told()
    line.sender.shutdown()
    (said,) = told()
    assert said.startswith(f"{KEPT + 2} spans were not sent: nobody answers at {WHERE}.")
    assert (line.sender.kept, line.sender.dropped) == (0, KEPT + 2)


def test_another_sender_answers_for_what_was_lost(told: Callable[[], list[str]]):
    """Spans and losses are handed on: told once, by the one that took over."""
    old, new = Line(), Line()
    old.post.answer = _refused
    old.send("lost")
    old.is_open = new.is_open = False
    old.send(*map(str, range(KEPT)))
    new.send("mine")
    told()
    new.sender.adopt(old.sender)
    assert (new.sender.kept, new.sender.dropped) == (KEPT, 2)
    assert (old.sender.kept, old.sender.dropped) == (0, 0)
    old.sender.shutdown()
    assert told() == []
    new.sender.shutdown()
    assert told()[0].startswith(f"{KEPT + 2} spans were not sent")
