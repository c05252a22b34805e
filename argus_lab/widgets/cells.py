"""A conversation as cells of a notebook: what was said as Markdown, the model's Python as code, not run.

A notebook renders Markdown with HTML in it and fetches its pictures. What a model wrote is a stranger's
text, so outside of code both are written in a way that shows them as text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from argus_lab.display.visible import brief, visible
from argus_lab.widgets.views import facts_of

if TYPE_CHECKING:
    from argus_lab.chat.transcript import Call, Transcript, Turn

__all__ = ["Cell", "cells_of", "pieces"]

Cell = dict[str, Any]

PYTHON = {"python", "py", "python3", "ipython"}
_OPENS = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*\Z")
_TICKS = re.compile(r"`{3,}")


def cells_of(transcript: Transcript) -> list[Cell]:
    r"""The cells of a conversation, as nbformat 4.5 has them.

    Examples
    --------
    >>> from argus_lab.chat.transcript import Call, Transcript, Turn
    >>> words = "Like so:\n```python\n1 + 1\n```\nThat is two."
    >>> turn = Turn("t1", "How?", calls=(Call("c1", "llama3.2", "done", content=words),), state="done")
    >>> for cell in cells_of(Transcript("chat-1", (turn,))):
    ...     print(cell["cell_type"], repr(cell["source"]))
    markdown '**user**\n\nHow?'
    markdown '**llama3.2**\n\nLike so:'
    code '1 + 1'
    markdown 'That is two.'
    """
    made = [cell for turn in transcript.turns for cell in _of_turn(turn)]
    return [_identified(cell, f"{transcript.session}-{at}") for at, cell in enumerate(made)]


def pieces(words: str) -> Iterator[tuple[str, str]]:
    r"""A text in Markdown taken apart: pairs of a language (empty for prose) and what is written.

    Examples
    --------
    >>> list(pieces("See <b>:\n~~~js\nf()\n~~~\n![x](y)"))
    [('', 'See &lt;b>:'), ('js', 'f()'), ('', '!&#91;x](y)')]
    """
    prose: list[str] = []
    lines = iter(visible(words).split("\n"))
    for line in lines:
        opened = _OPENS.match(line)
        if opened is None:
            prose.append(line)
            continue
        if text := _prose(prose):
            yield "", text
        prose = []
        fence = opened[1]
        closes = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*\Z")
        inside: list[str] = []
        for line_of_code in lines:
            if closes.match(line_of_code):
                break
            inside.append(line_of_code)
        yield opened[2].lower() or "text", "\n".join(inside)
    if text := _prose(prose):
        yield "", text


def _prose(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").replace("<", "&lt;").replace("![", "!&#91;")


def _of_turn(turn: Turn) -> Iterator[Cell]:
    yield from _said("user", turn.text)
    for call in turn.calls:
        yield from _of_call(call)
    told = [" · ".join(facts_of(turn))]
    if turn.failure is not None:
        told.append(f"{turn.failure.message} {turn.failure.cure}".strip())
    if words := "\n\n".join(_prose([brief(part, 500)]) for part in told if part):
        yield _markdown(words)


def _of_call(call: Call) -> Iterator[Cell]:
    if call.content:
        yield from _said(call.model or "assistant", call.content)
    results = {result.id: result for result in call.results}
    for asked in call.tool_calls:
        answer = results.get(asked.id)
        told = f"{asked.name}({msgspec.json.encode(asked.arguments).decode()})"
        lines = visible(told if answer is None else f"{told}\n→ {answer.content}")
        yield _markdown(f"calls a tool\n\n{_fenced('text', lines)}")


def _said(who: str, words: str) -> Iterator[Cell]:
    """Prose and code in turn; the first cell says who speaks."""
    name = f"**{_prose([brief(who, 80)])}**\n\n"
    for language, text in pieces(words):
        if language in PYTHON and not name:
            yield _code(text)
            continue
        if language in PYTHON:
            yield _markdown(name.strip())
            yield _code(text)
        else:
            yield _markdown(name + (_fenced(language, text) if language else text))
        name = ""


def _fenced(language: str, text: str) -> str:
    longest = max([2, *(len(run) for run in _TICKS.findall(text))])
    fence = "`" * (longest + 1)
    word = re.sub(r"[^\w+#.-]", "", language)
    return f"{fence}{word}\n{text}\n{fence}"


def _markdown(source: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> Cell:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}


def _identified(cell: Cell, name: str) -> Cell:
    return cell | {"id": hashlib.sha256(name.encode()).hexdigest()[:12]}
