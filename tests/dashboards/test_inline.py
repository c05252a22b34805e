"""A page in a notebook: answered by the kernel, with what was asked for, and no port."""

from __future__ import annotations

from typing import Any

import pytest
from panel.models.esm import DataEvent

import argus_lab as al
from argus_lab.dashboards.parts import Part


def _parts(view: Any) -> list[Part]:
    """The components of ours that are shown within a view, from the top."""
    found = [view] if isinstance(view, Part) and view.visible else []
    for inner in getattr(view, "objects", []):
        found += _parts(inner)
    return found


def _send(part: Part, message: dict[str, Any]) -> None:
    """What the browser's half of a component would send."""
    part._process_event(DataEvent(None, message))  # noqa: SLF001  where Panel takes messages in


def test_a_page_shows_what_was_asked_for(tiny_lake: str):
    """The cell's value holds the head and the table, filled when the call returns."""
    bar, table = _parts(al.dashboard("sessions", al.open(tiny_lake), project="shop-bot"))
    assert bar.told["choices"]["project"] == ["shop-bot"]
    assert not bar.told["has_address"]
    assert [row["id"] for row in table.told["rows"]] == ["session-9"]


def test_it_answers_within_the_kernel(tiny_lake: str):
    """What a visitor does in it is answered at once: a choice, a session, a round."""
    page = al.dashboard("sessions", tiny_lake)
    bar, table = _parts(page)
    _send(bar, {"do": "choose", "name": "project", "values": ["customer-bot"]})
    assert [row["id"] for row in table.told["rows"]] == ["session-1"]
    _send(table, {"do": "open", "session": "session-1", "of": "customer-bot"})
    _, replay = _parts(page)
    assert len(replay.told["rounds"]) == 3
    assert replay.chosen["title"].startswith("Round 1 of 3")


@pytest.mark.parametrize(
    ("page", "choices", "words"),
    [
        ("costs", {}, "no page 'costs'"),
        ("latency", {"projct": "x"}, "no choice 'projct'"),
        ("latency", {"height": 3}, "height=3"),
    ],
)
def test_wrong_use_says_what_there_is(tiny_lake: str, page: str, choices: dict[str, Any], words: str):
    """A page or choice that there is not is told with those there are."""
    with pytest.raises(al.InvalidArgument, match=words):
        al.dashboard(page, tiny_lake, **choices)
