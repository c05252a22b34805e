"""``argus-lab import``: files of spans into the lake, through the same journal as the receiver's."""

from __future__ import annotations

import sys
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from argus_lab.errors import ArgusError, PayloadError
from argus_lab.files import requests_in
from argus_lab.lake import upkeep
from argus_lab.lake.filing import Filing
from argus_lab.lake.rule_file import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from argus_lab.settings import Settings

__all__ = ["import_files"]

SHOWN_PROBLEMS: Final = 20


def import_files(settings: Settings, files: Sequence[Path]) -> int:
    """Import each file; 1 if one could not be read whole."""
    rules_of(settings)  # wrong rules are told before anything is journalled
    filing = Filing(settings)
    failed = 0
    try:
        with _progress() as progress:
            for path in files:
                task = progress.add_task(path.name, total=path.stat().st_size if path.is_file() else None)
                failed += not _import_file(filing, path, partial(_moved, progress, task))
            filing.finish()
            if filing.accepted:
                # As a keeper would: a root in another file than its children names the session of both.
                progress.add_task("merging", total=None)
                upkeep.compact(settings)
    finally:
        filing.close()
    _report(filing, len(files), failed, settings)
    return 1 if failed or (filing.refused and not filing.accepted) else 0


def _moved(progress: Progress, task: TaskID, position: int) -> None:
    progress.update(task, completed=position)


def _import_file(filing: Filing, path: Path, moved: Callable[[int], object]) -> bool:
    """Whether the whole file could be read; what could not is told with its place."""
    problems = 0
    try:
        settings = filing.settings
        for found in requests_in(path, settings.max_body, moved, settings.default_project):
            try:
                filing.take(found)
            except PayloadError as error:
                problems += 1
                _tell(path, found.place, error, problems)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, ArgusError):  # the lake's trouble, not the file's
            raise
        _tell(path, "", error, 0)
        return False
    if problems > SHOWN_PROBLEMS:
        print(f"argus-lab: {path}: {problems - SHOWN_PROBLEMS} more", file=sys.stderr)  # noqa: T201
    return not problems


def _tell(path: Path, place: str, error: Exception, number: int) -> None:
    if number <= SHOWN_PROBLEMS:
        where = f"{path}: {place}: " if place else f"{path}: "
        print(f"argus-lab: {where}{_line(error)}", file=sys.stderr)  # noqa: T201  it is the answer


def _line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _report(filing: Filing, files: int, failed: int, settings: Settings) -> None:
    counted = f"{files - failed} of {files} files read whole" if failed else f"{files} files read"
    print(f"{counted}: {filing.accepted} spans accepted, {filing.refused} refused; lake {settings.lake}")  # noqa: T201
    if filing.reasons:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(filing.reasons.items()))
        print(f"refused: {reasons}. They are kept: lake.refused() shows them, lake.redrive() brings them in.")  # noqa: T201
