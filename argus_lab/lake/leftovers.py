"""What crashes and failing disks leave of journals: put aside for a person, or swept up."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from argus_lab.lake.journal import Damage
from argus_lab.lake.locks import is_held

__all__ = ["forget_unborn", "put_aside"]

_UNBORN_SECONDS = 3600


def put_aside(journal: Path, damage: Damage) -> Path:
    """Keep the bytes of a damaged record for a person to look at."""
    kept = journal.parent / "damaged" / f"{journal.name}-{damage.end}"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(damage.payload)
    return kept


def forget_unborn(root: Path) -> None:
    """Delete journals whose writer died while it made them; they never held a record."""
    for hidden in root.glob(".[0-9]*"):
        # Of a young one nobody looks at the lock: its writer is about to take it, and must find it free.
        if hidden.is_dir() and _is_old(hidden) and not is_held(hidden / "lock"):
            with suppress(FileNotFoundError):  # its writer was slow, and has given it its name meanwhile
                shutil.rmtree(hidden)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _UNBORN_SECONDS
    except FileNotFoundError:  # its writer has given it its name meanwhile
        return False
