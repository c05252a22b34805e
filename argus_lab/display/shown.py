"""What al.show gives: a page for notebooks, plain text for terminals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Shown"]


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """A picture of a frame that stays: HTML with its own style and nothing else, and plain text.

    Attributes
    ----------
    html
        The page; it can be written to a file as it is.
    text
        The same for a terminal.
    """

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Both forms, of which a notebook takes the best it can show."""
        del include, exclude
        return {"text/html": self.html, "text/plain": self.text}
