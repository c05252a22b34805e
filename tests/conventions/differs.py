"""Expected values that contradict what the columns are defined to hold, with the reason.

A key is (sample, span id, field); the value is what the row must say instead. A test holds that
every entry is still needed.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Differs(NamedTuple):
    """What a row says in place of the expected value."""

    value: Any
    reason: str


_LAST_STEP = Differs(None, "its last step's usage: no figure of its own")
_OUTER = {
    "a7eab1ba53da7788": ("input_tokens", "output_tokens"),
    "a0a2357584a2f617": (
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "reasoning_tokens",
        "total_tokens",
    ),
    "9a176bcfa7944905": ("input_tokens", "output_tokens"),
    "eb31b12e43248dac": ("input_tokens",),
}

DIFFERS: dict[tuple[str, str, str], Differs] = {
    ("vercel_ai_v5", span_id, field): _LAST_STEP for span_id, fields in _OUTER.items() for field in fields
}
