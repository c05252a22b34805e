"""The three language models of the bot: how fast they are, what they can hold, how they behave."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Model:
    """The traits of a model that can be seen in its spans."""

    request: str
    response: str
    provider: str
    server: str
    port: int
    first_token_s: float
    read_per_s: float
    write_per_s: float
    window: int
    max_tokens: int
    temperature: float | None
    stops: tuple[str, str, str]
    """The provider's words for: done, wants a tool, ran out of room."""
    caching: Literal["prefix", "breakpoint", "none"]
    thinks: tuple[int, int] | None
    """Least and most reasoning tokens of a call; None if the provider does not report them."""
    id_prefix: str


GPT = Model(
    request="gpt-5-mini",
    response="gpt-5-mini-2025-08-07",
    provider="openai",
    server="api.openai.com",
    port=443,
    first_token_s=0.55,
    read_per_s=9000.0,
    write_per_s=115.0,
    window=400_000,
    max_tokens=2048,
    temperature=None,
    stops=("stop", "tool_calls", "length"),
    caching="prefix",
    thinks=(64, 384),
    id_prefix="chatcmpl-",
)
CLAUDE = Model(
    request="claude-sonnet-4-5",
    response="claude-sonnet-4-5-20250929",
    provider="anthropic",
    server="api.anthropic.com",
    port=443,
    first_token_s=1.1,
    read_per_s=6000.0,
    write_per_s=62.0,
    window=200_000,
    max_tokens=1024,
    temperature=0.3,
    stops=("end_turn", "tool_use", "max_tokens"),
    caching="breakpoint",
    thinks=None,
    id_prefix="msg_01",
)
QWEN = Model(
    request="qwen3:8b",
    response="qwen3:8b",
    provider="ollama",
    server="gpu-box.internal",
    port=11434,
    first_token_s=0.9,
    read_per_s=1100.0,
    write_per_s=31.0,
    window=8192,
    max_tokens=1024,
    temperature=0.6,
    stops=("stop", "tool_calls", "length"),
    caching="none",
    thinks=None,
    id_prefix="",
)

_SHORTEST_CACHED = 1024
"""Neither OpenAI nor Anthropic caches a shorter prompt."""

SHARES: tuple[tuple[Model, float], ...] = ((GPT, 0.47), (CLAUDE, 0.28), (QWEN, 0.25))


@dataclass(frozen=True)
class Cached:
    """Which part of a prompt was read from the provider's cache, and which was written to it."""

    read: int | None
    written: int | None


def cached(model: Model, prompt: int, shared: int) -> Cached:
    """How many of ``prompt`` tokens are cached, if the first ``shared`` tokens were sent before.

    OpenAI reads prefixes in blocks of 128 tokens from 1024 on and reports no writes. Anthropic
    reads up to the last breakpoint and writes the rest but for the closing tokens. Ollama keeps
    its cache to itself: no number is not the same as zero.
    """
    if model.caching == "none":
        return Cached(None, None)
    if prompt < _SHORTEST_CACHED:
        return Cached(0, 0 if model.caching == "breakpoint" else None)
    if model.caching == "prefix":
        block = min(shared, prompt) // 128 * 128
        return Cached(block if block >= _SHORTEST_CACHED else 0, None)
    read = min(shared, prompt - 3)
    return Cached(read, prompt - 3 - read)
