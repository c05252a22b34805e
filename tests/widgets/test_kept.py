"""The copy that stays in the notebook, and the conversation as cells: without a kernel, and harmless."""

from __future__ import annotations

import re

import nbformat
import pytest
from markdown_it import MarkdownIt

from argus_lab.chat.transcript import Asked, Call, Ended, ToolResult, Transcript, Turn, folded
from argus_lab.chat.wire import Chat, Delta, Done, Notice, ToolCall
from argus_lab.widgets.cells import cells_of
from argus_lab.widgets.kept import LARGEST, conversation_shown, kept_copy
from tests.display.pages import UNSEEN
from tests.display.payloads import PAYLOADS
from tests.widgets.pages import KeptPage


def _turn(words: str, at: int = 1) -> Turn:
    call = Call(f"c{at}", "llama3.2", "done", content=words, thinking=words)
    return Turn(f"t{at}", words, calls=(call,), state="done")


def _copy(*turns: Turn) -> KeptPage:
    return KeptPage(kept_copy(Transcript("chat-1", turns), "k" * 12, 3)["text/html"])


def test_the_copy_says_what_was_said():
    """Question, answer, tool and failure are there, in HTML and in plain text."""
    tool = ToolCall("weather", {"city": "Berlin"}, "w1")
    talk = folded(
        [
            Asked("t1", "How is the weather?"),
            Chat("c1", "llama3.2"),
            Delta("c1", 1, tool_calls=(tool,)),
            Done("c1", 2),
            ToolResult("c1", "w1", "weather", "18 degrees"),
            Chat("c2", "llama3.2"),
            Delta("c2", 1, content="It is **18** degrees."),
            Done("c2", 2),
            Ended("t1"),
            Asked("t2", "And tomorrow?"),
            Ended("t2", "failed", Notice("x", "Ollama does not answer.", "Start it with: ollama serve")),
        ]
    )
    data = kept_copy(talk, "abc", 1)
    for words in ("How is the weather?", "weather", "18 degrees", "Ollama does not answer.", "ollama serve"):
        assert words in data["text/html"]
        assert words in data["text/plain"]
    assert "<strong>18</strong>" in data["text/html"]


def test_the_browser_finds_the_copy():
    """By the cell's key and the copy's number, which are its classes."""
    page = _copy(_turn("Hello?"))
    assert page.elements[0] == ("div", {"class": "al-kept-kkkkkkkkkkkk al-copy-3"})


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_words_stay_words(payload: str):
    """A copy of payloads has our own elements and attributes alone, and fits."""
    html = kept_copy(Transcript(payload[:500], (_turn(payload), _turn(payload, 2))), "abc", 1)
    assert len(html["text/html"].encode()) < LARGEST + 1_000
    assert KeptPage(html["text/html"]).count("section", "al-turn") == 2
    assert not UNSEEN.search(html["text/plain"])


def test_a_long_conversation_fits():
    """Two thousand turns of a few hundred words: the first and the last, and how many are between."""
    shown = conversation_shown(Transcript("chat-1", tuple(_turn("word " * 300, at) for at in range(2_000))))
    assert len(shown.html.encode()) <= LARGEST
    assert "1,800 more turns" in shown.html


def test_an_answer_on_its_way_is_said_to_be():
    """A copy made while an answer streams does not pass for the whole."""
    talk = folded([Asked("t1", "Hello?"), Chat("c1", "llama3.2"), Delta("c1", 1, content="**Hi")])
    html = kept_copy(talk, "abc", 1)["text/html"]
    assert "on its way when this copy was made" in html
    assert "**Hi" in html


def test_cells_make_a_notebook():
    """They are valid, in order, with the model's Python as code that was not run."""
    talk = Transcript("chat-1", (_turn("So:\n```python\n1 + 1\n```\nand\n```sh\nls\n```"),))
    cells = [nbformat.from_dict(cell) for cell in cells_of(talk)]
    nbformat.validate(nbformat.v4.new_notebook(cells=cells))
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.source for cell in code] == ["1 + 1", "1 + 1"]  # the user's and the model's
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert any("```sh\nls\n```" in cell.source for cell in cells)


def _fetches(source: str) -> list[str]:
    """HTML and pictures that a Markdown renderer makes of a cell; code is no HTML."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(source)
    html = re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", html, flags=re.DOTALL)
    ours = r"</?(?:p|strong|em|ul|ol|li|h\d|a|br|hr|blockquote|table|thead|tbody|tr|th|td)\b[^<]*>"
    return re.findall(r"<\w[^>]*>", re.sub(ours, "", html))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_words_in_cells_fetch_nothing(payload: str):
    """A notebook renders HTML and pictures in Markdown; of a model's words neither comes through."""
    payload = payload[:10_000]
    for words in (payload, f"`a\n\n{payload}", f"```\n{payload}", f"- x\n\n  ```\n  y\n{payload}"):
        for cell in cells_of(Transcript("chat-1", (_turn(words),))):
            if cell["cell_type"] == "markdown":
                assert not _fetches(cell["source"])
