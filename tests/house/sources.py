"""The repository as values: its Python modules, their imports, its text files."""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {"argus_lab": ROOT / "argus_lab", "argus_server": ROOT / "server" / "argus_server"}

NOT_OURS = {".git", ".venv", "build", "node_modules", "__pycache__", ".ipynb_checkpoints", "lake"} | {
    "demo-lake"
}
"""Folders that no commit holds; also every folder that ends in ``_cache`` or ``.egg-info``."""

TEXT = {".py", ".pyi", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ".sh", ".mjs", ".js", ".cjs"} | {
    ".ts",
    ".css",
    ".svg",
    ".cfg",
    ".ipynb",
    "",
}


@dataclass(frozen=True)
class Import:
    """One import statement's target, as a full module name, and where it stands."""

    target: str
    line: int
    in_function: bool
    for_types: bool


@dataclass(frozen=True)
class Module:
    """One Python module of the two packages."""

    name: str
    path: Path

    @property
    def room(self) -> str:
        """The part of the house it belongs to: ``lake`` of ``argus_lab.lake.journal``."""
        top, *rest = self.name.split(".")
        return (rest[0] if rest else "__init__") if top == "argus_lab" else top

    @property
    def where(self) -> str:
        """Its path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def imports(self) -> list[Import]:
        """Everything it imports, function bodies and type-checking blocks included."""
        return list(_imports(self.tree(), self.name, in_function=False, for_types=False))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of argus_lab and argus_server."""
    found = []
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found.append(Module(".".join((package, *parts)).removesuffix(".__init__"), path))
    return tuple(found)


def files(*suffixes: str) -> list[Path]:
    """Every text file a commit would hold; with suffixes, only those."""
    wanted = set(suffixes) or TEXT
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in NOT_OURS and Path(folder, name) != ROOT / "bench" / "work" and not _is_cache(name)
        ]
        found += [Path(folder, name) for name in names if Path(name).suffix in wanted]
    return sorted(path for path in found if path.name not in {"package-lock.json", ".coverage"})


def is_standard(module: str) -> bool:
    """Whether a module is Python's own."""
    return module.split(".", maxsplit=1)[0] in sys.stdlib_module_names


def is_ours(module: str) -> bool:
    """Whether a module is one of the two packages'."""
    return module.split(".", maxsplit=1)[0] in PACKAGES


def _is_cache(name: str) -> bool:
    return name.endswith(("_cache", ".egg-info")) or name == ".hypothesis"


def _imports(node, module, *, in_function, for_types):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, in_function, for_types)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module} line {child.lineno}: a relative import"
            for alias in child.names:
                yield Import(_target(child.module or "", alias.name), child.lineno, in_function, for_types)
        else:
            yield from _imports(
                child,
                module,
                in_function=in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef),
                for_types=for_types or _guards_types(child),
            )


def _target(origin: str, name: str) -> str:
    """``from argus_lab.lake import journal`` imports the module; ``... import read`` its parent."""
    return f"{origin}.{name}" if f"{origin}.{name}" in _names() else origin


@cache
def _names() -> set[str]:
    return {module.name for module in modules()}


def _guards_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
