"""``al.open_files()``: files of spans as a lake, with no receiver and nothing left behind."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab import settings
from argus_lab.errors import ArgusError, InvalidArgument, MalformedPayload, NotFound, PayloadError
from argus_lab.files import requests_in
from argus_lab.lake.filing import Filing
from argus_lab.lake.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["open_files"]

SUFFIXES = (".json", ".jsonl", ".ndjson", ".pb", ".binpb", ".proto", ".parquet", ".log")
"""How files in a folder end that are read, gzipped or not; a file that is named is read whatever its name."""

SHOWN_PROBLEMS = 5

Names = str | os.PathLike[str]


def open_files(files: Names | Iterable[Names], *, project: str | None = None, damaged: str = "raise") -> Lake:
    """Open exported spans as a lake: to look into a file, no receiver needs to run.

    The lake lives in a temporary folder until this process ends. To keep it: ``argus-lab import``.

    Parameters
    ----------
    files
        A file, a folder, a pattern such as ``"exports/*.jsonl.gz"``, or a list of them: OTLP as JSON, JSON
        lines or protobuf (what the OpenTelemetry Collector and the SDKs write to files), and what Phoenix and
        MLflow export; each may be gzipped.
    project
        Project of spans that name none. Default: ``$ARGUS_DEFAULT_PROJECT``.
    damaged
        ``"raise"`` if a part of a file cannot be read, or ``"skip"`` that part.

    Raises
    ------
    NotFound
        No such file, or none that holds spans.
    MalformedPayload
        A part of a file cannot be read; the message says which.

    Examples
    --------
    >>> import argus_lab as al
    >>> lake = al.open_files("datasets/example-trace.json")
    >>> lake.count()
    8
    """
    if damaged not in {"raise", "skip"}:
        raise InvalidArgument(f"damaged={damaged!r}: 'raise' or 'skip' is expected.")
    paths = list(_paths(files))
    place = tempfile.mkdtemp(prefix="argus-lake-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    _fill(settings.read(os.environ, lake=place, default_project=project), paths, skip=damaged == "skip")
    return Lake(place)


def _paths(files: Names | Iterable[Names]) -> Iterator[Path]:
    for name in [files] if isinstance(files, str | os.PathLike) else files:
        path = Path(name).expanduser()
        found = [path] if path.is_file() else sorted(_within(path))
        if not found:
            raise NotFound(
                f"no files of spans at {os.fspath(name)!r} (from {Path.cwd()}). Name a file, a folder that "
                f"holds files ending in {', '.join(SUFFIXES)} (or these with .gz), or a pattern such as "
                "'exports/*.jsonl'."
            )
        yield from found


def _within(path: Path) -> Iterator[Path]:
    """The files of a folder, or of a pattern."""
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file() and file.name.removesuffix(".gz").endswith(SUFFIXES):
                yield file
    elif any(letter in os.fspath(path) for letter in "*?["):
        anchor = Path(path.anchor)
        yield from (file for file in anchor.glob(os.fspath(path.relative_to(anchor))) if file.is_file())


def _fill(chosen: settings.Settings, paths: list[Path], *, skip: bool) -> None:
    filing = Filing(chosen)
    problems: list[str] = []
    try:
        for path in paths:
            problems += _file(filing, path)
        if problems and not skip:
            more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
            raise MalformedPayload(
                f"{'; '.join(problems[:SHOWN_PROBLEMS])}{more}. To read everything else: damaged='skip'."
            )
        filing.finish()
    finally:
        filing.close()


def _file(filing: Filing, path: Path) -> Iterator[str]:
    """Take in one file; gives what could not be read."""
    chosen = filing.settings
    try:
        for found in requests_in(path, chosen.max_body, lambda _: None, chosen.default_project):
            try:
                filing.take(found)
            except PayloadError as error:
                yield f"{path}: {found.place}: {error}"
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, ArgusError):  # the lake's trouble, not the file's
            raise
        yield f"{path}: {error}"
