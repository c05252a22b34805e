"""Media in messages: a typed reference in place of the bytes.

The bytes stay in the raw columns, as they were sent; ``input`` and ``output`` keep what tells one
file from another: kind, type, size and digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

__all__ = ["blob", "media"]

Part = dict[str, Any]

_MODALITIES = ("image", "audio", "video")
_FORMATS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
}


def blob(sent: Any, mime_type: Any = None, modality: str | None = None) -> Part:
    """A reference to base64 text: its size in bytes and the digest of the bytes.

    Text that is no base64 is measured as it is.

    Examples
    --------
    >>> made = blob("iVBORw0KGgo=", "image/png")
    >>> made["modality"], made["mime_type"], made["size"], made["sha256"][:8], made["content"]
    ('image', 'image/png', 8, '4c4b6a3b', None)
    """
    if isinstance(sent, dict):
        sent = sent.get("$bytes", "")
    text = sent if isinstance(sent, str) else ""
    try:
        content = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        content = text.encode("utf-8", "surrogatepass")
    known = _mime_type(mime_type)
    return {
        "type": "blob",
        "modality": modality or _modality(known),
        "mime_type": known,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": None,
    }


def media(sent: Any, mime_type: Any = None, modality: str | None = None) -> Part:
    """Media given as data URL, web address or base64 text.

    Examples
    --------
    >>> media("https://example.org/cat.png", modality="image")
    {'type': 'uri', 'modality': 'image', 'uri': 'https://example.org/cat.png'}
    """
    if isinstance(sent, str) and sent.startswith("data:"):
        head, _, text = sent[5:].partition(",")
        return blob(text, head.partition(";")[0] or mime_type, modality)
    if isinstance(sent, str) and "://" in sent[:32]:
        known = _mime_type(mime_type)
        made = {"type": "uri", "modality": modality or _modality(known), "mime_type": known, "uri": sent}
        return {key: value for key, value in made.items() if value is not None}
    return blob(sent, mime_type, modality)


def _mime_type(sent: Any) -> str | None:
    """A media type; senders also write a file's format."""
    if not isinstance(sent, str) or not sent:
        return None
    return sent if "/" in sent else _FORMATS.get(sent.lower(), sent)


def _modality(mime_type: str | None) -> str | None:
    found = (mime_type or "").partition("/")[0]
    if found in _MODALITIES:
        return found
    return "file" if mime_type and mime_type != "*" else None
