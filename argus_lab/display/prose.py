"""Markdown of strangers as HTML: no raw HTML, no pictures from the network, only plain links."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import nh3
from markdown_it import MarkdownIt

from argus_lab.display.markup import REL, SCHEMES, Html
from argus_lab.display.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

__all__ = ["ALLOWED", "markdown"]

ALLOWED = frozenset(
    {"p", "br", "strong", "em", "s", "code", "pre", "blockquote", "hr", "ul", "ol", "li", "h6", "a"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
NESTING = 100
CELLS = ("th", "td")
SIDES = {"text-align:right": "al-end", "text-align:center": "al-middle"}
"""Markdown's ``---:`` and ``:--:`` as classes: what a writer says gives no element a style."""


@lru_cache(maxsize=256)
def markdown(source: str) -> Html:
    """The text as its writer meant it, and nothing else that its writer may have meant.

    Examples
    --------
    >>> markdown("**18** degrees <script>alert(1)</script>")
    '<p><strong>18</strong> degrees &lt;script&gt;alert(1)&lt;/script&gt;</p>'
    >>> markdown("![map](https://example.org/m.png)")
    '<p>[picture: <a href="https://example.org/m.png" rel="noopener noreferrer nofollow">map</a>]</p>'
    """
    made = _parser().render(visible(source))
    return Html(
        nh3.clean(
            made,
            tags=set(ALLOWED),
            attributes={"a": {"href"}},
            allowed_classes={cell: set(SIDES.values()) for cell in CELLS},
            url_schemes=set(SCHEMES),
            url_relative="deny",
            link_rel=REL,
            strip_comments=True,
        ).strip()
    )


@cache
def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": NESTING})
    made.enable(["table", "strikethrough"])
    made.disable("reference")  # a definition would vanish from sight
    made.add_render_rule("image", _picture)
    made.core.ruler.push("small_headings", _small_headings)
    made.core.ruler.push("aligned_cells", _aligned_cells)
    return made


def _picture(_self: Any, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    """A link to the picture under its own words: nothing is fetched to show a page."""
    token = tokens[at]
    address = str(token.attrGet("src") or "")
    words = _escaped(token.content or address)
    return f'[picture: <a href="{_escaped(address)}">{words}</a>]'


def _small_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "h6"


def _aligned_cells(state: Any) -> None:
    for token in state.tokens:
        if token.type in {"th_open", "td_open"} and (side := token.attrs.pop("style", None)) in SIDES:
            token.attrSet("class", SIDES[side])


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
