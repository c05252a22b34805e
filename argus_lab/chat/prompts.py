"""What the model reads: the messages that a transcript makes."""

from __future__ import annotations

from collections.abc import Iterator

from argus_lab.chat.transcript import Call, Transcript, Turn
from argus_lab.chat.wire import Message

__all__ = ["messages"]


def messages(transcript: Transcript, system: str = "") -> tuple[Message, ...]:
    """The conversation so far, as the next call of a model gets it.

    A turn that failed before the model said anything is left out, so that asking again does not ask twice.
    An answer that was stopped, or of which a part was lost, is kept as far as it came. What a model thought
    goes back to it only within a turn, where it explains the calls of tools that it asked for.

    >>> from argus_lab.chat.transcript import Asked, Ended, folded
    >>> from argus_lab.chat.wire import Chat, Delta
    >>> said = [Asked("t1", "Hello?"), Chat("c1", "llama3.2"), Delta("c1", 1, content="Hi!"), Ended("t1")]
    >>> talk = folded([*said, Asked("t2", "How?")])
    >>> [(message.role, message.content) for message in messages(talk, "Be brief.")]
    [('system', 'Be brief.'), ('user', 'Hello?'), ('assistant', 'Hi!'), ('user', 'How?')]
    """
    first = (Message("system", system),) if system else ()
    said = (message for turn in transcript.turns if _counts(turn) for message in _of_turn(turn))
    return (*first, *said)


def _counts(turn: Turn) -> bool:
    return turn.state == "running" or any(call.content or call.results for call in turn.calls)


def _of_turn(turn: Turn) -> Iterator[Message]:
    yield Message("user", turn.text, images=turn.images)
    for call in turn.calls:
        yield from _of_call(call, with_thinking=turn.state == "running")


def _of_call(call: Call, *, with_thinking: bool) -> Iterator[Message]:
    answered = {result.id for result in call.results}
    asked = tuple(
        one for one in call.tool_calls if one.id in answered
    )  # models choke on calls without results
    if call.content or asked:
        thinking = call.thinking if with_thinking else ""
        yield Message("assistant", call.content, thinking=thinking, tool_calls=asked)
    for result in call.results:
        yield Message("tool", result.content, tool_name=result.name, tool_call_id=result.id)
