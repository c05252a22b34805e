"""HTML as values: markup that this room made is ``Html``; any other text is escaped on its way in.

``ELEMENTS`` and ``ATTRIBUTES`` are the whole vocabulary of what is shown. Nothing in it runs or loads.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from argus_lab.display.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ATTRIBUTES", "ELEMENTS", "NOTHING", "Html", "element", "joined", "link", "measured", "text"]

ELEMENTS = frozenset(
    {"div", "section", "header", "h3", "h4", "h5", "h6", "p", "span", "b", "strong", "em", "s", "code", "pre"}
    | {"table", "thead", "tbody", "tr", "th", "td", "caption", "details", "summary", "ul", "ol", "li"}
    | {"dl", "dt", "dd", "a", "img", "blockquote", "hr", "br", "style"}
)
ATTRIBUTES = frozenset({"class", "style", "title", "href", "rel", "src", "alt", "dir", "open", "scope"})
EMPTY = frozenset({"img", "hr", "br"})
SCHEMES = frozenset({"http", "https", "mailto"})
REL = "noopener noreferrer nofollow"


class Html(str):
    """Markup that is safe to show as it is."""

    __slots__ = ()


NOTHING = Html("")


def text(value: Any) -> Html:
    """Any value as text: escaped, and what cannot be seen made visible.

    Examples
    --------
    >>> text("<b>&")
    '&lt;b&gt;&amp;'
    """
    if isinstance(value, Html):
        return value
    return Html(html.escape(visible(value if isinstance(value, str) else str(value)), quote=True))


def element(name: str, *children: Any, **attributes: Any) -> Html:
    """An element of the vocabulary; ``cls`` is its class, an attribute of ``None`` is left out.

    Examples
    --------
    >>> element("p", "a < b", cls="al-note", title='"')
    '<p class="al-note" title="&quot;">a &lt; b</p>'
    >>> element("script", "alert(1)")
    Traceback (most recent call last):
    ValueError: no element of the vocabulary: script
    """
    if name not in ELEMENTS:
        raise ValueError(f"no element of the vocabulary: {name}")
    told = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in EMPTY:
        return Html(f"<{name}{told}>")
    inner = "".join(text(child) for child in children if child is not None)
    return Html(f"<{name}{told}>{inner}</{name}>")


def joined(parts: Iterable[Any], between: str = "") -> Html:
    """Pieces one after the other."""
    return Html(str(text(between)).join(text(part) for part in parts if part))


def link(address: str, label: Any) -> Html:
    """A link to the web or a mail address; any other address is text.

    Examples
    --------
    >>> link("javascript:alert(1)", "here")
    'here'
    """
    try:
        is_safe = urlsplit(address).scheme.lower() in SCHEMES and address.isprintable()
    except ValueError:
        is_safe = False
    return element("a", label, href=address, rel=REL) if is_safe else text(label)


def measured(markup: str) -> int:
    """Its size in bytes of UTF-8."""
    return len(markup) if markup.isascii() else len(markup.encode())


def _attribute(key: str, value: Any) -> str:
    name = "class" if key == "cls" else key
    if name not in ATTRIBUTES:
        raise ValueError(f"no attribute of the vocabulary: {name}")
    return f" {name}" if value is True else f' {name}="{text(value)}"'
