"""What every page has: a head with its facts, notes on what is missing, the frame around it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argus_lab.display.budget import LEAST_BYTES, Later, assembled
from argus_lab.display.markup import NOTHING, Html, element, measured
from argus_lab.display.style import ROOT, sheet
from argus_lab.display.taken import CONTENT, call
from argus_lab.display.units import UNKNOWN, count, plural
from argus_lab.errors import InvalidArgument

__all__ = ["NO_FORMULAS", "Piece", "code", "cut_note", "head", "light_note", "note", "page", "token_facts"]

Piece = Html | Later

NO_FORMULAS = "mathjax_ignore tex2jax_ignore"
"""Classes by which MathJax 3 (JupyterLab) and 2 (nbconvert) leave text alone. Else whatever stands between
two dollar signs, prices or a stranger's commands, would be typeset as a formula."""
BYTES_A_LINE = 2_500
MOST_LINES = 400
LEAST_LINES = 8


def page(drawn: Callable[[int], Sequence[Piece]], most: int) -> Html:
    """The page in at most so many bytes: drawn with as many lines as fit.

    Parameters
    ----------
    drawn
        Gives the pieces for a number of lines.
    most
        Bytes of UTF-8.
    """
    if most < LEAST_BYTES:
        raise InvalidArgument(f"max_bytes={most!r} is too small; a page needs {count(LEAST_BYTES)} at least.")
    opening, closing = Html(f'<div class="{ROOT} {NO_FORMULAS}">') + sheet(), "</div>"
    left = most - measured(opening) - len(closing)
    number = max(LEAST_LINES, min(MOST_LINES, most // BYTES_A_LINE))
    while (made := assembled(drawn(number), left)) is None and number > 1:
        number //= 2
    if made is None:
        made = note("This does not fit into the bytes allowed; al.show(..., max_bytes=...) takes more.")
    return Html(opening + made + closing)


def head(title: Any, sub: Any, facts: Sequence[tuple[str, Any]], *after: Html | None) -> Html:
    """A title, a line below it, and the numbers that come first."""
    known = [(name, value) for name, value in facts if value not in (None, "", UNKNOWN)]
    names = (element("span", name, cls="al-name") for name, _ in known)
    told = [
        element("span", name, " ", element("b", value)) for name, (_, value) in zip(names, known, strict=True)
    ]
    # Without style the facts are a line of text, so they need something between them.
    dot = element("span", " · ", cls="al-dot")
    numbers = element("p", Html(dot.join(told)), cls="al-facts") if told else None
    return element("header", element("h3", title), element("p", sub, cls="al-sub"), numbers, *after)


def token_facts(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """Model calls, tools and tokens of a trace or session."""
    sent, got = row.get("input_tokens"), row.get("output_tokens")
    failed = row.get("errors")
    wrong = element("span", count(failed), cls="al-wrong") if failed else count(failed)
    return [
        ("Model calls", count(row.get("model_calls"))),
        ("Tool calls", count(row.get("tool_calls"))),
        ("Tokens in", count(sent)),
        ("Tokens out", count(got)),
        ("Errors", wrong),
    ]


def note(*content: Any) -> Html:
    """A remark in a low voice."""
    return element("p", *content, cls="al-note")


def code(text: str) -> Html:
    """Something to type."""
    return element("code", text)


def light_note(have: set[str], verb: str, key: Any) -> Html:
    """What a light frame cannot show, and how it can."""
    if have.intersection(CONTENT):
        return NOTHING
    words = "Without messages, arguments and results: this frame has light columns. For all of it: "
    return note(words, code(f"al.show({call(verb, key)})"))


def cut_note(told: dict[str, Any]) -> Html:
    """That the frame itself holds less than was asked for."""
    if not told.get("cut"):
        return NOTHING
    matched, got = told.get("matched"), told.get("returned")
    return note(f"The frame was cut by its limit: {count(got)} of {plural(matched, 'row')} that match.")
