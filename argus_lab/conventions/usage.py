"""One rule for token counts: ``input_tokens`` includes what was read from or written to a cache.

OpenTelemetry asks for it (``gen_ai.usage.input_tokens`` SHOULD include cached tokens); some senders
hand on a provider's counters in which cached tokens stand beside the fresh ones.
"""

from __future__ import annotations

from typing import Any

from argus_lab.conventions.readers import count, literal

__all__ = ["usage_of", "with_inclusive_input"]

_INPUT = ("prompt_tokens", "input_tokens", "inputTokens", "prompt_token_count", "promptTokenCount")
_OUTPUT = (
    "completion_tokens",
    "output_tokens",
    "outputTokens",
    "candidates_token_count",
    "candidatesTokenCount",
)
_TOTAL = ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount")
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic's counters stand beside a fresh input count; MLflow's of that name are within it."""

_PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "cache_read_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("input_token_details", "cache_read"),
        ("cache_read_input_tokens",),
        ("cached_content_token_count",),
        ("cachedContentTokenCount",),
        ("cachedContentTokens",),
    ),
    "cache_write_tokens": (
        ("prompt_tokens_details", "cache_write_tokens"),
        ("input_token_details", "cache_creation"),
        ("cache_creation_input_tokens",),
    ),
    "reasoning_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("output_token_details", "reasoning"),
        ("thoughts_token_count",),
        ("thoughtsTokenCount",),
        ("thoughtsTokens",),
    ),
}
_SUMS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_INT64 = 2**63
_APART = ("thoughts_token_count", "thoughtsTokenCount", "thoughtsTokens")
"""Google's counters of thoughts are not part of the answer's count."""


def with_inclusive_input(found: dict[str, Any]) -> None:
    """Add cached tokens to an input count that cannot include them, in place.

    More cached tokens than input tokens are impossible if the input includes them, so then it does
    not. Otherwise it is taken to include them.

    Examples
    --------
    >>> usage = {"input_tokens": 25, "cache_read_tokens": 1000, "cache_write_tokens": 100}
    >>> with_inclusive_input(usage)
    >>> usage["input_tokens"]
    1125
    """
    fresh = found.get("input_tokens")
    cached = (found.get("cache_read_tokens") or 0) + (found.get("cache_write_tokens") or 0)
    if fresh is not None and cached > fresh:
        found["input_tokens"] = fresh + cached
        if "usage_source" in found:
            found["usage_source"] += " + cache"
    for column in _SUMS:
        if found.get(column, 0) >= _INT64:  # sums of what a column could hold, that it cannot
            del found[column]


def usage_of(sent: Any) -> dict[str, int]:
    """The columns that a provider's usage object fills; JSON text and Python's text of it are read.

    Whether cached tokens are within the input count is told by the total, where there is one.

    Examples
    --------
    >>> usage_of({"prompt_tokens": 82, "prompt_tokens_details": {"cached_tokens": 64}})
    {'input_tokens': 82, 'cache_read_tokens': 64}
    >>> usage_of({"input_tokens": 25, "output_tokens": 12, "cache_read_input_tokens": 10})
    {'input_tokens': 35, 'output_tokens': 12, 'cache_read_tokens': 10}
    """
    found = literal(sent)
    if not isinstance(found, dict):
        return {}
    made = {"input_tokens": _first(found, _INPUT), "output_tokens": _first(found, _OUTPUT)}
    made |= {column: _within(found, paths) for column, paths in _PARTS.items()}
    fresh, answer, total = made["input_tokens"], made["output_tokens"], _first(found, _TOTAL)
    cached = (made["cache_read_tokens"] or 0) + (made["cache_write_tokens"] or 0)
    apart = total == (fresh or 0) + (answer or 0) + cached if total else any(key in found for key in _BESIDE)
    if fresh is not None and cached and apart:
        made["input_tokens"] = fresh + cached
    if answer is not None and made["reasoning_tokens"] and any(key in found for key in _APART):
        made["output_tokens"] = answer + made["reasoning_tokens"]
    return {column: value for column, value in made.items() if value is not None}


def _first(found: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((value for key in keys if (value := count(found.get(key))) is not None), None)


def _within(found: dict[str, Any], paths: tuple[tuple[str, ...], ...]) -> int | None:
    for *steps, last in paths:
        node: Any = found
        for step in steps:
            node = node.get(step) if isinstance(node, dict) else None
        value = count(node.get(last)) if isinstance(node, dict) else None
        if value is not None:
            return value
    return None
