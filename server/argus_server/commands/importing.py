"""``argus-lab import``: files of spans into the lake, through the same journal as the receiver's."""

from __future__ import annotations

import sys
import time
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from argus_lab.conventions import admit
from argus_lab.errors import ArgusError, PayloadError
from argus_lab.lake import keeper
from argus_lab.lake.journal import Entry, JournalWriter, journal_root, pack
from argus_lab.lake.rule_file import rules_of
from argus_lab.otlp import decode
from argus_server.requests_in_files import requests_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from argus_lab.settings import Settings
    from argus_server.found import Found

__all__ = ["Intake", "import_files"]

GROUP_BYTES: Final = 4 * 1024 * 1024
"""Bytes written to the journal with one sync."""
DRAIN_BYTES: Final = 256 * 1024 * 1024
"""Bytes in the journal after which they are brought into the lake before more is read."""
SHOWN_PROBLEMS: Final = 20


@dataclass
class Intake:
    """Writes requests to the journal and counts what was in them."""

    settings: Settings
    accepted: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    _group: list[bytes] = field(default_factory=list)
    _group_bytes: int = 0
    _undrained: int = 0

    def __post_init__(self) -> None:
        self._writer = JournalWriter(journal_root(self.settings.lake))

    def take(self, found: Found) -> None:
        """One request: its spans are accepted or refused one by one, and kept either way.

        Raises
        ------
        MalformedPayload
            If it is no OTLP export request.
        """
        export = decode(found.body, found.encoding)
        if not export.span_count:
            return
        project = self.settings.default_project
        admission = admit(export, project=project)
        self.accepted += admission.accepted
        self.refused += len(admission.refusals)
        for refusal in admission.refusals:
            self.reasons[refusal.reason] = self.reasons.get(refusal.reason, 0) + 1
        entry = Entry(received_at=time.time_ns(), encoding=found.encoding, project=project, body=found.body)
        self._group.append(pack(entry))
        self._group_bytes += len(found.body)
        if self._group_bytes >= GROUP_BYTES:
            self._write()
        if self._undrained >= DRAIN_BYTES:
            self._drain()

    def finish(self) -> None:
        """Bring everything into the lake."""
        self._write()
        self._drain()

    def _write(self) -> None:
        if self._group:
            self._writer.append(self._group)
        self._undrained += self._group_bytes
        self._group, self._group_bytes = [], 0

    def _drain(self) -> None:
        self._writer.close()  # a journal whose writer is gone is taken in whole and deleted
        keeper.drain(self.settings)
        self._undrained = 0

    def close(self) -> None:
        """Give the journal back; what is in it is taken in by whoever keeps the lake next."""
        self._writer.close()


def import_files(settings: Settings, files: Sequence[Path]) -> int:
    """Import each file; 1 if one could not be read whole."""
    rules_of(settings)  # wrong rules are told before anything is journalled
    intake = Intake(settings)
    failed = 0
    try:
        with _progress() as progress:
            for path in files:
                task = progress.add_task(path.name, total=path.stat().st_size if path.is_file() else None)
                failed += not _import_file(intake, path, partial(_moved, progress, task))
            intake.finish()
    finally:
        intake.close()
    _report(intake, len(files), failed, settings)
    return 1 if failed or (intake.refused and not intake.accepted) else 0


def _moved(progress: Progress, task: TaskID, position: int) -> None:
    progress.update(task, completed=position)


def _import_file(intake: Intake, path: Path, moved: Callable[[int], object]) -> bool:
    """Whether the whole file could be read; what could not is told with its place."""
    problems = 0
    try:
        settings = intake.settings
        for found in requests_in(path, settings.max_body, moved, settings.default_project):
            try:
                if found.problem is not None:
                    raise found.problem
                intake.take(found)
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


def _report(intake: Intake, files: int, failed: int, settings: Settings) -> None:
    counted = f"{files - failed} of {files} files read whole" if failed else f"{files} files read"
    print(f"{counted}: {intake.accepted} spans accepted, {intake.refused} refused; lake {settings.lake}")  # noqa: T201
    if intake.reasons:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(intake.reasons.items()))
        print(f"refused: {reasons}. They are kept: lake.refused() shows them, lake.redrive() brings them in.")  # noqa: T201
