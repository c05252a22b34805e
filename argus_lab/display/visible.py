"""Text as it is: what a terminal, a browser or an eye would not show is made visible.

Control characters, marks that turn the direction of writing, invisible characters, and letters hidden in
Unicode's tag block (a way to slip orders to a model) stand as signs; nothing is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from argus_lab.display.units import size

__all__ = ["brief", "fitted", "one_line", "shortened", "visible", "width"]

CONTROL_PICTURES = 0x2400
DELETE = 0x7F
TAGS = 0xE0000
LAST_CONTROL = 0x1F
SHORT_RUN = 3

_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_HIDDEN = re.compile(
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0080-\U000e0fff\U000f0000-\U0010ffff])\\1*"
)
_LINE_ENDS = re.compile(r"\r\n?")
_SPACES = re.compile(r"\s+")
LONG_WORD = 400
_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-"
_DATA = r"data:([\w.+-]{1,60}/[\w.+-]{1,60})[\w=;.+-]{0,60},"
_BASE64 = re.compile(rf"(?:{_DATA})?([A-Za-z0-9+/_=-]{{{LONG_WORD},}})")
_DATA_BEFORE = re.compile(rf"{_DATA}\Z")
DATA_LENGTH = 200
SHOWN_OF_A_WORD = 32


def visible(value: str) -> str:
    r"""The text with every character that cannot be seen shown as a sign; line feeds and tabs stay.

    Examples
    --------
    >>> visible("a\x1b[31mb\x00")
    'a␛[31mb␀'
    >>> visible("user\u202etxt.exe")
    'user⟨U+202E⟩txt.exe'
    >>> visible("hi\U000E0041\U000E0042")
    'hi⟨hidden text: AB⟩'
    """
    if value.isascii() and value.isprintable():
        return value
    value = _LINE_ENDS.sub("\n", value)
    return _HIDDEN.sub(_sign, _TAGS.sub(_tags, value))


def one_line(value: str) -> str:
    r"""The same on one line: any run of white space is one space.

    Examples
    --------
    >>> one_line("a\n\n  b\t")
    'a b'
    """
    return visible(_SPACES.sub(" ", value).strip())


def brief(value: Any, most: int = 120) -> str:
    """The beginning of a text on one line.

    Examples
    --------
    >>> brief("one two three", 8)
    'one two…'
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    cut = one_line(text[: 4 * most])
    return cut if len(cut) <= most and len(text) <= 4 * most else f"{cut[: most - 1].rstrip()}…"


def shortened(value: str, most: int) -> tuple[str, str]:
    """At most so many characters of a text, and how much more there is (empty: nothing more).

    Data in base64 and other words without end are told by kind and size.

    Examples
    --------
    >>> shortened("x" * 3_000, 100)
    ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…⟨3,000 characters without a space⟩', '')
    >>> shortened("word " * 300, 100)[1]
    '1.4 kB'
    """
    head = value[: most + LONG_WORD]
    if len(head) < len(value):
        # A word that the cut goes through is measured whole, as far as it is worth looking.
        end = _BASE64.match(value, _start_of_word(head))
        head = value[: end.end()] if end and end.end() > len(head) else head
    told = _BASE64.sub(_word, head)
    cut = told[:most]
    rest = len(value[len(head) :].encode("utf-8", "replace")) + len(told[most:].encode("utf-8", "replace"))
    return visible(cut), size(rest) if rest else ""


def width(value: str) -> int:
    """How many columns of a terminal a text takes.

    Examples
    --------
    >>> width("abc"), width("你好")
    (3, 4)
    """
    if value.isascii():
        return len(value)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in value)
    return len(value) + wide - sum(unicodedata.combining(char) > 0 for char in value)


def fitted(value: str, columns: int) -> str:
    """The text in exactly so many columns of a terminal: cut, or filled with spaces.

    Examples
    --------
    >>> fitted("你好吗", 5), fitted("ab", 4)
    ('你好…', 'ab  ')
    """
    if width(value) > columns:
        kept = value
        while kept and width(kept) > columns - 1:
            kept = kept[:-1]
        value = f"{kept}…"
    return value + " " * (columns - width(value))


def _start_of_word(head: str) -> int:
    start = len(head.rstrip(_WORD))
    from_here = max(0, start - DATA_LENGTH)
    before = _DATA_BEFORE.search(head[from_here:start])
    return from_here + before.start() if before else start


def _sign(found: re.Match[str]) -> str:
    """The sign of a character; a long run of it is told by its length."""
    code, times = ord(found[1]), len(found[0])
    if code <= LAST_CONTROL:
        sign = chr(CONTROL_PICTURES + code)
    else:
        sign = "␡" if code == DELETE else f"⟨U+{code:04X}⟩"
    return sign * times if times <= SHORT_RUN else f"{sign}⟨×{times:,}⟩"


def _tags(found: re.Match[str]) -> str:
    letters = "".join(chr(ord(char) - TAGS) for char in found[0])
    return f"⟨hidden text: {letters}⟩"


def _word(found: re.Match[str]) -> str:
    kind, word = found[1], found[2]
    if kind:
        return f"⟨{kind}, {size(len(word) * 3 // 4)}⟩"
    return f"{word[:SHOWN_OF_A_WORD]}…⟨{len(word):,} characters without a space⟩"
