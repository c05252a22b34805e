"""You pay only for the room you enter: what an import loads, seen from a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "IPython",
    "anywidget",
    "bokeh",
    "deltalake",
    "duckdb",
    "google.protobuf",
    "ipywidgets",
    "narwhals",
} | {
    "msgspec",
    "numpy",
    "ollama",
    "opentelemetry",
    "pandas",
    "panel",
    "polars",
    "pyarrow",
    "rich",
    "sanic",
    "typer",
}
SCREENS = {"IPython", "anywidget", "bokeh", "ipywidgets", "panel", "rich", "sanic", "typer", "uvloop"}


def _loaded_by(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_import_argus_lab_is_light():
    """``import argus_lab`` loads no third party at all but the lazy loader."""
    assert not _loaded_by("import argus_lab") & HEAVY


def test_the_front_door_opens_lazily():
    """Looking at the list of names loads nothing heavy either."""
    assert not _loaded_by("import argus_lab; dir(argus_lab); argus_lab.ArgusError") & HEAVY


@pytest.mark.parametrize("room", ["argus_lab.lake", "argus_lab.otlp", "argus_lab.conventions"])
def test_the_library_needs_no_screen_and_no_server(room: str):
    """The data rooms load neither the receiver's web server nor anything that draws."""
    assert not _loaded_by(f"import {room}") & SCREENS


@pytest.mark.parametrize("room", ["argus_lab.otlp", "argus_lab.conventions"])
def test_taking_spans_in_needs_no_frames(room: str):
    """A receiver's worker decodes and admits without pandas, pyarrow or the lake."""
    assert not _loaded_by(f"import {room}") & {"deltalake", "duckdb", "pandas", "pyarrow"}


def test_the_command_line_answers_help_quickly():
    """``argus-lab --help`` needs neither pandas nor the web server nor the lake's engines."""
    assert not _loaded_by("import argus_server.cli") & {"deltalake", "duckdb", "pandas", "pyarrow", "sanic"}
