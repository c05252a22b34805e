"""Messages of errors without what differs from time to time: equal errors have equal texts."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["normalised"]

LONGEST = 300
"""Characters of a normalised text; what follows is a stack or a dump more often than a message."""

READ = 1000
"""Characters of a message that are looked at: hostile text may cost patterns the square of its length."""

_PATTERNS = (
    (r"\x1b\[[0-9;]*[A-Za-z]", ""),  # colours of a terminal
    (r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>)\]}]+", "<url>"),
    (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "<email>"),
    (r"\b[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\b", "<uuid>"),
    (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?\b", "<time>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
    (r"(?<![\w'])'(?:[^'\n]|(?<=\w)'(?=\w))*'(?![\w'])|\"[^\"\n]*\"|`[^`\n]*`", "<text>"),
    (r"(?<![\w.<])(?:[A-Za-z]:\\|~?/|\.{1,2}/)[^\s:'\",;)\]}]*[\w/\\]", "<path>"),
    (r"\b[A-Za-z]+[-_](?=[a-zA-Z0-9]*\d)[a-zA-Z0-9]{5,}\b", "<id>"),
    (r"\b0[xX][0-9a-fA-F]+\b", "<hex>"),
    (r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,}\b", "<hex>"),
    (r"(?<![\w<])(?<![A-Za-z]-)[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?", "<n>"),
    (r"\s+", " "),
)
_STEPS = tuple((re.compile(pattern), text) for pattern, text in _PATTERNS)


@lru_cache(maxsize=100_000)
def normalised(message: str) -> str:
    """The message with placeholders for numbers, ids, times, addresses, paths and quoted text.

    Short numbers in names stay (gpt-5-mini, http2), since another model is another error.
    Only the first line that says something counts, and of it 300 characters.

    Examples
    --------
    >>> normalised("Order 4711 of 'ann@example.com' not found at https://shop.example/orders/4711")
    'Order <n> of <text> not found at <url>'
    >>> normalised("connection to 203.0.113.7:5432 timed out after 30.0s (request req_8f3a2b)")
    'connection to <address> timed out after <n>s (request <id>)'
    """
    lines = (line.strip() for line in message.splitlines())
    text = next((line for line in lines if line), "")[:READ]
    for pattern, instead in _STEPS:
        text = pattern.sub(instead, text)
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
