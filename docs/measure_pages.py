"""The pages of docs/measures: written by hand, with parts that are made from the code and checked.

Two kinds of parts are made. What stands between ``<!-- made: ... -->`` and ``<!-- /made -->`` comes from
the docstring of the measure that the page is named after:

``call``
    how it is called
``about``
    what the docstring says before its parameters
``options``
    the parameters, as a table
``columns of x, y``
    the columns, as a table: names and dtypes are those of the frames ``x`` and ``y``, which the page's
    own code has made, meanings those of the docstring. A column that the docstring does not know is an
    error, and so is one that it knows and no frame has.

On any page:

``words of x``
    the dict ``x`` of a module as a table
``questions of x, y``
    the question that each of these pages answers, as a table
``module of x``
    what the docstring of the module ``x`` says after its first sentence

A text block after ``<!-- printed -->`` holds what the Python block above it prints. The Python blocks of
a page run from top to bottom in one interpreter, on a lake of the sample data.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from argus_lab import measures
from docs import reference_pages
from docs.docstrings import around, sections, terms, text_of

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "measures"
DATASETS = ROOT / "datasets"
SAMPLES = (DATASETS / "example-trace.json", *sorted((DATASETS / "support-sessions").glob("*.jsonl.gz")))

MADE = re.compile(r"(<!-- made: (?P<what>[^>]+?) -->\n).*?(<!-- /made -->)", re.DOTALL)
BLOCKS = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n<!-- printed -->\n```text\n(?P<printed>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
WIDTH = 100
MOST_COLUMNS = 20
"""How wide frames are printed by the examples."""

MOST_LINES = 4
"""Columns of different dtypes that are explained together in one row of a table."""

UNITS = {
    "tokens_per_s": "tokens/s",
    "_per_s": "1/s",
    "_ms": "ms",
    "_usd": "USD",
    "_tokens": "tokens",
    "_chars": "characters",
}
"""How a column's name ends -> its unit; the first that fits holds."""

APART = {"counted": "[which spans count](README.md#what-counts)"}
"""What docstrings refer to and is no measure -> the place that explains it."""

Measure = Callable[..., Any]


def pages() -> list[Path]:
    """The pages of this folder, the overview among them."""
    return sorted(FOLDER.glob("*.md"))


def names() -> list[str]:
    """The public measures: each is due a page."""
    return sorted(entry.name for entry in reference_pages.entries() if entry.room == "measures")


def filled(page: Path) -> str:
    """The page's text with every made part as the code says it; the lake is ``$ARGUS_LAKE``."""
    text, frames = _printed(page.read_text(encoding="utf-8"), page)

    def made(match: re.Match[str]) -> str:
        what, _, given = match["what"].partition(" of ")
        listed = given.split(", ") if given else []
        if what in ANYWHERE:
            return f"{match[1]}{ANYWHERE[what](listed)}{match[3]}"
        return f"{match[1]}{PARTS[what](measure_of(page.stem), [frames[name] for name in listed])}{match[3]}"

    return MADE.sub(made, text)


def measure_of(name: str) -> Measure:
    """The measure of that name, from the module in which it is written."""
    return next(found for known, found in _functions() if known == name)


def _functions() -> Iterator[tuple[str, Measure]]:
    for info in pkgutil.iter_modules(measures.__path__):
        module = importlib.import_module(f"{measures.__name__}.{info.name}")
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found) and found.__module__ == module.__name__:
                yield name, found


def _printed(text: str, page: Path) -> tuple[str, dict[str, Any]]:
    """The page with what its code prints today, and the names that the code made."""
    frames: dict[str, Any] = {"__name__": "__main__"}

    def ran(match: re.Match[str]) -> str:
        shown = io.StringIO()
        line = text[: match.start()].count("\n") + 1
        code = compile("\n" * line + match["code"], str(page), "exec")
        with (
            contextlib.redirect_stdout(shown),
            pd.option_context("display.width", WIDTH, "display.max_columns", MOST_COLUMNS),
        ):
            exec(code, frames)  # noqa: S102  the repository's own page
        if match["printed"] is None:
            return match[0]
        before, after = match.span("printed")
        kept = "\n".join(line.rstrip() for line in shown.getvalue().splitlines())
        return match.string[match.start() : before] + kept + "\n" + match.string[after : match.end()]

    return BLOCKS.sub(ran, text), frames


def _call(measure: Measure, frames: Sequence[Any]) -> str:
    del frames
    shown = ", ".join(_parameters(measure))
    return f"```text\nal.{measure.__name__}({shown})\n```\n"


def _parameters(measure: Measure) -> Iterator[str]:
    """The parameters as a call shows them, without types."""
    starred = False
    for parameter in inspect.signature(measure).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        yield f"{parameter.name}{default}"


def _about(measure: Measure, frames: Sequence[Any]) -> str:
    del frames
    return markdown(sections(text_of(measure))[""]) + "\n"


def _options(measure: Measure, frames: Sequence[Any]) -> str:
    del frames
    section = sections(text_of(measure))["Parameters"]
    said = dict(terms(section, re.compile(r"\w+(?:, \w+)*")))
    rows = [
        [", ".join(f"`{name}`" for name in shown.split(", ")), markdown(text)] for shown, text in said.items()
    ]
    return _table(["parameter", "meaning"], rows)


def _columns(measure: Measure, frames: Sequence[pd.DataFrame]) -> str:
    dtypes = {name: str(dtype) for frame in frames for name, dtype in frame.dtypes.items()}
    rows: list[list[str]] = []
    known: set[str] = set()
    section = sections(text_of(measure))["Returns"]
    for shown, text in terms(section):
        listed, _, more = shown.replace(", and ", " (and ").removesuffix(")").partition(" (")
        described = re.findall(r"``(\w+)``", listed)
        if absent := [name for name in described if name not in dtypes]:
            raise LookupError(f"{measure.__name__}: no frame of the page has {', '.join(absent)}.")
        known.update(described)
        meaning = markdown(f"({more}) {text}" if more else text)
        rows += _rows(described, [(dtypes[name], _unit(name, dtypes[name])) for name in described], meaning)
    if frames and (unknown := [name for name in frames[0].columns if name not in known]):
        raise LookupError(f"{measure.__name__}: the docstring says nothing of {', '.join(unknown)}.")
    before, after = around(section)
    table = _table(["column", "dtype", "unit", "meaning"], rows)
    lead = markdown(before).removesuffix(":").removesuffix(".") + "."
    return "\n".join([f"{lead}\n", table, *([f"{markdown(after)}\n"] if after else [])])


PARTS = {"call": _call, "about": _about, "options": _options, "columns": _columns}


def _rows(names: list[str], kinds: list[tuple[str, str]], meaning: str) -> Iterator[list[str]]:
    """One row for names that share a meaning; many of different kinds have a row a kind."""
    if len(names) <= MOST_LINES and len(set(kinds)) > 1:
        shown = [[f"`{name}`", f"`{dtype}`", unit] for name, (dtype, unit) in zip(names, kinds, strict=True)]
        yield [*("<br>".join(cells).removesuffix("<br>") for cells in zip(*shown, strict=True)), meaning]
        return
    for dtype, unit in dict.fromkeys(kinds):
        same = [f"`{name}`" for name, kind in zip(names, kinds, strict=True) if kind == (dtype, unit)]
        yield [", ".join(same), f"`{dtype}`", unit, meaning]


def _questions(listed: Sequence[str]) -> str:
    rows = []
    for name in listed:
        question = re.search(
            r"^\*\*(.+?)\*\*$", (FOLDER / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        if question is None:
            raise LookupError(f"{name}.md does not begin with its question in bold.")
        rows.append([" ".join(question[1].split()), f"[{name}]({name}.md)"])
    return _table(["question", "measure"], rows)


def _module(listed: Sequence[str]) -> str:
    (name,) = listed
    return markdown(text_of(importlib.import_module(name)).partition("\n\n")[2]) + "\n"


def _words(listed: Sequence[str]) -> str:
    (path,) = listed
    module, _, name = path.rpartition(".")
    meanings: dict[str, str] = getattr(importlib.import_module(module), name)
    return _table(["word", "meaning"], [[f"`{word}`", said] for word, said in meanings.items()])


ANYWHERE = {"questions": _questions, "module": _module, "words": _words}


def _unit(name: str, dtype: str) -> str:
    if dtype.startswith("datetime"):
        return "UTC"
    if dtype not in {"Int64", "float64"}:
        return ""
    return next((unit for ending, unit in UNITS.items() if f"_{name}".endswith(ending)), "")


def markdown(text: str) -> str:
    """ReStructuredText as far as the docstrings use it, as Markdown with links between the pages."""

    def led(match: re.Match[str]) -> str:
        name = match[1].rpartition(".")[2]
        if name in APART:
            return APART[name]
        return f"[`{name}`]({name}.md)" if (FOLDER / f"{name}.md").is_file() else f"`{match[1]}`"

    return re.sub(r":\w+:`~?([^`]+)`", led, text).replace("``", "`")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


@contextlib.contextmanager
def sample_lake() -> Iterator[Path]:
    """A lake of the sample data for as long as the block lasts, and as ``$ARGUS_LAKE``."""
    with tempfile.TemporaryDirectory(prefix="argus-docs-") as folder:
        lake = Path(folder) / "lake"
        paths = os.pathsep.join([str(ROOT), str(ROOT / "server")])
        known = os.environ | {"ARGUS_LAKE": str(lake), "PYTHONPATH": paths}
        command = [sys.executable, "-m", "argus_server", "import", *map(str, SAMPLES)]
        subprocess.run(command, env=known, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  ours
        before = os.environ.get("ARGUS_LAKE")
        os.environ["ARGUS_LAKE"] = str(lake)
        try:
            yield lake
        finally:
            os.environ.pop("ARGUS_LAKE")
            if before is not None:
                os.environ["ARGUS_LAKE"] = before


def written() -> dict[Path, str]:
    """Every page with its made parts anew."""
    with sample_lake():
        return {page: filled(page) for page in pages()}
