"""A request found in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argus_lab.errors import PayloadError
    from argus_lab.otlp import Encoding

__all__ = ["Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """A request and its place in the file, or the problem that stands there instead."""

    body: bytes
    encoding: Encoding
    place: str
    problem: PayloadError | None = None
