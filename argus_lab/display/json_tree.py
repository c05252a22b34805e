"""JSON as a list within lists: readable without style, cut where it would fill the page."""

from __future__ import annotations

from typing import Any

import msgspec

from argus_lab.display.markup import Html, element, text
from argus_lab.display.media import is_media, media, picture_of
from argus_lab.display.units import plural
from argus_lab.display.visible import brief, shortened

__all__ = ["json_tree", "parsed", "passage"]

DEEPEST = 10
LEAST_ITEMS = 4
CHARACTERS_AN_ITEM = 80
SHORT = 100
LARGEST = 4_000_000
"""JSON text larger than this is not read, but shown from its beginning."""


def parsed(sent: Any) -> Any:
    """What JSON text says; text that is no JSON stays text, and so does a number's or a word's.

    Examples
    --------
    >>> parsed('{"a": [1]}'), parsed("18 degrees"), parsed("[" * 100_000)[:2]
    ({'a': [1]}, '18 degrees', '[[')
    """
    if not isinstance(sent, str) or len(sent) > LARGEST or sent.lstrip()[:1] not in {"{", "[", '"'}:
        return sent
    try:
        return msgspec.json.decode(sent)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return sent


def passage(value: str, most: int, where: str, *, cls: str = "al-text") -> Html:
    """A longer text as it is, at most so many characters of it, then how much more there is and where."""
    shown, rest = shortened(value, most)
    tail = element("span", f"… {rest} more, see {where}", cls="al-more") if rest else None
    return element("pre", shown, tail, cls=cls, dir="auto")


def json_tree(value: Any, most: int, where: str) -> Html:
    """A value of JSON as a tree; ``most`` characters of a text, and items in proportion.

    Examples
    --------
    >>> sent = msgspec.json.encode('{"rain": 0.8}').decode()  # the text of an object, as a text of JSON
    >>> json_tree(sent, 100, "the frame") == json_tree({"rain": 0.8}, 100, "the frame")
    True
    """
    value = parsed(value)
    if isinstance(value, str) and isinstance(inner := parsed(value), dict | list):
        value = inner  # an object sent as the text of one, as arguments of tools often are
    if isinstance(value, str):
        return passage(value, most, where)
    if not isinstance(value, dict | list):
        return element("code", _scalar(value), cls="al-value")
    return element("div", _node(value, most, where, 0), cls="al-json")


def _node(value: Any, most: int, where: str, depth: int) -> Html:
    if is_media(value):
        return media(value)
    if isinstance(value, dict | list):
        if not value:
            return element("code", "{}" if isinstance(value, dict) else "[]", cls="al-value")
        if depth >= DEEPEST or (depth and most <= 2 * SHORT):
            return _closed(value, most)
        return _items(value, most, where, depth)
    if isinstance(value, str):
        return _string(value, most, where)
    return element("code", _scalar(value), cls="al-value")


def _items(value: dict[Any, Any] | list[Any], most: int, where: str, depth: int) -> Html:
    items = max(LEAST_ITEMS, most // CHARACTERS_AN_ITEM)
    pairs = list(value.items())[:items] if isinstance(value, dict) else list(enumerate(value[:items]))
    # What is deeper down gets less, so that one object of thousands of values cannot fill the page.
    inner = min(most, max(SHORT, 2 * most // max(1, len(pairs))))
    rows = [
        element("li", element("b", brief(key, 80), cls="al-key"), ": ", _node(item, inner, where, depth + 1))
        for key, item in pairs
    ]
    hidden = len(value) - len(pairs)
    if hidden:
        rows.append(element("li", f"… {plural(hidden, 'more item')}, see {where}", cls="al-more"))
    return element("ul", *rows)


def _string(value: str, most: int, where: str) -> Html:
    picture = picture_of(value) if value[:11].lower() == "data:image/" else None
    if picture:
        return picture
    if "\n" in value or len(value) > SHORT:
        return passage(value, most, where)
    return element("span", value, cls="al-string", dir="auto")


def _closed(value: Any, most: int) -> Html:
    try:
        packed = msgspec.json.encode(value)[: most + 1].decode("utf-8", "replace")
    except RecursionError:
        packed = "nested deeper than can be shown"
    return element("code", brief(packed, min(most, SHORT)), cls="al-value")


def _scalar(value: Any) -> Html:
    if isinstance(value, bool) or value is None:
        return text({True: "true", False: "false", None: "null"}[value])
    return text(brief(value, SHORT))
