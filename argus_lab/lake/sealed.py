"""Files beside the table that are replaced whole, and carry digests by which damage is noticed."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["digest", "put"]


def digest(data: bytes) -> bytes:
    """What changes if anything of the data does, as text."""
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()


def put(target: Path, parts: Iterable[bytes]) -> None:
    """Let this be in a file, whole or not at all, in place of what was there."""
    # Not hidden: what a kill leaves of it goes with the vacuum, as other files that stand in no log.
    made = target.with_name(f"{target.name.lstrip('_')}-{secrets.token_hex(8)}.tmp")
    try:
        with made.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
