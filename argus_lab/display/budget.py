"""A page of a given size: what must stand there stands, what may be shorter shares what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from argus_lab.display.markup import Html, element, joined, measured

__all__ = ["LEAST_BYTES", "Later", "assembled"]

LEAST_BYTES = 40_000
"""Below this there is no room for a page worth looking at."""

TEXTS = (20_000, 5_000, 1_200, 250)
"""Characters that any one text may have: the most generous that fits is taken."""

HOPELESS = 3
LARGEST_SHARE = 20
"""No piece takes more than a twentieth of what is left, unless there are fewer pieces."""

NOTICE = element("p", "Left out to keep this output small; read it from the frame.", cls="al-note")


@dataclass(frozen=True, slots=True)
class Later:
    """A piece drawn when the room it may take is known: for a number of characters that a text may have.

    Those of a low ``rank`` choose first. ``longest`` is the length of the longest text in it, if known.
    """

    draw: Callable[[int], Html]
    rank: int = 0
    longest: int = 0


def assembled(pieces: Sequence[Html | Later], most: int) -> Html | None:
    """The pieces in at most so many bytes; ``None`` if those that are fixed take more than half of them.

    Examples
    --------
    >>> assembled([Html("<p>a</p>"), Later(lambda most: Html("b" * most))], 3_000)[:30]
    '<p>a</p>bbbbbbbbbbbbbbbbbbbbbb'
    """
    drawn = [piece if isinstance(piece, Html) else NOTICE for piece in pieces]
    left = most - sum(measured(piece) for piece in drawn)
    if left < most // 2:
        return None
    later = sorted((piece.rank, place) for place, piece in enumerate(pieces) if isinstance(piece, Later))
    for done, (_, place) in enumerate(later):
        piece = pieces[place]
        allowed = max(left // (len(later) - done), left // LARGEST_SHARE)
        made = _largest(piece, allowed + measured(NOTICE)) if isinstance(piece, Later) else None
        if made is not None:
            left -= measured(made) - measured(NOTICE)
            drawn[place] = made
    return joined(drawn)


def _largest(piece: Later, allowed: int) -> Html | None:
    for characters in TEXTS:
        # Not even tried where the longest text alone would be far too much.
        if min(piece.longest, characters) > HOPELESS * allowed and characters > TEXTS[-1]:
            continue
        made = piece.draw(characters)
        if measured(made) <= allowed:
            return made
    return None
