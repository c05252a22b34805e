"""What every notebook of the repository keeps to; nbval runs them and compares their outputs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.house.sources import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_500_000
MOST_LINES = 5
UNTOLD = "nbval-ignore-output"
PLACES = re.compile(r"(?<![\w.])/(?:tmp|work|home|root|Users|usr|var)/|[A-Z]:\\\\")
"""Beginnings of paths on somebody's machine."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """Each notebook in turn."""
    return request.param


@pytest.fixture
def notebook(path: Path) -> Any:
    """Its cells."""
    return nbformat.read(path, as_version=4)


@pytest.fixture
def code(notebook: Any) -> list[Any]:
    """Its cells with code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _texts(code: list[Any]) -> list[str]:
    """All text that outputs hold, pictures left out."""
    found = []
    for output in (output for cell in code for output in cell.outputs):
        found += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
        found += [output.get("text", "")]
    return found


def test_there_are_eleven():
    """The tests below look at something."""
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, 12)]


def test_each_is_valid(notebook: Any):
    """Jupyter opens it without repairing it."""
    nbformat.validate(notebook)


def test_each_begins_with_a_title_and_ends_with_a_finding(notebook: Any):
    """A reader knows at once what it is about, and at the end what came out: with numbers."""
    first, last = notebook.cells[0], notebook.cells[-1]
    number = re.match(r"# (\d+) · \S", first.source)
    assert first.cell_type == last.cell_type == "markdown"
    assert number is not None
    assert last.source.startswith("## Finding\n")
    assert re.search(r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten)\b", last.source)


def test_no_function_is_longer_than_five_lines(code: list[Any]):
    """What takes more belongs into the library."""
    plain = TransformerManager().transform_cell
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    trees = [ast.parse(plain(re.sub(r"^%%trace.*", "", cell.source))) for cell in code]
    long = [
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.end_lineno - node.lineno + 1 > MOST_LINES
    ]
    assert not long


def test_outputs_are_stored_in_the_order_of_one_run(code: list[Any]):
    """What a reader sees without running it came out of one run from top to bottom."""
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2


def test_nothing_failed_and_nothing_was_complained_about(code: list[Any]):
    """No error and no warning is among the outputs."""
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


def test_figures_are_pictures(code: list[Any]):
    """Scripts run neither on GitHub nor in a notebook that is not trusted; a picture is seen everywhere."""
    kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
    assert kinds <= {"text/plain", "text/html", "image/png"}
    drawn = [cell for cell in code if re.search(r"\bal\.figures\.", cell.source)]
    assert all("image/png" in cell.outputs[0].data for cell in drawn)


def test_only_outputs_that_differ_from_run_to_run_are_not_compared(code: list[Any]):
    """Cells that nbval does not compare draw a figure, load what figures need, or show ids and times."""
    reasons = ("show(al.figures.", "output_notebook", "here\n", "%%trace", "al.show(lake.session(")
    reasons += ("chat.show(", "chat.trace(")
    untold = [f"{cell.source}\n" for cell in code if UNTOLD in cell.metadata.get("tags", [])]
    assert not [source for source in untold if not any(reason in source for reason in reasons)]
    assert not [cell.source for cell in code if "NBVAL" in cell.source]


def test_no_path_of_a_machine_is_in_it(notebook: Any, code: list[Any]):
    """It reads the same whoever rendered it."""
    assert not [found for cell in notebook.cells for found in PLACES.findall(cell.source)]
    assert not [text[:200] for text in _texts(code) if PLACES.search(text)]


def test_it_opens_quickly_and_anywhere(path: Path, notebook: Any):
    """It is small enough to be shown by GitHub, and names no kernel that only its author has."""
    assert path.stat().st_size < MOST_BYTES
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}


def test_the_list_names_it(path: Path):
    """notebooks/README.md links to it."""
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert f"({path.name})" in listed


def test_links_lead_somewhere(path: Path, notebook: Any):
    """Notebooks that are linked from one are there."""
    found = [link for cell in notebook.cells for link in re.findall(r"\]\(([^)#:]+)\)", cell.source)]
    assert not [link for link in found if not (path.parent / link).exists()]
