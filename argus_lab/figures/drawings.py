"""Figures that are not built yet: what they say, and what they are built like.

To build a figure takes a tenth of a second; to put other numbers into one that is there takes a hundredth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bokeh.models import LayoutDOM

from argus_lab.figures import canvas

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from bokeh.plotting import figure

__all__ = ["Drawing", "nothing"]

Built_co = TypeVar("Built_co", bound=LayoutDOM, covariant=True)


@dataclass(frozen=True)
class Drawing(Generic[Built_co]):
    """A figure as ``build`` makes it.

    ``alike`` is the same for figures that differ in ``texts`` and ``columns`` only. Both are by the name of
    the part of the figure that has them: a title, a source.
    """

    build: Callable[[], Built_co]
    alike: Hashable
    texts: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def nothing(title: str, why: str) -> Drawing[figure]:
    """Words instead of a figure that would be empty."""
    return Drawing(lambda: canvas.nothing(title, why), ("nothing", title, why))
