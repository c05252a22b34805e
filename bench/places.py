"""Where measurements keep their files: on the project's own disk, since /tmp may be memory."""

from __future__ import annotations

from pathlib import Path

__all__ = ["workspace"]


def workspace() -> Path:
    """A folder that git ignores; big lakes stay there for the next run."""
    folder = Path(__file__).parent / "work"
    folder.mkdir(exist_ok=True)
    return folder
