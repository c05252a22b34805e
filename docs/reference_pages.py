"""The pages of the API reference: every public name, by room, with what its docstring says.

The names are those of ``argus_lab/__init__.pyi`` and of ``argus_lab.figures``; a room's page begins with
the first lines of its own docstring. So a name is in the reference because it is public, and in no other way.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import argus_lab

ORDER = ("lake", "measures", "figures", "display", "notebook", "chat", "widgets", "testing", "errors")
"""Rooms in the order of a reader's way; others stand before the errors, by name."""

TITLES = {
    "lake": "The lake",
    "measures": "Measures",
    "figures": "Figures",
    "display": "Inline display",
    "notebook": "Notebook",
    "chat": "Chat",
    "widgets": "Widgets",
    "testing": "Testing",
    "errors": "Errors",
}
APART = ("figures", "testing")
"""Rooms whose names are public, and are not names of ``argus_lab`` itself; each has a page."""
CALLED = ("errors",)
"""Modules of the package that are measures when called."""

LEAD = """\
Made from the docstrings. `import argus_lab as al` loads nothing heavy; a name loads what it needs when it is
first used.
"""


@dataclass(frozen=True)
class Entry:
    """One public name: where it is imported from, what it is, and the first sentence about it."""

    path: str
    thing: Any
    room: str

    @property
    def name(self) -> str:
        """The name alone."""
        return self.path.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The first line of its docstring, as Markdown."""
        return (inspect.getdoc(self.thing) or "").partition("\n")[0].replace("``", "`")

    @property
    def directive(self) -> str:
        """What Sphinx is asked for."""
        if isinstance(self.thing, type):
            kind = "exception" if issubclass(self.thing, BaseException) else "class"
        else:
            kind = "function" if callable(self.thing) else "data"
        return f".. auto{kind}:: {self.path}"


def entries() -> list[Entry]:
    """Every public name, in the order in which it was exported."""
    names = dict.fromkeys((*argus_lab.__all__, *CALLED))
    found = [_entry("argus_lab", name) for name in names if not name.startswith("_") and name not in APART]
    for room in APART:
        if importlib.util.find_spec(f"argus_lab.{room}"):
            module = importlib.import_module(f"argus_lab.{room}")
            found += [_entry(module.__name__, name) for name in module.__all__]
    return found


def _entry(package: str, name: str) -> Entry:
    thing = getattr(importlib.import_module(package), name)
    path = f"{package}.{name}"
    if isinstance(thing, ModuleType):
        path = f"argus_lab.measures.{name}.{name}"
        thing = getattr(importlib.import_module(f"argus_lab.measures.{name}"), name)
    home = getattr(thing, "__module__", None) or package
    return Entry(path, thing, package.partition(".")[2] or home.split(".")[1])


def pages() -> dict[str, str]:
    """Return every page of the reference, as its place in the site -> text."""
    rooms: dict[str, list[Entry]] = {}
    for entry in entries():
        rooms.setdefault(entry.room, []).append(entry)
    ordered = sorted(rooms, key=lambda room: (ORDER.index(room) if room in ORDER else len(ORDER) - 1.5, room))
    made = {f"api/{room}.md": _room_page(room, rooms[room]) for room in ordered}
    return {"api/index.md": _overview(ordered, rooms)} | made


def _overview(ordered: list[str], rooms: dict[str, list[Entry]]) -> str:
    lines = [f"# Every name\n\n{LEAD}"]
    for room in ordered:
        lines += [f"## [{_title(room)}]({room}.md)", "", "| name | |", "| --- | --- |"]
        lines += [
            f"| {{py:obj}}`{_called(entry)} <{entry.path}>` | {_cell(entry.summary)} |"
            for entry in rooms[room]
        ]
        lines += [""]
    return "\n".join(lines)


def _room_page(room: str, found: list[Entry]) -> str:
    module = importlib.import_module(f"argus_lab.{room}")
    lead = (inspect.getdoc(module) or "").replace("\n::\n", "\n.. code-block:: text\n")
    body = "\n\n".join(entry.directive for entry in found)
    return f"# {_title(room)}\n\n````{{eval-rst}}\n{lead}\n\n{body}\n````\n"


def _title(room: str) -> str:
    return TITLES.get(room, room.replace("_", " ").capitalize())


def _called(entry: Entry) -> str:
    return entry.name if entry.room in APART else f"al.{entry.name}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
