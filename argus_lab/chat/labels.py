"""Whose a conversation's spans are, and where in a notebook they began."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from opentelemetry.sdk.resources import OTELResourceDetector

from argus_lab.chat.setup import Place
from argus_lab.notebook.instrumenting import active
from argus_lab.notebook.place import CELL, NOTEBOOK, cell_number, current_shell, notebook_name

__all__ = ["labelled", "tags_of"]

NAME = "chat"
UNKNOWN = "unknown_service"


def labelled(place: Place, environ: Mapping[str, str]) -> tuple[str, str]:
    """Project and service: as given, as al.instrument() was told, as variables say, by the notebook."""
    on = active()
    told = OTELResourceDetector().detect().attributes  # Resource.create() takes 10 ms and a pool of threads
    stem = PurePath(notebook_name(environ, current_shell()) or "").stem
    named = str(told.get("service.name", UNKNOWN))
    said = "" if named.startswith(UNKNOWN) else named
    project = place.project or (on.project if on else "") or told.get("argus.project") or stem or NAME
    service = place.service or (on.service if on else "") or said or stem or NAME
    return str(project), str(service)


def tags_of(place: Place, environ: Mapping[str, str]) -> dict[str, Any]:
    """Attributes of a turn that begins now."""
    shell = current_shell()
    found = {NOTEBOOK: notebook_name(environ, shell), CELL: cell_number(shell)}
    return {name: value for name, value in found.items() if value is not None} | dict(place.tags())
