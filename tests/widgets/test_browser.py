"""The cell's browser side: drawing, scrolling, keys, names for screen readers, and nothing that runs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from argus_lab.chat.transcript import Asked, Ended, ToolResult, Transcript, folded
from argus_lab.chat.wire import Chat, Delta, Done, Notice, ToolCall, Usage
from argus_lab.display.markup import ATTRIBUTES, ELEMENTS
from tests.browsers import chromium
from tests.display.payloads import PAYLOADS
from tests.widgets.browser import CSS, ESM, Tab, hard_to_read

ACTIVE = [payload for payload in PAYLOADS if len(payload) < 1_000]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for this file."""
    with chromium() as running:
        yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A page of its own for each test, in which nothing went wrong at the end."""
    made = Tab(browser)
    yield made
    problems = made.problems
    made.page.close()
    assert not problems


def _turn(at: int, words: str = "An answer of a *few* words.") -> list[Any]:
    call = f"c{at}"
    said = [Chat(call, "llama3.2"), Delta(call, 0, content=words), Done(call, 0, usage=Usage(10, 5))]
    return [Asked(f"t{at}", f"Question {at}?", trace_id="ab" * 16), *said, Ended(f"t{at}")]


def _talk(turns: int, words: str = "An answer of a *few* words.") -> Transcript:
    return folded([entry for at in range(turns) for entry in _turn(at, words)])


def test_it_asks_for_everything_and_shows_nothing_before(tab: Tab):
    """An empty shell is worse than nothing: the copy is still there until the kernel answers."""
    assert tab.sent() == [{"do": "hello"}]
    assert tab.page.locator(".argus-chat").is_hidden()
    tab.show(_talk(1))
    assert tab.page.locator(".argus-chat").is_visible()


def test_a_message_that_was_missed_is_asked_for(tab: Tab):
    """A gap in the numbers: everything anew, and until then nothing half."""
    tab.show(_talk(1))
    tab.page.evaluate("receive({number: 9, patches: [{do: 'turns', at: 0, turns: []}]})")
    assert tab.sent()[-1] == {"do": "hello"}
    assert tab.page.locator(".ac-turn").count() == 1
    tab.show(_talk(2))
    assert tab.page.locator(".ac-turn").count() == 2


def test_what_streams_grows_and_is_markdown_at_the_end(tab: Tab):
    """Text while it comes; rendered when it is over; thinking that was opened stays open."""
    begun = [
        Asked("t", "?"),
        Chat("c", "llama3.2"),
        Delta("c", 0, thinking="Hm, "),
        Delta("c", 0, content="**so"),
    ]
    tab.show(folded(begun[:3]), busy=True)
    tab.change(folded(begun))
    assert tab.page.locator(".ac-parts > .ac-text").inner_text() == "**so"
    tab.page.locator(".ac-thinking summary").click()
    more = [*begun, Delta("c", 0, content=" it** is")]
    tab.change(folded(more))
    assert tab.page.locator(".ac-parts > .ac-text").inner_text() == "**so it** is"
    assert tab.page.locator(".ac-list").get_attribute("aria-busy") == "true"
    tab.change(folded([*more, Done("c", 0), Ended("t")]))
    assert tab.page.locator(".ac-parts strong").inner_text() == "so it"
    assert tab.page.locator(".ac-parts details").evaluate("each => each.open")
    assert tab.page.locator(".ac-list").get_attribute("aria-busy") == "false"


def test_it_follows_the_end_only_for_who_reads_the_end(tab: Tab):
    """New text moves the list if its end was in sight, and leaves it alone if the reader went back."""
    begun = [*_turn(0, "line\n\n" * 60), Asked("t", "?"), Chat("c", "m")]
    tab.show(folded(begun), busy=True)
    tab.page.evaluate("document.querySelector('.ac-list').scrollTop = 1e6; ")
    at_end = (
        "(() => { const list = document.querySelector('.ac-list');"
        "return list.scrollHeight - list.scrollTop - list.clientHeight })()"
    )
    for words in range(1, 6):
        tab.change(folded([*begun, Delta("c", 0, content="more\n" * 10 * words)]))
        assert tab.page.evaluate(at_end) < 2
    tab.page.evaluate("document.querySelector('.ac-list').scrollTop = 100")
    tab.page.evaluate("drawn()")
    tab.change(folded([*begun, Delta("c", 0, content="more\n" * 80)]))
    assert tab.page.evaluate("document.querySelector('.ac-list').scrollTop") == 100
    assert tab.page.locator(".ac-end").is_visible()
    tab.page.locator(".ac-end").click()
    assert tab.page.evaluate(at_end) < 2
    assert tab.page.locator(".ac-end").is_hidden()


def test_two_hundred_turns_stay_quick(tab: Tab):
    """A token in a chat of 200 turns costs what it costs in one of 2."""

    def token_ms(turns: int) -> float:
        begun = [entry for at in range(turns) for entry in _turn(at, "Some *words* and `code`.\n\n" * 8)]
        begun += [Asked("t", "?"), Chat("c", "m"), Delta("c", 0, content="So ")]
        tab.show(folded(begun), busy=True)
        place = {"do": "more", "at": turns, "part": 0, "text": "word ", "label": ""}
        return float(
            tab.page.evaluate(
                """async ([place, first]) => {
                    const began = performance.now();
                    const spent = [];
                    for (let at = 0; at < 60; at++) {
                        receive({ number: first + at, patches: [place] });
                        await new Promise((done) => requestAnimationFrame(done));
                        const from = performance.now();
                        document.querySelector(".ac-list").getBoundingClientRect();
                        document.querySelector(".ac-list").scrollHeight;
                        spent.push(performance.now() - from);
                    }
                    return spent.sort((one, two) => one - two)[30];
                }""",
                [place, tab.number + 1],
            )
        )

    few, many = token_ms(2), token_ms(200)
    assert tab.page.locator(".ac-turn").count() == 201
    assert many < max(10 * few, 8.0), (few, many)


def test_keys(tab: Tab):
    """Enter sends, Shift+Enter breaks the line, Esc stops, the up arrow takes the last message back."""
    tab.show(_talk(1))
    area = tab.page.get_by_label("Message", exact=True)
    area.click()
    area.type("one")
    area.press("Shift+Enter")
    area.type("two")
    area.press("Enter")
    assert tab.sent()[-1] == {"do": "send", "text": "one\ntwo", "images": []}
    assert area.input_value() == ""
    assert area.evaluate("each => each === document.activeElement")
    tab.change(folded([*_turn(0), Asked("t", "one\ntwo"), Chat("c", "m")]))
    area.press("Enter")
    area.press("Escape")
    assert tab.sent()[-1] == {"do": "stop"}
    tab.change(folded([*_turn(0), Asked("t", "one\ntwo"), Chat("c", "m"), Ended("t", "stopped")]))
    area.press("ArrowUp")
    edited = tab.page.get_by_label("Edit your message")
    assert edited.input_value() == "one\ntwo"
    edited.fill("three")
    edited.press("Enter")
    assert tab.sent()[-1] == {"do": "edit", "turn": "t", "text": "three"}


def test_a_picture_goes_along(tab: Tab):
    """It is chosen, shown, and sent with the message; one that is too large is not."""
    tab.show(_talk(0))
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Picture").click()
    chooser.value.set_files([{"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL}])
    tab.page.get_by_role("img", name="dot.png").wait_for()
    tab.page.get_by_label("Message", exact=True).fill("What is this?")
    tab.page.get_by_role("button", name="Send").click()
    assert tab.sent()[-1] == {
        "do": "send",
        "text": "What is this?",
        "images": [base64.b64encode(PIXEL).decode()],
    }
    big = {"name": "big.png", "mimeType": "image/png", "buffer": PIXEL + bytes(2_000_000)}
    tab.page.locator("input[type=file]").set_input_files([big])
    tab.page.get_by_text("big.png is too large").wait_for()
    tab.problems.clear()  # the picture's own blob: address was asked for, by the browser of itself


def test_settings_and_models_are_sent(tab: Tab):
    """A field that was changed, a model that was picked, and one that was typed."""
    tab.show(_talk(0), values={"temperature": "0.2"})
    tab.page.get_by_role("button", name="Settings").click()
    field = tab.page.get_by_label("temperature")
    assert field.input_value() == "0.2"
    field.fill("0.7")
    field.press("Tab")
    assert tab.sent()[-1] == {"do": "set", "name": "temperature", "value": "0.7"}
    field.fill("9")
    field.press("Tab")
    assert tab.sent()[-1]["value"] == "0.7"  # out of range: the browser says so
    tab.page.get_by_label("think").select_option("off")
    assert tab.sent()[-1] == {"do": "set", "name": "think", "value": "off"}
    tab.page.get_by_label("Model", exact=True).select_option("qwen3")
    assert tab.sent()[-1] == {"do": "model", "name": "qwen3"}
    tab.page.get_by_label("Model", exact=True).select_option("")
    tab.page.get_by_label("Name of another model").fill("gemma3")
    tab.page.get_by_label("Name of another model").press("Enter")
    assert tab.sent()[-1] == {"do": "model", "name": "gemma3"}


def test_a_silent_kernel_is_said_to_be(tab: Tab):
    """No answer for seconds: a line, which goes when the kernel is heard of again."""
    tab.show(_talk(1))
    tab.page.clock.install()
    tab.page.get_by_label("Message", exact=True).fill("Hello?")
    tab.page.get_by_role("button", name="Send").click()
    notice = tab.page.locator(".ac-notice")
    assert notice.is_hidden()
    tab.page.clock.fast_forward(5_000)
    notice.get_by_text("The kernel does not answer").wait_for()
    tab.show(_talk(2))
    assert notice.is_hidden()


def test_a_kernel_that_was_restarted_leaves_something_to_read(tab: Tab):
    """The conversation stays, the line says how to begin anew, and nothing is left that needs the kernel."""
    tab.show(
        folded([*_turn(0), Asked("t", "?"), Chat("c", "m"), Delta("c", 0, content="Half an")]), busy=True
    )
    tab.page.evaluate("parts.forEach(each => each())")
    tab.page.get_by_text("run the cell again to begin a new conversation").wait_for()
    assert "Half an" in tab.page.locator(".ac-turn").last.inner_text()
    assert tab.page.get_by_role("button").count() == 0
    assert tab.page.get_by_label("Message", exact=True).is_hidden()
    assert tab.page.get_by_label("Model", exact=True).is_disabled()


def test_a_cell_that_is_cut_off_says_so(tab: Tab):
    """The kernel cannot be told: what was about to be said is still there, to be read and copied."""
    tab.show(_talk(1))
    tab.page.evaluate("void (model.send = () => { throw new Error('Cannot send') })")
    area = tab.page.get_by_label("Message", exact=True)
    area.fill("A long question")
    area.press("Enter")
    tab.page.get_by_text("run the cell again to begin a new conversation").wait_for()
    assert area.is_visible()
    assert area.input_value() == "A long question"
    assert not area.is_editable()
    assert tab.page.get_by_role("button").count() == 0
    assert ["Cannot send" in words for words in tab.problems] == [True]
    tab.problems.clear()  # the browser's console has the reason


def test_everything_has_a_name(tab: Tab):
    """Every control has a name; the log is announced when complete, not token by token."""
    tab.show(folded([*_turn(0), *_turn(1)]), pull={"words": "Pulling x", "share": 0.5, "can": "stop"})
    unnamed = tab.page.evaluate(
        "[...document.querySelectorAll('button, select, input, textarea, progress')].filter(each =>"
        "!each.ariaLabel && !each.textContent.trim() && !each.labels?.length).map(each => each.outerHTML)"
    )
    assert not unnamed
    log = tab.page.get_by_role("log", name="Conversation")
    assert log.get_attribute("aria-live") == "polite"
    assert tab.page.get_by_role("region", name="Chat with llama3.2").count() == 1
    assert tab.page.get_by_role("progressbar", name="Pulling x").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(browser: Browser, scheme: str):
    """Every text has a contrast of 4.5 to 1 with what is behind it, in both themes."""
    tab = Tab(browser, color_scheme=scheme)
    failed = Notice("x", "It failed.", "Try again.")
    tab.show(
        folded([*_turn(0, "a `b` [c](https://example.org)"), Asked("t", "?"), Ended("t", "failed", failed)])
    )
    tab.page.get_by_role("button", name="Settings").click()
    poor = hard_to_read(tab.page)
    tab.page.close()
    assert not poor


def test_hostile_words_run_nothing(tab: Tab):
    """Payloads in every text, streamed and at the end: no script, no request, no element of theirs."""
    for at, payload in enumerate(ACTIVE):
        tool = ToolCall(payload, {payload: payload}, "w")
        live = [
            Asked("t", payload),
            Chat("c", payload),
            Delta("c", 0, thinking=payload, content=payload, tool_calls=(tool,)),
        ]
        over = [
            Done("c", 0, notices=(Notice("x", payload, payload),)),
            ToolResult("c", "w", payload, payload, is_error=True),
            Ended("t", "failed", Notice("x", payload, payload)),
        ]
        hostile = {"model": payload, "models": [{"name": payload, "detail": payload}], "status": payload}
        told = {"words": payload, "share": 0.5, "can": "pull"}
        tab.show(folded(live), **_json(hostile | {"pull": told, "values": {"system": payload}}))
        tab.change(folded([*live, *over]), **_json(hostile | {"pull": told}))
        tab.page.evaluate(_PROVOKED)
        if at % 8 == 0:
            assert tab.page.evaluate("typeof window.marker") == "undefined"
        names = tab.page.evaluate(
            "[...new Set([...document.querySelectorAll('.ac-html *')].map(each => each.localName))]"
        )
        attributes = tab.page.evaluate(
            "[...new Set([...document.querySelectorAll('.ac-html *')]"
            ".flatMap(each => each.getAttributeNames()))]"
        )
        assert set(names) <= ELEMENTS
        assert set(attributes) <= ATTRIBUTES
    assert tab.page.evaluate("typeof window.marker") == "undefined"


_PROVOKED = """() => document.querySelectorAll('.argus-chat *').forEach((each) => {
  if (each.localName === 'details') each.open = true;
  for (const kind of ['mouseover', 'focus']) each.dispatchEvent(new Event(kind));
})"""


def _json(state: dict[str, Any]) -> dict[str, Any]:
    """As it arrives: halves of pairs cannot travel, so the kernel's JSON replaces them."""
    return dict(json.loads(json.dumps(state).encode("utf-8", "replace")))


def test_it_is_small():
    """Script and style of the cell together: tens of kilobytes, where others carry a megabyte."""
    assert len(ESM.encode()) < 30_000
    assert len(CSS.encode()) < 30_000


def test_it_leaves_nothing_behind(tab: Tab):
    """When its output is cleared, its listeners go too."""
    tab.show(_talk(1))
    tab.page.evaluate("ends(); el.replaceChildren()")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Escape")
    assert tab.sent() == [{"do": "hello"}]
