"""What crashes and failing disks leave of journals: put aside for a person, or swept up."""

from __future__ import annotations

import shutil
import time
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
        if hidden.is_dir() and not is_held(hidden / "lock") and _is_old(hidden):
            shutil.rmtree(hidden)


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _UNBORN_SECONDS
