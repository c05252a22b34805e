"""Images as a model takes them: base64, without a ``data:`` prefix."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from argus_lab.errors import InvalidArgument

__all__ = ["Image", "encoded_images"]

Image: TypeAlias = str | bytes | Path
LONGEST_PATH = 1024


def encoded_images(images: Sequence[Image]) -> tuple[str, ...]:
    """Bytes, paths, ``data:`` URLs or base64 text as base64 text.

    >>> encoded_images([b"PNG", "data:image/png;base64,UE5H"])
    ('UE5H', 'UE5H')
    """
    return tuple(_encoded(one) for one in images)


def _encoded(image: Image) -> str:
    if isinstance(image, bytes):
        return base64.b64encode(image).decode()
    if isinstance(image, Path):
        return base64.b64encode(_read(image)).decode()
    text = image.partition(",")[2] if image.startswith("data:") else image
    if len(text) < LONGEST_PATH and text == image and Path(text).is_file():
        return base64.b64encode(_read(Path(text))).decode()
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            f"{image[:60]!r} is no image: bytes, the path of a file that is there, a data: URL or base64 "
            "text is expected."
        ) from error
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"the image {str(path)!r} cannot be read: {error}.") from error
