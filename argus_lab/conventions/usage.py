"""One rule for token counts: ``input_tokens`` includes what was read from or written to a cache.

OpenTelemetry asks for it (``gen_ai.usage.input_tokens`` SHOULD include cached tokens); some senders
hand on a provider's counters in which cached tokens stand beside the fresh ones.
"""

from __future__ import annotations

from typing import Any

__all__ = ["with_inclusive_input"]


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
