"""A turn of a conversation as it is drawn: the same for the live cell, for a replay and for the kept copy.

What is final is HTML, made and sanitised here; what still streams is text, and drawn as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from argus_lab.chat.wire import Notice
from argus_lab.display.conversation import fold, message, said
from argus_lab.display.json_tree import json_tree
from argus_lab.display.markup import NOTHING, Html, element, joined
from argus_lab.display.page import note
from argus_lab.display.units import UNKNOWN, count, duration, number, plural
from argus_lab.display.visible import brief

if TYPE_CHECKING:
    from argus_lab.chat.transcript import Call, ToolResult, Transcript, Turn
    from argus_lab.chat.wire import ToolCall

__all__ = ["MOST", "WHERE", "Part", "TurnView", "doing", "facts_of", "turn_view"]

MOST = 200_000
"""Characters of one text that are shown."""
WHERE = "chat.messages()"
"""Where all of it is."""
GIST = 90
NAME = 80


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer: final HTML, or text that may still grow, as it is or folded as thinking."""

    kind: Literal["html", "text", "thinking"]
    html: Html = NOTHING
    text: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn: what was asked, what came, what it took, what went wrong, and what one can do about it."""

    id: str
    who: str
    text: str
    asked: Html
    parts: tuple[Part, ...] = ()
    facts: Html = NOTHING
    wrong: Html = NOTHING
    can: tuple[str, ...] = ()
    live: bool = False


def turn_view(turn: Turn, most: int = MOST) -> TurnView:
    """What is drawn of a turn, with at most so many characters of each text.

    Examples
    --------
    >>> from argus_lab.chat.transcript import Asked, Ended, folded
    >>> from argus_lab.chat.wire import Chat, Delta, Done
    >>> said = [Asked("t1", "Hello?"), Chat("c1", "llama3.2"), Delta("c1", 1, content="**Hi**")]
    >>> [part.kind for part in turn_view(folded(said).turns[0]).parts]
    ['text']
    >>> turn_view(folded([*said, Done("c1", 2), Ended("t1")]).turns[0]).parts[0].html
    '<div class="al-prose" dir="auto"><p><strong>Hi</strong></p></div>'
    """
    parts = [part for call in turn.calls for part in _parts(call, most)]
    is_live = turn.state == "running"
    if is_live and not (turn.calls and _shows(turn.calls[-1])):
        model = turn.calls[-1].model if turn.calls else ""
        parts.append(Part("html", note(f"waiting for {brief(model, NAME) or 'the model'} …")))
    failure = turn.failure or next((call.failure for call in turn.calls if call.failure), None)
    can = ("trace",) if turn.trace_id and not is_live else ()
    return TurnView(
        id=turn.id,
        who=", ".join(dict.fromkeys(brief(call.model, NAME) for call in turn.calls if call.model)),
        text=turn.text,
        asked=_asked(turn, most),
        parts=tuple(parts),
        facts=NOTHING if is_live else _facts(turn),
        wrong=_wrong(failure) if failure else NOTHING,
        can=can,
        live=is_live,
    )


def facts_of(turn: Turn) -> list[str]:
    """What an answer took, in words: tokens a second, time to first token, tokens in and out.

    Examples
    --------
    >>> from argus_lab.chat.transcript import Call, Turn
    >>> from argus_lab.chat.wire import Timings, Usage
    >>> timings = Timings(first_token_ms=120.0, total_ms=1620.0, generation_ms=1500.0)
    >>> call = Call("c1", state="done", usage=Usage(26, 60), timings=timings)
    >>> facts_of(Turn("t1", "Hello?", calls=(call,), state="done"))
    ['40 tokens/s', 'first token after 120 ms', '26 tokens in, 60 out', 'took 1.62 s']
    """
    calls = turn.calls
    told = [] if len(calls) == 1 else [plural(len(calls), "model call")] if calls else []
    out = [call.usage.output_tokens for call in calls]
    made = sum(call.timings.generation_ms or 0 for call in calls)
    if made and None not in out:
        told.append(f"{number(_rounded(sum(filter(None, out)) / made * 1000))} tokens/s")
    if calls and calls[0].timings.first_token_ms is not None:
        told.append(f"first token after {duration(calls[0].timings.first_token_ms)}")
    sent = [call.usage.input_tokens for call in calls]
    if any(value is not None for value in [*sent, *out]):
        told.append(f"{_sum(sent)} tokens in, {_sum(out)} out")
    took = [call.timings.total_ms for call in calls if call.timings.total_ms is not None]
    return [*told, f"took {duration(sum(took))}"] if took else told


def doing(transcript: Transcript) -> str:
    """What is going on, in a word or two; empty where nothing is.

    Examples
    --------
    >>> from argus_lab.chat.transcript import Asked, folded
    >>> doing(folded([Asked("t1", "Hello?")]))
    'waiting …'
    """
    if not transcript.is_running:
        return ""
    call = transcript.turns[-1].calls[-1] if transcript.turns[-1].calls else None
    if call is None or not _shows(call):
        return "waiting …"
    if call.is_over:
        return "running tools …"
    return "answering …" if call.content else "thinking …"


def _sum(values: list[int | None]) -> str:
    """Unknown is a dash: a part of a sum would be taken for the whole."""
    known = [value for value in values if value is not None]
    return count(sum(known)) if len(known) == len(values) else UNKNOWN


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _shows(call: Call) -> bool:
    return bool(call.content or call.thinking or call.tool_calls) or call.is_over


def _asked(turn: Turn, most: int) -> Html:
    pictures = [{"type": "blob", "mime_type": "picture", "content": image} for image in turn.images]
    words = [{"type": "text", "content": turn.text}] if turn.text else []
    return message({"role": "user", "parts": [*words, *pictures]}, most, WHERE)


def _parts(call: Call, most: int) -> Iterator[Part]:
    """Thinking, then words, then the tools that were asked for."""
    if call.thinking and call.is_over:
        yield Part("html", fold("thinking", said(call.thinking, most, WHERE)))
    elif call.thinking:
        label = f"thinking · {plural(len(call.thinking.split()), 'word')}"
        yield Part("thinking", text=call.thinking, label=label)
    if call.content and call.is_over:
        yield Part("html", said(call.content, most, WHERE))
    elif call.content:
        yield Part("text", text=call.content)
    results = {result.id: result for result in call.results}
    for asked in call.tool_calls:
        yield Part("html", _tool(asked, results.get(asked.id), call, most))


def _tool(asked: ToolCall, result: ToolResult | None, call: Call, most: int) -> Html:
    """A call of a tool in a line, its arguments and result behind it."""
    if result is None:
        state = "not run" if call.state in {"cancelled", "failed"} else "running …"
    elif result.is_error:
        state = "failed"
    else:
        state = duration(result.ms) if result.ms is not None else "done"
    is_wrong = result is not None and result.is_error
    gist = ", ".join(f"{key}={value!r}" for key, value in asked.arguments.items())
    title = joined(
        [
            element("b", brief(asked.name, NAME)),
            element("span", f"({brief(gist, GIST)})", cls="al-key"),
            element("span", f" {state}", cls="al-kind al-wrong" if is_wrong else "al-kind"),
        ]
    )
    body = [element("p", "arguments", cls="al-role"), json_tree(asked.arguments, most, WHERE)]
    if result is not None:
        name = "error" if is_wrong else "result"
        body += [element("p", name, cls="al-role"), json_tree(result.content, most, WHERE)]
    return element("div", fold(title, *body), cls="al-call")


def _facts(turn: Turn) -> Html:
    """The line under an answer: numbers, then what there is to know about it."""
    told = [*(["stopped"] if turn.state == "stopped" else []), *facts_of(turn)]
    missed = sum(call.missed for call in turn.calls)
    notices = [*turn.notices]
    if missed:
        notices.append(Notice("missed", f"{plural(missed, 'message')} of this answer never came."))
    numbers = [element("span", " · ".join(told))] if told else []
    return joined([*numbers, *(note(_words(notice)) for notice in notices)])


def _wrong(failure: Notice) -> Html:
    cure = [element("br"), failure.cure] if failure.cure else []
    return element("p", element("b", failure.message), *cure)


def _words(notice: Notice) -> str:
    return " ".join(part for part in (notice.message, notice.cure) if part)
