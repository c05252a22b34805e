"""A transcript as JSON, as a saved notebook holds it, and back."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from argus_lab.chat.transcript import Transcript
from argus_lab.chat.wire import Notice
from argus_lab.errors import InvalidArgument

__all__ = ["as_json", "from_json", "settled"]

INTERRUPTED = Notice(
    "interrupted", "The kernel ended while this was being answered.", "Ask again to have it answered."
)


def as_json(transcript: Transcript) -> str:
    """The transcript as JSON text.

    >>> from argus_lab.chat.transcript import Turn
    >>> as_json(Transcript("chat-1", (Turn("t1", "Hello?", state="done"),)))
    '{"session":"chat-1","turns":[{"id":"t1","text":"Hello?","state":"done"}]}'
    """
    return msgspec.json.encode(transcript).decode()


def from_json(text: str) -> Transcript:
    """The transcript that :func:`as_json` wrote.

    >>> from_json('{"turns": [{"id": "t1", "text": "Hello?"}]}').turns[0].text
    'Hello?'
    """
    try:
        return msgspec.json.decode(text, type=Transcript)
    except msgspec.DecodeError as error:
        raise InvalidArgument(f"this is no saved conversation: {error}.") from error


def settled(transcript: Transcript) -> Transcript:
    """The same, but a turn that was running when it was saved is told to have been interrupted.

    >>> settled(from_json('{"turns": [{"id": "t1", "text": "Hello?"}]}')).turns[0].state
    'failed'
    """
    if not transcript.is_running:
        return transcript
    *before, last = transcript.turns
    return replace(transcript, turns=(*before, replace(last, state="failed", failure=INTERRUPTED)))
