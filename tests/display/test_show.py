"""What al.show makes of each kind of frame: structure, numbers, words in a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import argus_lab as al
from argus_lab.display.facts import facts_of
from argus_lab.display.page import NO_FORMULAS
from argus_lab.display.show import show
from argus_lab.display.shown import Shown
from argus_lab.display.style import ROOT, sheet
from argus_lab.display.taken import frame_of, spans_of
from argus_lab.display.turns import turns_of
from argus_lab.measures.compare import compare
from argus_lab.measures.rounds import rounds
from argus_lab.measures.sessions import sessions
from argus_lab.measures.steps import steps
from argus_lab.measures.traces import traces
from argus_lab.schema import SPANS
from argus_lab.testing import make_span
from tests.display.conftest import DATASETS
from tests.display.pages import Page
from tests.display.spans import SESSION, TRACE, conversation, frame, trace

HERE = Path(__file__).parent
NUMBERS = ("spans", "model_calls", "tool_calls", "errors", "input_tokens", "output_tokens")


def _wrong_tool(lake: al.Lake, **options: Any) -> pd.DataFrame:
    return lake.session("story-hallucinated-tool", **options)


def test_a_trace_is_a_waterfall_of_its_steps(stories: al.Lake):
    """A line a span with its duration, the failed one marked, and in the head what the measures count."""
    spans = _wrong_tool(stories)
    one = stories.trace(spans["trace_id"].iloc[0])
    page = Page(show(one).html)
    assert page.count("details") >= len(one)
    assert page.count("summary", "al-row") == len(one)
    assert page.count("span", "al-mark") == 1
    (row,) = traces(one).to_dict("records")
    for told in (f"{row['input_tokens']:,}", f"{row['spans']}", "no tool is called", row["trace_id"], "OK"):
        assert told in page.text


def test_each_kind_of_step_tells_what_it_is_about(stories: al.Lake):
    """Model calls tell prompt, tools, usage and end; tools their arguments; resources their request."""
    text = Page(show(stories.trace(_wrong_tool(stories)["trace_id"].iloc[0])).html).text
    for told in (
        "System prompt: You are Mira",
        "8 tools offered",
        "temperature 0.6",
        "Stopped because",
        "First token",
    ):
        assert told in text
    for told in (
        "Arguments",
        "customer_email",
        "SELECT * FROM orders",
        "postgresql",
        "pii-filter",
        "Traceback",
    ):
        assert told in text
    mcp = stories.session("story-runaway-loop")
    text = Page(show(stories.trace(mcp["trace_id"].iloc[0])).html).text
    assert "order-mcp" in text
    assert "tools/call" in text


def test_a_session_reads_as_a_conversation(stories: al.Lake):
    """Turns in order, each with question, rounds and answer; re-sent messages and prompts are folded."""
    page = Page(show(_wrong_tool(stories)).html)
    assert page.count("section", "al-turn") == 2
    text = page.text
    order = (
        "Turn 1 of 2",
        "what have I ordered",
        "Round 1 of 4",
        "Round 3 of 4",
        "Turn 2 of 2",
        "Great, that was quick",
    )
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    for told in (
        "System prompt as shown above",
        "2 messages re-sent",
        "Internal logic",
        "External resources: database",
    ):
        assert told in text
    assert text.count("System prompt: You are Mira") == 1


def test_a_trace_in_which_the_user_speaks_twice_is_two_turns():
    """The README's example is one trace of two questions: each is a turn with its own rounds and answer."""
    lake = al.open_files(DATASETS.parent / "example-trace.json")
    session = lake.session("weather-example")
    shown = show(session)
    page = Page(shown.html)
    assert page.count("section", "al-turn") == 2
    text = page.text
    places = [
        text.index(told)
        for told in (
            "Turn 1 of 2",
            "Do I need an umbrella",
            "Round 2 of 3",
            "Yes: rain is likely",
            "Turn 2 of 2",
            "And if I leave at noon?",
            "Round 3 of 3",
            "Then you should stay dry",
        )
    ]
    assert places == sorted(places)
    assert "Turn 1 of 2 · 3.42 s" in shown.text  # not the 41.9 s of the span around both
    light = show(lake.session("weather-example", columns=list(SPANS.light))).text
    assert light.count("Turn ") == 2


def test_what_the_user_said_goes_before_what_the_model_was_sent():
    """Where a tool runs first, the question is the user's own, not the prompt that the bot made of it."""
    turn = make_span(0, input_text="Where is A-17?", trace_id=TRACE, session_id=SESSION)
    tool = make_span(2, trace_id=TRACE, session_id=SESSION, parent_span_id=turn["span_id"])
    prompt = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Tell: in Rotterdam."}]}])
    call = make_span(3, trace_id=TRACE, session_id=SESSION, parent_span_id=turn["span_id"], input=prompt)
    call = call | {"span_type": "llm", "step_kind": "llm_call", "output_text": "In Rotterdam."}
    spans = frame([turn, tool, call])
    spans.attrs["argus"] = {"asked": {"session": SESSION}}
    assert "user       Where is A-17?" in show(spans).text


def test_what_the_user_was_told_is_shown_though_no_model_said_it():
    """An apology that the service wrote after failed calls, and why the calls failed, stand in the page."""
    lake = al.open_files(DATASETS / "week-2.jsonl.gz")
    text = Page(show(lake.session("story-gives-up")).html).text
    assert text.count("I am sorry, something went wrong on my side.") >= 3
    assert text.count("model runner has unexpectedly stopped") >= 9


def test_other_languages_stand_as_they_were_written(stories: al.Lake):
    """Chinese words reach page and terminal unchanged, and columns stay aligned."""
    shown = show(stories.session("cs-0088"))
    assert "订单 A-53020" in shown.html
    assert "订单 A-53020" in shown.text
    assert Page(shown.html).count("section", "al-turn") == 12


def test_many_sessions_are_a_table_that_says_how_to_narrow(stories: al.Lake):
    """Spans of several sessions give a row a session and the line that shows one."""
    spans = stories.spans()
    page = Page(show(spans).html)
    found = sessions(spans)
    assert page.count("tr") == len(found) + 1
    assert 'al.show(lake.session("' in page.text
    assert page.text.startswith(f"{len(found)} sessions")
    assert Page(show(found).html).count("tr") == len(found) + 1
    assert Page(show(traces(spans)).html).text.startswith(f"{spans['trace_id'].nunique()} traces")


def test_a_trace_that_names_no_session_is_counted_as_a_trace():
    """Spans of several traces without sessions are a table of traces."""
    spans = trace(traces=3)
    spans["session_id"] = None
    spans["session_source"] = "trace"
    assert Page(show(spans).html).text.startswith("3 traces")


def test_steps_rounds_and_comparisons_are_shown(stories: al.Lake):
    """What the measures gave is shown without the spans they were made of."""
    spans = _wrong_tool(stories)
    assert Page(show(steps(spans)).html).count("summary", "al-row") == len(spans)
    assert Page(show(rounds(spans)).html).count("tr") == len(rounds(spans)) + 1
    found = compare(stories.spans(), by="request_model", values=("gpt-5-mini", "qwen3:8b"), resamples=50)
    page = Page(show(found).html)
    assert page.count("tr") == len(found) + 1
    assert page.count("tr", "al-clear") == int(found["is_clear"].sum())
    assert page.text.startswith("gpt-5-mini against qwen3:8b")
    assert "median_ms" in show(found).text


def test_the_heads_numbers_are_those_of_the_measures(stories: al.Lake):
    """Facts made for the page equal al.traces and al.sessions on the sample data."""
    spans = stories.spans()
    for row in traces(spans).to_dict("records"):
        told = facts_of(spans_of(frame_of(spans[spans["trace_id"] == row["trace_id"]]), SPANS.light))
        _same(told, row, ("name", "models", "is_complete", *NUMBERS))
    for row in sessions(spans).to_dict("records"):
        whole = stories.session(row["session_id"])
        table = spans_of(frame_of(whole), SPANS.light)
        _same(facts_of(table), row, ("models", "services", "turns", *NUMBERS))
        wall = {one["trace_id"]: one["duration_ms"] for one in traces(whole).to_dict("records")}
        assert {one["trace_id"]: one["duration_ms"] for one in turns_of(table, [])} == pytest.approx(wall)


def _same(told: dict[str, Any], row: dict[Any, Any], names: tuple[str, ...]) -> None:
    assert told["duration_ms"] == pytest.approx(row["duration_ms"])
    assert {name: told[name] for name in names} == {name: row[name] for name in names}


def test_light_frames_work_and_say_what_is_missing(stories: al.Lake):
    """Without heavy columns there are still steps and rounds, and the line that loads the rest."""
    light = _wrong_tool(stories, columns="light")
    text = Page(show(light).html).text
    assert "Round 1 of 4" in text
    assert 'al.show(lake.session("story-hallucinated-tool"))' in text
    one = stories.trace(light["trace_id"].iloc[0], columns="light")
    assert f'al.show(lake.trace("{one["trace_id"].iloc[0]}"))' in Page(show(one).html).text
    few = one[["trace_id", "span_id", "parent_span_id", "name", "start_time", "duration_ms"]]
    assert Page(show(few).html).count("summary", "al-row") == len(few)


@pytest.mark.parametrize("traces", [1, 2])
def test_every_engine_gives_the_same_page(traces: int):
    """pandas, Polars, lazy Polars and Arrow frames show the same."""
    spans = trace(traces=traces)
    table = spans_of(frame_of(spans), SPANS.names)
    expected = show(spans)
    for other in (table, pl.DataFrame(table), pl.DataFrame(table).lazy()):
        assert show(other) == expected


def test_an_empty_frame_says_so(stories: al.Lake):
    """No rows give a page and a line, not an error."""
    for empty in (stories.spans().head(0), _wrong_tool(stories).head(0)):
        shown = show(empty)
        assert "The frame is empty" in Page(shown.html).text
        assert "nothing here" in shown.text


@pytest.mark.parametrize(
    ("thing", "cure"),
    [
        (TRACE, f'al.show(lake.trace("{TRACE}"))'),
        (None, "lake.trace(...)"),
        ([1, 2], "lake.trace(...)"),
        (pd.DataFrame({"a": [1]}), "lake.spans()"),
        (pd.DataFrame({"trace_id": [1], "span_id": [[2]], "start_time": ["x"]}), "schema.md"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_cure(thing: Any, cure: str):
    """Anything but a frame of ours is an InvalidArgument that says what to write."""
    with pytest.raises(al.InvalidArgument) as caught:
        show(thing)
    assert cure in str(caught.value)


def test_too_few_bytes_are_refused():
    """A page has a size below which it says nothing."""
    with pytest.raises(al.InvalidArgument, match="40,000"):
        show(trace(), max_bytes=100)


def test_notebooks_and_terminals_get_their_form():
    """The object answers to both of IPython's questions, and prints as text."""
    shown = show(trace())
    assert isinstance(shown, Shown)
    assert shown._repr_mimebundle_() == {"text/html": shown._repr_html_(), "text/plain": repr(shown)}
    assert shown.html.startswith(f'<div class="{ROOT} {NO_FORMULAS}"><style>')
    assert str(shown) == shown.text


def test_no_notebook_typesets_what_stands_between_dollars(stories: al.Lake):
    """JupyterLab and nbconvert run MathJax over HTML: every page has the classes that these leave alone.

    All text stands below the page's one root, whatever is shown.
    """
    assert set(NO_FORMULAS.split()) == {"mathjax_ignore", "tex2jax_ignore"}
    spans = _wrong_tool(stories)
    one = stories.trace(spans["trace_id"].iloc[0])
    for thing in (spans, one, steps(one), rounds(spans), spans.head(0), compare(spans, one, resamples=2)):
        html = show(thing).html
        assert html.startswith(f'<div class="{ROOT} {NO_FORMULAS}">')
        assert html.count("<div") == html.count("</div>")


def test_terminals_get_an_aligned_tree():
    """The plain text of a trace, letter by letter."""
    spans = trace()
    spans.loc[3, ["status", "error_type", "error_message"]] = [
        "ERROR",
        "TimeoutError",
        "no answer\x1b[31m within 30 s",
    ]
    assert show(spans).text.splitlines() == (HERE / "trace.txt").read_text(encoding="utf-8").splitlines()


def test_frames_are_not_changed():
    """Showing leaves the frame as it was."""
    spans = trace()
    before = spans.copy(deep=True)
    show(spans)
    pd.testing.assert_frame_equal(spans, before)


def test_a_frame_cut_by_its_limit_says_so():
    """What the lake held back is told."""
    spans = trace()
    spans.attrs["argus"] = {"asked": {}, "cut": True, "matched": 5000, "returned": 7}
    assert "7 of 5,000 rows" in Page(show(spans).html).text


def test_small_pictures_are_shown_and_other_media_named():
    """A PNG within the limit is a picture; anything else is told by kind and size, never as text."""
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    blob = {"type": "blob", "mime_type": "image/png", "modality": "image"}
    parts = [
        {"type": "text", "content": "Look:"},
        blob | {"content": png},
        blob | {"content": "iVBORw0KGgo" + "A" * 90_000},
        {"type": "blob", "mime_type": "audio/wav", "size": 123_456, "sha256": "ab" * 32, "content": None},
        {"type": "uri", "uri": "https://example.org/cat.png", "modality": "image"},
    ]
    spans = trace(texts={"input": json.dumps([{"role": "user", "parts": parts}])})
    page = Page(show(spans).html)
    assert page.count("img") >= 1
    assert "image/png · 68 kB" in page.text
    assert "audio/wav · 123 kB · sha256 abababababab" in page.text
    assert "A" * 500 not in page.text
    assert any(
        found.get("href") == "https://example.org/cat.png" for tag, found in page.elements if tag == "a"
    )


def test_answers_are_read_as_markdown():
    """What a model wrote in Markdown is shown as it meant it."""
    spans = trace(traces=2)
    spans.loc[spans["component_type"] == "llm", "output"] = conversation("- one\n- **two**", "assistant")
    page = Page(show(spans).html)
    assert page.count("strong") >= 2
    assert SESSION in page.text


def test_the_style_touches_nothing_but_our_own():
    """Every selector stands below the root's class, and nothing in the sheet loads anything."""
    css = sheet().removeprefix("<style>").removesuffix("</style>")
    assert not any(word in css for word in ("url(", "@import", "expression", "<", "javascript"))
    assert css.count("{") == css.count("}")
    for rule in css.split("}"):
        *conditions, selectors, _body = ["", *rule.split("{")] if "{" in rule else ["", "", ""]
        assert all(not part.strip() or part.strip().startswith("@") for part in conditions)
        for selector in filter(None, selectors.split(",")):
            assert f".{ROOT}.{ROOT}" in selector, selector
