"""The import law: which room may know which, and which third parties stand in it."""

from __future__ import annotations

import graphlib

import pytest

from tests.house.sources import Import, Module, is_ours, is_standard, modules

GROUND = {"errors", "settings", "schema"}
SEEN = GROUND | {"frames", "measures"}
"""What pictures stand on: they show what measures found."""

MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {"errors", "measures"},  # a lazy stub, which carries but the two meanings of al.errors
    "errors": set(),
    "settings": {"errors"},
    "schema": {"errors"},
    "frames": set(),
    "otlp": GROUND,
    "conventions": GROUND | {"otlp"},
    "imports": GROUND | {"otlp"},
    "files": GROUND | {"otlp", "imports"},
    "lake": GROUND | {"frames", "otlp", "conventions", "files", "measures"},  # lake.sessions() is a measure
    "measures": GROUND | {"frames"},
    "figures": SEEN,
    "display": SEEN,
    "notebook": SEEN | {"lake", "display"},
    "dashboards": SEEN | {"lake", "figures", "display"},
    "chat": GROUND | {"notebook"},  # its spans go out as a kernel's do
    "widgets": GROUND | {"lake", "measures", "figures", "display", "chat"},
    "testing": GROUND | {"otlp", "conventions"},
    "argus_server": GROUND
    | {"__init__"}  # the commands read a lake as a user does
    | {"otlp", "conventions", "files", "lake", "measures", "figures", "display", "dashboards", "chat"}
    | {"testing"},
}
"""The architecture: room -> rooms it may import, itself left out."""

MAY_USE: dict[str, set[str]] = {
    "__init__": {"lazy_loader"},
    "errors": set(),
    "settings": set(),
    "schema": {"pyarrow"},
    "otlp": {"google", "msgspec", "opentelemetry"},
    "conventions": {"msgspec"},
    "imports": {"msgspec"},
    "files": {"msgspec", "pyarrow"},
    "lake": {"deltalake", "duckdb", "msgspec", "narwhals", "numpy", "pandas", "polars", "pyarrow", "pyspark"},
    "frames": {"numpy", "pandas", "pyarrow"},
    "measures": {"duckdb", "genai_prices", "msgspec", "narwhals", "numpy", "polars", "pyarrow", "pyspark"},
    "figures": {"bokeh", "lazy_loader", "narwhals", "numpy", "pandas", "pyarrow"},
    "display": {"markdown_it", "msgspec", "narwhals", "nh3", "numpy", "pandas", "pyarrow"},
    "notebook": {"IPython", "opentelemetry", "pandas", "requests"},
    "dashboards": {"bokeh", "duckdb", "narwhals", "numpy", "pandas", "panel", "param", "pyarrow", "tornado"},
    "chat": {"msgspec", "ollama", "opentelemetry", "websockets"},
    "widgets": {"IPython", "anywidget", "ipywidgets", "msgspec", "pandas", "traitlets"},
    "testing": {"msgspec", "opentelemetry"},
    "argus_server": {"google", "msgspec", "opentelemetry", "prometheus_client", "rich", "sanic", "typer"}
    | {"deltalake", "duckdb", "pandas", "pyarrow", "uvloop", "websockets", "click"}
    | {"httpx", "ollama"},
}
"""Room -> third parties that may appear in it. What a room costs is decided here."""

HEAVY = {"IPython", "bokeh", "deltalake", "duckdb", "narwhals", "numpy", "pandas", "panel", "polars"} | {
    "pyarrow",
    "pyspark",
    "sanic",
    "opentelemetry",
    "genai_prices",
    "google",
    "rich",
    "uvloop",
}
"""Third parties slow enough to load that a function may be the place where they are entered."""

HIDDEN: dict[tuple[str, str], str] = {
    ("argus_lab", "argus_lab.measures"): "al.errors(spans) is a measure, which loads Narwhals",
    ("argus_server.cli", "argus_server.commands"): "each command loads what it needs, so --help is quick",
    ("argus_lab.widgets.chat", "argus_lab.widgets.cell"): "a script talks without a widget",
    ("argus_server.chat.door", "argus_server.chat"): "a receiver nobody chats with loads no client of Ollama",
    (
        "argus_server.commands.dashboard",
        "argus_lab.dashboards",
    ): "the command line imports it; pages are heavy",
    ("argus_server.child", "argus_server.worker"): "a keeper does without the web server",
    ("argus_server.child", "argus_lab.lake"): "a worker does without the table's engine",
    ("argus_server.commands.serve", "argus_lab.lake"): "the command line imports it, and few have rules",
    ("argus_server.supervisor", "argus_lab.lake"): "the supervisor stays small until it counts at the end",
    ("argus_server.supervisor", "argus_server.metrics"): "it loads prometheus_client: see there",
    ("argus_server.supervisor", "prometheus_client"): "it reads PROMETHEUS_MULTIPROC_DIR when imported",
}
"""(module, imported module or its package) -> why a function is the place of that import."""

PURE = {"otlp", "conventions", "imports", "measures", "figures", "display", "schema", "errors"}

WORLD = {"asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"} | {
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
}
"""Parts of the standard library that touch disk, network, clock, chance or processes."""


def _within(target: str, package: str) -> bool:
    return target == package or target.startswith(f"{package}.")


def _has_leave(module: Module, found: Import) -> bool:
    return any(name == module.name and _within(found.target, package) for name, package in HIDDEN)


def _named(module: Module) -> str:
    return module.name


@pytest.fixture(params=modules(), ids=_named)
def module(request: pytest.FixtureRequest) -> Module:
    """Each module of the two packages in turn."""
    return request.param


def test_every_room_is_in_the_table():
    """No module stands outside the law, and the law names no third-party table without a room."""
    assert {module.room for module in modules()} <= MAY_IMPORT.keys()
    assert MAY_IMPORT.keys() == MAY_USE.keys()


def test_the_law_itself_has_no_cycle():
    """The table can be put into an order, so 'down' means something."""
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()


def test_imports_go_down(module: Module):
    """A module imports only rooms below its own, types included."""
    for found in module.imports():
        if is_ours(found.target):
            room = Module(found.target, module.path).room
            assert room == module.room or room in MAY_IMPORT[module.room], (
                f"{module.where}:{found.line} imports {found.target}; "
                f"{module.room} may import {sorted(MAY_IMPORT[module.room])}"
            )


def test_third_parties_stand_where_they_may(module: Module):
    """No room pulls in a third party that its row does not name."""
    for found in module.imports():
        if is_ours(found.target) or is_standard(found.target):
            continue
        assert found.target.split(".")[0] in MAY_USE[module.room], (
            f"{module.where}:{found.line} imports {found.target}; "
            f"{module.room} may use {sorted(MAY_USE[module.room])}"
        )


def test_functions_hide_no_import(module: Module):
    """Inside a function only a heavy third party is imported."""
    for found in module.imports():
        if found.in_function and not _has_leave(module, found):
            assert found.target.split(".")[0] in HEAVY, (
                f"{module.where}:{found.line} hides the import of {found.target} in a function"
            )


def test_hidden_imports_are_still_there():
    """Every exception in HIDDEN is used, so the list cannot outlive its reasons."""
    present = [(module, found) for module in modules() for found in module.imports() if found.in_function]
    for importer, package in HIDDEN:
        assert any(module.name == importer and _within(found.target, package) for module, found in present), (
            importer,
            package,
        )


def test_pure_rooms_touch_no_world(module: Module):
    """The rooms in the middle import nothing that reads disk, network, clock or chance."""
    if module.room in PURE:
        touched = [
            found.target
            for found in module.imports()
            if not found.for_types and any(_within(found.target, part) for part in WORLD)
        ]
        assert not touched, f"{module.where} is pure, yet imports {touched}"


def test_modules_form_no_cycle():
    """No two modules need each other, even inside one room."""
    graph = {
        module.name: {
            found.target
            for found in module.imports()
            if is_ours(found.target) and not found.for_types and found.target != module.name
        }
        for module in modules()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_nobody_imports_the_server():
    """The library knows nothing of the receiver."""
    for module in modules():
        if module.name.startswith("argus_lab"):
            assert not any(found.target.startswith("argus_server") for found in module.imports()), (
                module.where
            )
