"""What a conversation is held with, and where: plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MOST_TOKENS", "MOST_TOOL_ROUNDS", "Place", "Setup"]

MOST_TOKENS = 4096
"""``num_predict`` unless another is given: Ollama itself lets a model talk for ever."""

MOST_TOOL_ROUNDS = 16
"""Calls of the model in one turn, unless another number is given: a model may ask for tools for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the model is called with. Between turns a conversation's ``setup`` may be another one.

    Attributes
    ----------
    model
        As Ollama names it.
    system
        The system prompt; empty for the model's own.
    tools
        Python functions, plain or ``async``; the model may have them called. See ``argus_lab.chat.tools``.
    options
        Ollama's: temperature, top_p, top_k, seed, num_ctx, num_predict, stop, ...
    think
        True, False, or how much (``"low"``, ``"medium"``, ``"high"``); None leaves it to the model.
    format
        ``"json"``, or a JSON schema that the answer must follow.
    keep_alive
        How long the model stays in memory, such as ``"5m"``.
    truncate
        False makes a conversation that is too long for the context an error, instead of forgetting its start.
    tool_rounds
        Most calls of the model in one turn.
    """

    model: str
    system: str = ""
    tools: tuple[Callable[..., Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    think: bool | str | None = None
    format: str | Mapping[str, Any] | None = None
    keep_alive: str | float | None = None
    truncate: bool | None = None
    tool_rounds: int = MOST_TOOL_ROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a conversation is held, and what its spans are labelled with.

    Attributes
    ----------
    url
        The receiver's address, such as ``http://127.0.0.1:4000``; None means the setting ``receiver``.
    project, service
        Whose spans they are. None means what ``al.instrument()`` was told, else what the standard
        ``OTEL_*`` variables say, else the notebook's name, else ``chat``.
    session
        The conversation's id, ``gen_ai.conversation.id`` of its spans; None makes a new one.
    tags
        More attributes for every turn's span; called when a turn begins. The notebook's name and the
        cell's number are there without.
    """

    url: str | None = None
    project: str | None = None
    service: str | None = None
    session: str | None = None
    tags: Callable[[], Mapping[str, Any]] = dict
