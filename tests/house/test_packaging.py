"""What is installed is what is used: dependencies declared, every version pinned, no addresses."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Mapping
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.sources import ROOT, is_ours, is_standard, modules
from tests.house.test_rooms import MAY_USE

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]

EXTRA_OF_ROOM = {"argus_server": ["server", "chat"], "dashboards": ["dash"], "figures": ["dash"]} | {
    "chat": ["chat"],
    "widgets": ["chat"],
    "notebook": ["lab"],
}
"""Room -> extras that must be installed to enter it; other rooms need the bare library only."""

OPTIONAL = {"polars", "pyspark"}
"""Entered only when a user passes such an object or asks for such an engine; MissingExtra otherwise."""


def _names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def _distributions(module: str) -> set[str]:
    top = module.split(".", maxsplit=1)[0]
    if top in {"google", "opentelemetry"}:  # namespaces that several distributions share
        return {"protobuf", "googleapis-common-protos", "opentelemetry-proto", "opentelemetry-sdk"}
    return {canonicalize_name(name) for name in _installed().get(top, [top])}


@cache
def _installed() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def test_what_a_room_imports_is_declared():
    """A room's third parties are dependencies of the library, or of the extra that opens the room."""
    for module in modules():
        extras = [name for extra in EXTRA_OF_ROOM.get(module.room, []) for name in EXTRAS[extra]]
        declared = _names([*PROJECT["dependencies"], *extras])
        for found in module.imports():
            if (
                is_ours(found.target)
                or is_standard(found.target)
                or found.target.split(".", maxsplit=1)[0] in OPTIONAL
            ):
                continue
            assert _distributions(found.target) & declared, f"{module.where}:{found.line} {found.target}"


def test_what_is_declared_is_used():
    """The bare library asks for nothing that no module of it imports."""
    used = {
        name
        for module in modules()
        if module.room not in EXTRA_OF_ROOM
        for found in module.imports()
        if not is_standard(found.target)
        for name in _distributions(found.target)
    }
    indirect = {
        "tzdata": "time zones for pandas on systems that have none",
        "numpy": "what pandas frames are made of; pinned so that both agree",
    }
    assert _names(PROJECT["dependencies"]) - used <= indirect.keys()


def test_no_room_may_use_what_nobody_declares():
    """The import law allows no third party that cannot be installed from here."""
    declared = _names([*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)])
    indirect = {"traitlets", "param", "click"}
    for room, parties in MAY_USE.items():
        for party in parties:
            assert _distributions(party) & (declared | indirect), f"{room}: {party}"


def test_every_dependency_is_pinned_and_within_its_bounds():
    """Each declared dependency has an exact version in constraints.txt that its bounds allow."""
    pinned: dict[str, list[Requirement]] = {}
    for pin in PINS:
        pinned.setdefault(canonicalize_name(pin.name), []).append(pin)
    wanted = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name == PROJECT["name"]:
            continue
        for pin in pinned[canonicalize_name(requirement.name)]:
            (version,) = [specifier.version for specifier in pin.specifier]
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} but {pin}"


def test_pins_are_exact_and_hold_no_address():
    """A constraint is ``name==version``, perhaps with a marker: no URL, no index, no file."""
    for pin in PINS:
        assert pin.url is None
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|^-", text, re.MULTILINE)


def test_all_holds_every_extra():
    """``argus-lab[all]`` is everything a user may enter; the tests' tools are not part of it."""
    (everything,) = EXTRAS["all"]
    assert Requirement(everything).extras == EXTRAS.keys() - {"all", "docs", "test"}


def test_environment_installs_what_the_pins_say():
    """The conda environment uses the same constraints."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-c constraints.txt" in text
    assert "-e .[all,test]" in text
