"""Everything that can go wrong in a chat: a code, what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from argus_lab.chat.wire import Notice

__all__ = [
    "CODES",
    "abandoned",
    "busy",
    "capped",
    "connection_lost",
    "context_full",
    "context_too_long",
    "duplicate_id",
    "interrupted",
    "malformed",
    "model_died",
    "model_error",
    "model_missing",
    "ollama_busy",
    "ollama_refused",
    "ollama_unreachable",
    "pull_failed",
    "pull_stopped",
    "rate_limited",
    "receiver_refused",
    "receiver_unreachable",
    "shutting_down",
    "some_lost",
    "too_large",
    "too_many_rounds",
    "unexpected",
    "unknown_call",
    "unsupported",
]

CODES: dict[str, str] = {
    "receiver_unreachable": "no receiver answers at that address",
    "receiver_refused": "the receiver refused the connection: its origin, its host, or a missing extra",
    "connection_lost": "the socket dropped in the middle of an answer, and the rest cannot be had any more",
    "ollama_unreachable": "Ollama does not answer the receiver",
    "ollama_busy": "Ollama's queue is full",
    "ollama_refused": "Ollama does not take the request",
    "model_missing": "the model is not installed",
    "unsupported": "the model cannot do what is asked: tools, thinking, images, chat",
    "context_too_long": "the conversation does not fit the context, and `truncate` is false",
    "model_error": "Ollama told an error in the middle of the answer",
    "model_died": "Ollama closed the connection in the middle of the answer, without a word",
    "pull_failed": "a model could not be downloaded",
    "pull_stopped": "a download was stopped",
    "busy": "the receiver runs as many answers as it may at once",
    "rate_limited": "more messages a second than a connection may send",
    "too_large": "a message over the size limit; the socket closes with 1009",
    "malformed": "what was sent is no message of this protocol",
    "duplicate_id": "a call with this id exists already",
    "unknown_call": "nothing is known (any more) of a call with this id",
    "abandoned": "the client went away and did not come back in time, so the model was stopped",
    "shutting_down": "the receiver is stopping",
    "unexpected": "a mistake in argus-lab; the receiver's log says where",
    "interrupted": "the kernel was interrupted",
    "too_many_rounds": "the model asked for tools again and again",
    "context_full": "notice: the context is full, so the answer was cut or the start was forgotten",
    "some_lost": "notice: after a drop a part in the middle of the answer could not be had again",
    "capped": "notice: the answer reached `num_predict`",
}
"""Code -> meaning, as docs/reference/chat-protocol.md lists them."""


def _made(code: str, message: str, cure: str = "") -> Notice:
    assert code in CODES  # noqa: S101  so that the page knows every code
    return Notice(code, message, cure)


# --- between client and receiver ---------------------------------------------------------------


def receiver_unreachable(urls: Sequence[str], reason: str) -> Notice:
    """Nobody answers at any of these addresses."""
    return _made(
        "receiver_unreachable",
        f"No receiver answers at {' or '.join(urls)} ({reason}).",
        "Start it with:  argus-lab serve  (or name its address: url=, ARGUS_RECEIVER).",
    )


def receiver_refused(url: str, status: int, words: str) -> Notice:
    """The handshake was answered with an error."""
    return _made("receiver_refused", f"The receiver at {url} takes no chat (status {status}): {words}")


def connection_lost(kept: bool, reason: str) -> Notice:  # noqa: FBT001  read as: what is kept
    """The socket dropped, and the answer cannot be resumed."""
    what = "what came of the answer is kept" if kept else "nothing of the answer had come"
    return _made(
        "connection_lost",
        f"The connection to the receiver dropped ({reason}); the rest of the answer is lost, {what}.",
        "Ask again to have it answered anew.",
    )


def interrupted() -> Notice:
    """Ctrl-C, or the notebook's stop button."""
    return _made("interrupted", "Interrupted: the model was stopped.", "Ask again whenever you like.")


def too_many_rounds(most: int) -> Notice:
    """The loop of tools was ended."""
    return _made(
        "too_many_rounds",
        f"The model was called {most} times in this turn and still asks for tools.",
        "Ask more precisely, offer fewer tools, or allow more with tool_rounds=.",
    )


def busy(most: int) -> Notice:
    """The receiver's limit of answers at once."""
    return _made(
        "busy",
        f"The receiver is busy with {most} answers, which is as many as it may give at once.",
        "Try again when one has ended, or raise the setting chat_generations (ARGUS_CHAT_GENERATIONS).",
    )


def rate_limited(rate: float) -> Notice:
    """A client sends too fast."""
    return _made(
        "rate_limited",
        f"More than {rate:g} messages a second came over this connection.",
        "Wait a moment, or raise the setting chat_rate (ARGUS_CHAT_RATE).",
    )


def too_large() -> Notice:
    """A message over the limit was not taken."""
    return _made(
        "too_large",
        "The message is larger than the receiver allows.",
        "Send smaller images or a shorter conversation, or raise the setting chat_max_message "
        "(ARGUS_CHAT_MAX_MESSAGE).",
    )


def malformed(reason: str) -> Notice:
    """A frame that cannot be read."""
    return _made("malformed", f"This is no message of argus-chat.v1: {reason}.")


def duplicate_id(id: str) -> Notice:
    """An id that is taken."""
    return _made(
        "duplicate_id", f"There is a call with the id {id!r} already.", "Use a new id for each call."
    )


def unknown_call(id: str) -> Notice:
    """An id that nobody knows."""
    return _made("unknown_call", f"Nothing is known, or known any more, of a call with the id {id!r}.")


def abandoned(seconds: float) -> Notice:
    """The client did not come back."""
    return _made(
        "abandoned",
        f"The client went away and did not come back within {seconds:g} s: the model was stopped.",
    )


def shutting_down() -> Notice:
    """The receiver ends."""
    return _made(
        "shutting_down", "The receiver is stopping, so the model was stopped too.", "Start it again."
    )


def unexpected(kind: str) -> Notice:
    """A mistake of ours."""
    return _made("unexpected", f"The receiver met an unexpected {kind}; its log says where.")


# --- between receiver and Ollama ---------------------------------------------------------------


def ollama_unreachable(url: str) -> Notice:
    """Nobody answers there."""
    return _made(
        "ollama_unreachable",
        f"Ollama does not answer at {url}.",
        "Start it with:  ollama serve  (get it at https://ollama.com/download), or name its address for the "
        "receiver: OLLAMA_HOST, ARGUS_OLLAMA_HOST.",
    )


def ollama_busy(words: str) -> Notice:
    """429 or 503."""
    return _made("ollama_busy", f"Ollama is busy: {words}", "Try again in a moment.")


def ollama_refused(status: int, words: str) -> Notice:
    """Any other status."""
    return _made("ollama_refused", f"Ollama refused the request (status {status}): {words}")


def model_missing(model: str) -> Notice:
    """404."""
    return _made(
        "model_missing",
        f"The model {model!r} is not installed.",
        f"Download it with:  ollama pull {model}  (or chat.pull({model!r})), or choose an installed one.",
    )


def unsupported(words: str) -> Notice:
    """The model has no such capability."""
    return _made("unsupported", f"{words}.", "Choose a model that does, or leave it out.")


def context_too_long(words: str) -> Notice:
    """A prompt that is not to be cut."""
    return _made(
        "context_too_long",
        f"The conversation does not fit the model's context: {words}",
        "Give it more with num_ctx=, begin a new conversation, or let it forget its start (truncate=None).",
    )


def model_error(words: str) -> Notice:
    """A last line that is an error."""
    return _made("model_error", f"The model failed in the middle of its answer: {words}", "Ask again.")


def model_died() -> Notice:
    """No last line."""
    return _made(
        "model_died",
        "Ollama closed the connection in the middle of the answer; the model's process may have died, as it "
        "does when memory runs out.",
        "Look at Ollama's log; a smaller model or a smaller num_ctx needs less memory.",
    )


def pull_failed(model: str, words: str) -> Notice:
    """A download that ended badly."""
    return _made("pull_failed", f"{model!r} could not be downloaded: {words}")


def pull_stopped(model: str) -> Notice:
    """A download that was stopped."""
    return _made(
        "pull_stopped",
        f"The download of {model!r} was stopped.",
        "Ollama keeps what it has; pulling again goes on.",
    )


# --- what there is to know about an answer that came -------------------------------------------


def context_full(tokens: int, context: int) -> Notice:
    """Prompt and answer fill the context."""
    return _made(
        "context_full",
        f"The conversation fills the model's context ({tokens} of {context} tokens): Ollama forgets its "
        "start, or cuts the answer, without a word.",
        "Give it more with num_ctx=, or begin a new conversation.",
    )


def some_lost(messages: int) -> Notice:
    """A gap in the numbers of messages."""
    return _made(
        "some_lost",
        f"A part of this answer is missing: {messages} of its pieces were lost with the connection.",
        "Ask again to have it answered anew.",
    )


def capped(tokens: int) -> Notice:
    """``num_predict`` ended it."""
    return _made(
        "capped",
        f"The answer was cut after {tokens} tokens (num_predict).",
        "Allow more with num_predict=, or -1 for no limit.",
    )
