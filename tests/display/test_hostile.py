"""Whatever stands in a trace is shown as text: nothing of it becomes markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page as Tab

from argus_lab.display.markup import ATTRIBUTES, ELEMENTS
from argus_lab.display.show import show
from argus_lab.display.style import sheet
from argus_lab.measures.rounds import rounds
from argus_lab.measures.steps import steps
from tests.browsers import chromium
from tests.display.pages import UNSEEN, Page
from tests.display.payloads import MARK, PAYLOADS, in_json
from tests.display.spans import IDS, WORDS, trace

STYLE = sheet().removeprefix("<style>").removesuffix("</style>")
ACTIVE = [payload for payload in PAYLOADS if len(payload) < 1_000]
"""Those that want something of a browser; the others are long."""


def _hostile(payload: str, *, traces: int = 1) -> pd.DataFrame:
    """The payload in every text column but ids and kinds, and within their JSON."""
    texts = {
        name: payload for name in WORDS if name not in {*IDS, "component_type", "span_type", "step_kind"}
    }
    return trace(texts=texts | in_json(payload), traces=traces)


def _checked(frame: Any) -> Page:
    shown = show(frame)
    assert len(shown.html.encode()) <= 1_000_000
    page = Page(shown.html)
    assert page.style == STYLE
    assert page.count("style") == 1
    assert not UNSEEN.search(shown.text), ascii(UNSEEN.search(shown.text))
    return page


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_trace_of_payloads_is_text(payload: str):
    """With a payload in every text of every step, the page has our own elements and attributes alone."""
    page = _checked(_hostile(payload))
    assert page.count("li") >= 7


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_session_of_payloads_is_text(payload: str):
    """The same for a conversation and its rounds."""
    page = _checked(_hostile(payload, traces=2))
    assert page.count("section", "al-turn") == 2


@pytest.mark.parametrize("payload", PAYLOADS[:16], ids=range(16))
def test_ids_and_kinds_are_text_too(payload: str):
    """Nothing is trusted for standing in a column of ids or of fixed values."""
    frame = trace()
    for name in (*IDS, "component_type", "span_type", "status", "step_kind", "kind"):
        frame[name] = payload
    _checked(frame)
    many = trace(traces=3)
    many["session_id"] = [f"{payload}{at}" for at in range(len(many))]
    many["session_source"] = "attribute"
    _checked(many)


@pytest.mark.parametrize("payload", PAYLOADS[:16], ids=range(16))
def test_results_of_measures_are_text(payload: str):
    """Frames of steps, of rounds and of comparisons are no safer than spans."""
    frame = _hostile(payload)
    _checked(steps(frame))
    _checked(rounds(frame))
    numbers = {
        "a": 1.0,
        "b": 2.0,
        "difference": 1.0,
        "low": 0.5,
        "high": 1.5,
        "n_a": 3,
        "n_b": 4,
        "change": 1.0,
    }
    words = {"metric": payload, "unit": payload, "name_a": payload, "name_b": payload}
    _checked(pd.DataFrame([words | numbers | {"is_clear": True}]))


@settings(max_examples=80)
@given(
    column=st.sampled_from(sorted({*WORDS} - {"org"})),
    words=st.lists(
        st.text(st.characters(codec=None), max_size=60) | st.sampled_from(PAYLOADS[:40]), min_size=1
    ),
    traces=st.integers(1, 2),
)
def test_any_text_in_any_column_is_text(column: str, words: list[str], traces: int):
    """Any characters in any column, halves of UTF-16 pairs among them, give a page of our vocabulary."""
    frame = trace(traces=traces)
    frame[column] = pd.Series([words[at % len(words)] for at in range(len(frame))], dtype=object)
    _checked(frame)


@pytest.mark.slow
def test_nothing_runs_in_a_browser(tmp_path: Path):
    """Chromium opens all payloads at once: no dialog, no request, no script, and no element of theirs."""
    parts = [
        show(_hostile(payload, traces=at % 2 + 1), max_bytes=200_000).html
        for at, payload in enumerate(ACTIVE)
    ]
    place = tmp_path / "page.html"
    place.write_text(
        f"<!doctype html><meta charset=utf-8>{''.join(parts)}", encoding="utf-8", errors="strict"
    )
    with chromium() as browser:
        tab = browser.new_page()
        seen = _watched(tab)
        tab.goto(place.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        tab.evaluate(
            "document.querySelectorAll('.argus-lab *').forEach(each => {"
            "for (const kind of ['mouseover', 'focus', 'click']) if (each.tagName !== 'A')"
            "each.dispatchEvent(new Event(kind))})"
        )
        marker = tab.evaluate("typeof window.marker")
        names = tab.evaluate(
            "[...new Set([...document.querySelectorAll('.argus-lab *')].map(e => e.localName))]"
        )
        attributes = tab.evaluate(
            "[...new Set([...document.querySelectorAll('.argus-lab *')].flatMap(e => e.getAttributeNames()))]"
        )
        outside = tab.evaluate(
            "[...document.body.children].filter(e => e.classList[0] !== 'argus-lab').length"
        )
    assert MARK.startswith("window.marker")
    assert marker == "undefined"
    assert seen == [place.as_uri()]
    assert set(names) <= ELEMENTS
    assert set(attributes) <= ATTRIBUTES
    assert outside == 0


def _watched(tab: Tab) -> list[str]:
    """Addresses that the tab asks for, and dialogs, as they come."""
    seen: list[str] = []
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    tab.on("popup", lambda popup: seen.append(popup.url))
    return seen
