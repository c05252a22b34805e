"""Write what is made from the code: schema.md, dialects.md, settings.md, and parts of docs/measures.

    python docs/generate.py                  write them
    python docs/generate.py --constraints    write constraints.txt from pyproject.toml (needs uv)

A test compares the pages with what :func:`pages` returns, so they cannot go stale; the pages of the
measures (``docs/measure_pages.py``) are compared in the same way.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from argus_lab.conventions.dialects import COMMON, DIALECTS
from argus_lab.conventions.kinds import KINDS
from argus_lab.frames import PANDAS_DTYPES
from argus_lab.schema import REFUSED, SCHEMA_VERSION, SPANS
from argus_lab.settings import MIB, ROWS
from docs import measure_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from argus_lab.conventions.dialect import Dialect
    from argus_lab.conventions.rules import Rule
    from argus_lab.schema import Column, Table
    from argus_lab.settings import Row

ROOT = Path(__file__).resolve().parents[1]

GROUPS = {
    "identity": "Who recorded the span, and which trace and conversation it belongs to.",
    "timing": "When it ran. Times are UTC; nanoseconds are exact in `start_unix_nano` and `duration_ns`.",
    "status": "How it ended.",
    "step": "What it did, in words that hold for every sender.",
    "model": "Which model was asked, and how.",
    "usage": "Tokens and cost, as reported.",
    "tool": "Which tool was called.",
    "content": "What was said. Long text, so a read leaves it out unless asked.",
    "raw": "Everything as sent, so that nothing is lost. Left out of a read unless asked.",
    "refusal": "What was refused, and why.",
}

SCHEMA_HEAD = """\
# The tables

*Made from `argus_lab/schema.py` by `docs/generate.py`; do not edit. Schema version {version}.*

Null means unknown; unknown is never 0 or an empty text. `lake.spans()` returns the columns of the
light groups ({light}); ask for more with
`columns="all"` or a list of names.

**Type** is the type in the Parquet files, **pandas** the dtype in a frame. *json* is text that holds
one JSON value; `json.loads` reads it, and DuckDB takes it apart with `->` and `->>`.

**from** gives OpenTelemetry's and Argus's own names. What fills a column where a sender uses other
names: [the dialects](dialects.md).

The raw columns keep the types that OTLP distinguishes: what JSON can say is said plainly, and what it
cannot is an object with one reserved key, such as `{{"$bytes": "AAEC"}}` or `{{"$double": "NaN"}}`.
Every such key and the reasons: [decision 0004](../decisions/0004-attributes-json-with-types-kept.md).
"""

TOKENS = """\
`input_tokens` includes cached tokens; `cache_read_tokens` and `cache_write_tokens` are parts of it.
`reasoning_tokens` is part of `output_tokens`. So the tokens of a call are `input_tokens +
output_tokens`, and nothing else is added to that.
"""

DIALECTS_HEAD = """\
# Dialects

*Made from `argus_lab/conventions/` by `docs/generate.py`; do not edit.*

Instrumentations name the same things differently. Each way of naming is a dialect, and all of them
fill [the same columns](schema.md), with nothing to set up. The column `dialect` says which one was
recognised; it is null where none was, and the span is kept all the same.

How they go together:

- A span may speak several dialects at once. It is named after the first of them in the order of this
  page.
- A column takes the first attribute that has a value it can hold: first those of the dialects that
  the span speaks, in the order of this page, then the general ones, then those of the others.
  Explicit `argus.*` always wins.
- Attributes marked *here only* are plain words, so they are read only on spans of that dialect.
- *read together*: columns that take more than one attribute or an event, such as messages in indexed
  keys, and attributes that fill several columns. They fill what no attribute has filled by itself. A
  name ending in `*` stands for all that begin so.
- Nothing is guessed. An attribute whose value a column cannot hold leaves it null; the value stays in
  `attributes`.

## What messages become

`input` and `output` of model calls are lists of messages in OpenTelemetry's form, whatever was sent:
`{{"role", "parts", "name"?, "finish_reason"?}}` with parts of type `text`, `reasoning`, `tool_call` (`id`,
`name`, `arguments` as a value), `tool_call_response` (`id`, `response`), or the sender's own. Media in
base64 become a reference, `{{"type": "blob", "modality", "mime_type", "size", "sha256", "content": null}}`;
the bytes stay in the raw columns.

## Kinds

A dialect's word for what a span does becomes one of these, and that fills three columns. A span of no
known kind leaves them null.

{kinds}
`llm_answer` is the answer of a streamed call that its sender tells in a span of its own: usage that
counts, and no second call. `none` is what the sender calls something else, such as a log.

## On any span

{common}"""

SETTINGS_HEAD = """\
# Settings

*Made from `argus_lab/settings.py` by `docs/generate.py`; do not edit.*

Each setting is an option of the command line (`--commit-every 1`), an environment variable
(`ARGUS_COMMIT_EVERY=1`), or its default, in that order. Sizes may be written `64MiB` or `2GiB`, days
`90d`, lists with commas or spaces. A value that cannot be read stops the program with status 2 and
names the variable.
"""


def pages() -> dict[Path, str]:
    """Return every generated page, as path -> text."""
    reference = ROOT / "docs" / "reference"
    return {
        reference / "schema.md": schema_page(),
        reference / "dialects.md": dialects_page(),
        reference / "settings.md": settings_page(),
    }


def schema_page() -> str:
    """Return the page that describes both tables, column by column."""
    light = ", ".join(SPANS.light_groups)
    parts = [SCHEMA_HEAD.format(version=SCHEMA_VERSION, light=light)]
    for table in (SPANS, REFUSED):
        parts += [f"## `{table.name}`\n", _layout(table)]
        parts += [
            text for group in dict.fromkeys(c.group for c in table.columns) for text in _group(table, group)
        ]
    return "\n".join(parts)


def dialects_page() -> str:
    """Return the page that says, by dialect, which attributes fill which column."""
    kinds = [
        [f"`{word}`", *(f"`{value}`" if value else "" for value in kind)] for word, kind in KINDS.items()
    ]
    head = DIALECTS_HEAD.format(
        kinds=_table(["kind", "span_type", "step_kind", "component_type"], kinds),
        common=_table(["column", "from, best first"], _rules(COMMON)),
    )
    return "\n".join([head, *(text for dialect in DIALECTS for text in _dialect(dialect))])


def _dialect(dialect: Dialect) -> Iterable[str]:
    module = inspect.getmodule(dialect.is_spoken)
    yield f"## `{dialect.name}`\n"
    yield inspect.cleandoc((module and module.__doc__) or "").replace("``", "`") + "\n"
    if dialect.kinds:
        words: dict[str, list[str]] = {}
        for sent, word in dialect.kinds.items():
            words.setdefault(word, []).append(f"`{sent}`")
        yield "Kinds: " + "; ".join(f"{', '.join(sent)} → {word}" for word, sent in words.items()) + ".\n"
    own = ([column, f"*here only:* {names}"] for column, names in _rules(dialect.own))
    together = ([_columns(columns), _names(names)] for columns, names in dialect.content)
    yield _table(["column", "from, best first"], [*own, *_rules(dialect.rules), *together])


def _rules(rules: Iterable[Rule]) -> Iterable[list[str]]:
    for rule in rules:
        yield [f"`{rule.column}`", ", ".join(f"`{name}`" for name in rule.attributes)]


def _columns(names: str) -> str:
    return ", ".join(name if name == "..." else f"`{name}`" for name in names.split(", "))


def _names(names: Iterable[str]) -> str:
    shown = (name if name.startswith("the ") else f"`{name}`" for name in names)
    return f"*read together:* {', '.join(shown)}"


def settings_page() -> str:
    """Return the page that lists every setting."""
    rows = [
        [f"`{row.name}`", f"`{row.variable}`", _default(row), row.meaning.replace("|", "\\|")] for row in ROWS
    ]
    return SETTINGS_HEAD + "\n" + _table(["setting", "variable", "default", "meaning"], rows)


def write_constraints() -> None:
    """Resolve the newest allowed version of everything, for all supported Pythons at once."""
    target = ROOT / "constraints.txt"
    head = "".join(line for line in target.read_text().splitlines(keepends=True) if line.startswith("#"))
    build_needs = "hatchling\neditables\n"
    options = ["--universal", "--fork-strategy=fewest", "--python-version=3.11", "--all-extras", "--upgrade"]
    quiet = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    made = subprocess.run(  # noqa: S603  our own arguments
        [sys.executable, "-m", "uv", "pip", "compile", *options, *quiet, "pyproject.toml", "-"],
        cwd=ROOT,
        input=build_needs,
        capture_output=True,
        text=True,
        check=True,
    )
    target.write_text(head + made.stdout)


def _layout(table: Table) -> str:
    partitions = ", ".join(f"`{name}`" for name in table.partition_by)
    return f"A Delta table, partitioned by {partitions}; the partition columns stand in the paths.\n"


def _group(table: Table, group: str) -> Iterable[str]:
    heavy = "" if group in table.light_groups else " (heavy)"
    yield f"### {group}{heavy}\n"
    yield GROUPS[group] + "\n"
    rows = [_row(column) for column in table.columns if column.group == group]
    yield _table(["column", "type", "pandas", "meaning", "from"], rows)
    if group == "usage":
        yield TOKENS


def _row(column: Column) -> list[str]:
    values = f" One of {', '.join(f'`{value}`' for value in column.values)}." if column.values else ""
    always = " Never null." if column.required else ""
    kept = ", ".join(f"OTLP `{field}`" for field in column.otlp)
    source = "; ".join(part for part in (kept, column.source) if part)
    dtype = PANDAS_DTYPES[column.type]
    return [f"`{column.name}`", f"`{column.type}`", f"`{dtype}`", column.meaning + values + always, source]


def _default(row: Row) -> str:
    if row.default is None or row.default == ():
        return ""
    return f"`{_size(row.default)}`"


def _size(value: object) -> object:
    """Whole mebibytes as people write them; the settings read them so too."""
    whole = isinstance(value, int) and value >= MIB and value % MIB == 0
    return f"{value // MIB}MiB" if isinstance(value, int) and whole else value


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the pages that differ, and say which."""
    if "--constraints" in arguments:
        write_constraints()
        return
    for path, text in (pages() | measure_pages.written()).items():
        fresh = not path.exists() or path.read_text(encoding="utf-8") != text
        if fresh:
            path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'written' if fresh else 'as the code says'}")


if __name__ == "__main__":
    main(sys.argv[1:])
