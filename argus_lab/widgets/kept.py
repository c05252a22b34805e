"""The copy of a conversation that stays in the notebook: static HTML and plain text, nothing that runs.

It stands in an output of its own above the live cell, which hides it as long as there is a kernel. Where
there is none, JupyterLab says that it misses the cell's model: a rule of the copy's style takes that line
away, since everything it could have shown is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from argus_lab.chat.transcript import Transcript, Turn
from argus_lab.display.budget import Later
from argus_lab.display.markup import Html, element, joined
from argus_lab.display.page import Piece, head, note, page
from argus_lab.display.plain import titled
from argus_lab.display.shown import Shown
from argus_lab.display.units import count, plural
from argus_lab.display.visible import brief, shortened
from argus_lab.widgets.views import WHERE, Part, TurnView, facts_of, turn_view

__all__ = ["LARGEST", "conversation_shown", "kept_copy"]

LARGEST = 1_000_000
"""Bytes of the copy: the notebook carries it, and each turn sends it anew."""
FIRST, LAST = 10, 190
"""Turns that a copy shows of a conversation that is longer."""
PLAIN = 2_000
"""Characters of a message in plain text."""


def conversation_shown(transcript: Transcript, *, most_bytes: int = LARGEST) -> Shown:
    """A conversation as a page that stays, and as plain text.

    Examples
    --------
    >>> from argus_lab.chat.transcript import Call
    >>> turn = Turn("t1", "Hello?", calls=(Call("c1", "llama3.2", "done", content="Hi!"),), state="done")
    >>> conversation_shown(Transcript("chat-1", (turn,)))
    Chat with llama3.2
    turns 1 · session chat-1
    <BLANKLINE>
    user: Hello?
    llama3.2: Hi!
    """
    return Shown(page(lambda _lines: _pieces(transcript), most_bytes), _plain(transcript))


def kept_copy(transcript: Transcript, key: str, number: int) -> dict[str, str]:
    """The copy as an output's data. ``key`` names the cell, ``number`` the copy: the browser compares."""
    shown = conversation_shown(transcript)
    # The browser finds the copy by its classes; see hideKept and checkKept in chat.js.
    names = f"al-kept-{key} al-copy-{number}"
    marked = element("div", element("style", Html(_WITHOUT_MODEL % key)), Html(shown.html), cls=names)
    return {"text/html": marked, "text/plain": shown.text}


_WITHOUT_MODEL = (
    ".jp-OutputArea-child:has(.al-kept-%s) + .jp-OutputArea-child:has(> .jupyter-widgets)"
    ":not(:has(.argus-chat)) { display: none }"
)


def _pieces(transcript: Transcript) -> list[Piece]:
    turns = transcript.turns
    models = _models(turns)
    facts = [("Turns", count(len(turns)))]
    first = head(
        f"Chat with {models}" if models else "Chat",
        f"session {brief(transcript.session, 80)}" if transcript.session else None,
        facts,
    )
    if not turns:
        return [first, note("Nothing has been said yet. Run the cell to begin.")]
    hidden = len(turns) - FIRST - LAST
    if hidden <= 0:
        return [first, *map(_later, turns)]
    gap = note(f"… {plural(hidden, 'more turn')}, see {WHERE}")
    return [first, *map(_later, turns[:FIRST]), gap, *map(_later, turns[-LAST:])]


def _later(turn: Turn) -> Later:
    longest = max(map(len, chain([turn.text], (call.content for call in turn.calls))))
    return Later(_drawing(turn), 0, longest)


def _drawing(turn: Turn) -> Callable[[int], Html]:
    return lambda most: _turn(turn_view(turn, most))


def _turn(view: TurnView) -> Html:
    parts = [_part(part) for part in view.parts]
    unfinished = note("The answer was on its way when this copy was made.") if view.live else None
    who = element("p", view.who or "assistant", cls="al-role")
    answer = element("div", who, *parts, cls="al-message al-is-assistant") if parts or view.who else None
    wrong = element("div", view.wrong, cls="al-alert") if view.wrong else None
    facts = element("div", view.facts, cls="al-note") if view.facts else None
    return element("section", view.asked, answer, unfinished, wrong, facts, cls="al-turn")


def _part(part: Part) -> Html:
    if part.kind == "html":
        return part.html
    # Streaming text is no Markdown yet: a half of it may mean something else.
    return element("pre", part.text, cls="al-text", dir="auto") if part.kind == "text" else joined([])


def _models(turns: Sequence[Turn]) -> str:
    return ", ".join(
        dict.fromkeys(brief(call.model, 80) for turn in turns for call in turn.calls if call.model)
    )


def _plain(transcript: Transcript) -> str:
    models = _models(transcript.turns)
    facts = [("turns", count(len(transcript.turns))), ("session", brief(transcript.session, 80))]
    turns = ["\n".join(_lines(turn)) for turn in transcript.turns]
    return titled(f"Chat with {models}" if models else "Chat", facts, *turns)


def _lines(turn: Turn) -> list[str]:
    told = [f"user: {_words(turn.text)}"]
    told += [f"  [{plural(len(turn.images), 'picture')}]"] if turn.images else []
    for call in turn.calls:
        results = {result.id: result for result in call.results}
        told += [f"{brief(call.model, 80) or 'assistant'}: {_words(call.content)}"] if call.content else []
        for asked in call.tool_calls:
            result = results.get(asked.id)
            answer = "not run" if result is None else _words(result.content)
            told.append(f"  {brief(asked.name, 80)}({brief(asked.arguments, 120)}) → {brief(answer, 200)}")
    told += [f"  {' · '.join(facts_of(turn))}"] if facts_of(turn) else []
    failure = turn.failure
    return [*told, f"  ✗ {failure.message} {failure.cure}".rstrip()] if failure else told


def _words(text: str) -> str:
    shown, rest = shortened(text, PLAIN)
    return f"{shown} … {rest} more" if rest else shown
