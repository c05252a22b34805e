"""A conversation that is read from a script instead of a socket, at a pace of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from argus_lab.chat.setup import Setup
from argus_lab.chat.transcript import Asked, Cut, Ended, Entry, Transcript, after
from argus_lab.chat.wire import Chat, Delta, Done, Model, Timings, Usage
from argus_lab.errors import InvalidArgument

Script = Callable[[str], Iterable[Entry | float]]


class Scripted:
    """As :class:`argus_lab.chat.conversation.Conversation` is seen by who draws it."""

    def __init__(self, script: Script, setup: Setup | None = None) -> None:
        self.setup = setup or Setup(model="llama3.2")
        self.session = "chat-test"
        self.url = "http://127.0.0.1:1"
        self.transcript = Transcript(self.session)
        self.installed = (Model("llama3.2:latest", 2_019_393_189, parameters="3.2B", quantization="Q4_K_M"),)
        self._script = script
        self._seen: list[Callable[[Transcript, Entry], None]] = []
        self._stopped = threading.Event()
        self._turns = 0

    def watch(self, seen: Callable[[Transcript, Entry], None]) -> Callable[[], None]:
        """Have entries told."""
        self._seen.append(seen)
        return lambda: self._seen.remove(seen)

    def say(self, entry: Entry) -> None:
        """One more entry."""
        self.transcript = after(self.transcript, entry)
        for seen in list(self._seen):
            seen(self.transcript, entry)

    def start(self, text: str, *, images: Sequence[Any] = ()) -> threading.Thread:
        """Play the script for what was said."""
        if self.transcript.is_running:
            raise InvalidArgument("an answer is on its way; stop it first.")
        self._turns += 1
        key = f"t{self._turns}"
        self._stopped.clear()
        self.say(Asked(key, text, tuple(images)))
        playing = threading.Thread(target=self._play, args=(key, text), daemon=True)
        playing.start()
        return playing

    def stop(self) -> None:
        """Stop playing."""
        self._stopped.set()

    def regenerate(self) -> threading.Thread:
        """Play the last one again."""
        return self.edit(len(self.transcript.turns) - 1, self.transcript.turns[-1].text)

    def edit(self, turn: int, text: str) -> threading.Thread:
        """Take turns back and play again."""
        self.say(Cut(turn))
        return self.start(text)

    def models(self, _timeout: float = 10.0) -> tuple[Model, ...]:
        """What is installed."""
        return self.installed

    def _play(self, key: str, text: str) -> None:
        for entry in self._script(text):
            if self._stopped.is_set():
                self.say(Ended(key, "stopped"))
                return
            if isinstance(entry, float):
                time.sleep(entry)
            else:
                self.say(entry)
        self.say(Ended(key))


def answered(
    call: str, words: str, *, pause: float = 0.0, thinking: str = "", model: str = "llama3.2"
) -> list[Any]:
    """A call of the model that streams these words, a piece a word."""
    thoughts = [Delta(call, 0, thinking=f"{word} ") for word in thinking.split(" ") if word]
    said = [Delta(call, 0, content=piece) for piece in _words(words)]
    paced = [entry for delta in [*thoughts, *said] for entry in (pause, delta) if entry != 0.0]
    out = len(thoughts) + len(said)
    timings = Timings(
        first_token_ms=180.0, total_ms=180.0 + 25 * out, longest_gap_ms=40.0, generation_ms=25.0 * out
    )
    return [Chat(call, model), *paced, Done(call, 0, "stop", model, Usage(412, out), timings)]


def _words(text: str) -> list[str]:
    pieces = text.split(" ")
    return [f"{piece} " for piece in pieces[:-1]] + pieces[-1:]
