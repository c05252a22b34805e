"""A page keeps to its size, and says what it left out."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.display.budget import LEAST_BYTES
from argus_lab.display.folding import Tree, lines
from argus_lab.display.show import show
from argus_lab.testing import NOON, make_span
from tests.display.pages import Page
from tests.display.spans import SESSION, TRACE, conversation, frame, trace


def _large(spans: int, *, failed: int = -1, text: str = "") -> pd.DataFrame:
    """A root, agents below it, and searches below these."""
    rows = [make_span(0, trace_id=TRACE, span_id=f"{0:016x}", session_id=SESSION, duration_ms=1e6)]
    agent = ""
    for number in range(1, spans):
        is_agent = number % 30 == 1
        own = f"{number:016x}"
        rows.append(
            make_span(
                0 if is_agent else 2,
                trace_id=TRACE,
                session_id=SESSION,
                span_id=own,
                parent_span_id=f"{0:016x}" if is_agent else agent,
                start_time=NOON + timedelta(milliseconds=10 * number),
                duration_ms=300.0 if is_agent else 9.0,
                name="agent" if is_agent else "execute_tool search",
                status="ERROR" if number == failed else "OK",
                error_message="the one that broke" if number == failed else None,
                input=json.dumps({"q": text}),
            )
        )
        agent = own if is_agent else agent
    return frame(rows)


def test_a_large_trace_is_folded_by_label_and_keeps_its_error():
    """Thousands of spans: lines that say how many they stand for, the failed one whole, an honest sum."""
    spans = _large(6_000, failed=4_321)
    shown = show(spans)
    page = Page(shown.html)
    assert len(shown.html.encode()) <= 1_000_000
    assert page.text.count("the one that broke") >= 2
    rows = page.count("summary", "al-row") - page.count("span", "al-times")
    hidden = int(re.search(r"([\d,]+) more spans, folded by label above", page.text)[1].replace(",", ""))
    assert rows + hidden == len(spans)
    assert f'lake.trace("{TRACE}")' in page.text
    assert re.search(r"×1\d\d POST|×1\d\d agent", page.text)


@pytest.mark.parametrize("most", [LEAST_BYTES, 100_000, 1_000_000])
@pytest.mark.parametrize("text", ["<&\"'" * 30_000, "語" * 100_000, "word " * 60_000, "\u202e" * 50_000])
def test_long_texts_are_shortened_to_fit(most: int, text: str):
    """Whatever the texts, the page takes no more bytes than it may and says what is left out."""
    spans = _large(300, text=text)
    spans.loc[5, "component_type"] = "llm"
    spans.loc[5, "input"] = conversation(text)
    shown = show(spans, max_bytes=most)
    assert len(shown.html.encode()) <= most
    words = Page(shown.html).text
    assert re.search(r"… [\d.]+ [kM]B more, see lake\.trace\(|Left out to keep this output small", words)


@pytest.mark.parametrize("most", [LEAST_BYTES, 300_000])
def test_a_long_session_keeps_to_its_size(most: int):
    """Of turns that do not fit, the first and the last stay, and the rest is counted."""
    spans = trace(traces=16)
    many = pd.concat(
        [
            spans.assign(
                trace_id=spans["trace_id"].str[:-4] + f"{at:03x}" + spans["trace_id"].str[-1],
                start_time=spans["start_time"] + timedelta(hours=at),
            )
            for at in range(20)
        ],
        ignore_index=True,
    )
    shown = show(many, max_bytes=most)
    page = Page(shown.html)
    assert len(shown.html.encode()) <= most
    assert "Turn 1 of 320" in page.text
    assert "Turn 320 of 320" in page.text
    hidden = sum(int(found.replace(",", "")) for found in re.findall(r"… ([\d,]+) more turns? \(", page.text))
    assert page.count("section", "al-turn") + hidden == 320


def test_long_texts_say_how_much_more_there_is():
    """A text of a megabyte is cut with its size and the line that reads it."""
    spans = trace(texts={"input": conversation("lorem ipsum " * 100_000)})
    assert re.search(r"… 1\.2 MB more, see lake\.trace\(", Page(show(spans).html).text)


@given(
    depths=st.lists(st.integers(0, 6), min_size=1, max_size=200),
    most=st.integers(1, 60),
    data=st.data(),
)
def test_every_step_is_on_a_line_or_counted_by_one(depths: list[int], most: int, data: st.DataObject):
    """Whatever the tree: shown steps and folded ones are all steps, each once."""
    tidy = [0]
    for depth in depths[1:]:
        tidy.append(min(depth, tidy[-1] + 1))
    labels = data.draw(st.lists(st.sampled_from("abcdefghij"), min_size=len(tidy), max_size=len(tidy)))
    wrong = data.draw(st.lists(st.integers(0, len(tidy) - 1), unique=True, max_size=5))
    ends = [(float(at), float(at + 3)) for at in range(len(tidy))]
    tree = Tree(tidy, labels, ends, wrong)
    found = lines(tree, most)
    covered = [place for line in found if not line.folded for place in [line.place]]
    for line in found:
        covered += [below for place in line.folded for below in tree.below(place)]
    assert sorted(covered) == list(range(len(tidy)))
    assert sum(line.spans for line in found) == len(tidy)


def test_a_lone_step_is_no_fold_of_one():
    """Of a large tree, a step that stands alone and has nothing below it is told as itself, not as ×1."""
    depths = [0] + [1, 2] * 300 + [1]
    labels = ["run"] + ["search", "read"] * 300 + ["answer"]
    found = lines(Tree(depths, labels, [(0.0, 1.0)] * len(depths), []), 8)
    assert all(line.spans > 1 for line in found if line.folded)
    assert [line.folded for line in found if line.label == "answer"] == [()]
