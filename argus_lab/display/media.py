"""Media in content: small pictures as pictures, everything else by kind and size. Never as text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from argus_lab.display.markup import Html, element, link, text
from argus_lab.display.units import size
from argus_lab.display.visible import brief

__all__ = ["PICTURE_BYTES", "is_media", "media", "picture_of"]

PICTURE_BYTES = 50_000
BASE64_CHARS = PICTURE_BYTES * 4 // 3 + 4
DIGEST_DIGITS = 12

_KINDS = {"blob", "uri", "file", "image", "audio", "video", "image_url"}


def is_media(part: Any) -> bool:
    """Whether a part of a message is a picture, a sound or a file."""
    return isinstance(part, dict) and part.get("type") in _KINDS


def media(part: dict[str, Any]) -> Html:
    """The picture where its bytes are there and few, else a reference to it."""
    content = part.get("content")
    if isinstance(content, str):
        found = picture_of(content)
        if found:
            return found
    kind = part.get("mime_type") or part.get("modality") or part.get("type") or "media"
    told = [brief(kind, 60)]
    length = part.get("size")
    if isinstance(length, int) and not isinstance(length, bool) and length >= 0:
        told.append(size(length))
    elif isinstance(content, str):
        told.append(size(len(content) * 3 // 4))
    if isinstance(part.get("sha256"), str):
        told.append(f"sha256 {brief(part['sha256'][:DIGEST_DIGITS])}")
    if part.get("file_id"):
        told.append(brief(part["file_id"], 60))
    address = part.get("uri")
    shown = [text(" · ".join(told))]
    if isinstance(address, str):
        shown += [text(" "), link(address[:2000], brief(address, 80))]
    return element("span", *shown, cls="al-media")


def picture_of(sent: str) -> Html | None:
    """A picture out of base64 text or a data URL, if it is one by its first bytes and small enough.

    Examples
    --------
    >>> picture_of("data:image/png;base64,PHN2Zz4=") is None
    True
    """
    if sent[:5].lower() == "data:":
        sent = sent.partition(",")[2] if ";base64," in sent[:100].lower() else ""
    if not sent or len(sent) > BASE64_CHARS:
        return None
    try:
        content = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = _kind(content)
    if kind is None or len(content) > PICTURE_BYTES:
        return None
    source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return element("img", src=source, alt=f"{kind}, {size(len(content))}")


def _kind(content: bytes) -> str | None:
    """What the bytes say they are; what the sender says does not count."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
