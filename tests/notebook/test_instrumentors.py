"""Instrumentors: found by their entry points, one family a library, broken ones told and no harm done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

import argus_lab as al
from argus_lab.notebook.instrumentors import Outcome, installed, turned_on
from tests.notebook.conftest import Kernel, Receiver

PROVIDER = TracerProvider()

MODULE = """
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
import {library}

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return {needs!r}

    def _instrument(self, **kwargs):
        tracer = trace.get_tracer({module!r}, tracer_provider=kwargs.get("tracer_provider"))
        self.before = before = {library}.{function}
        def traced(*args, **kwargs):
            with tracer.start_as_current_span({module!r}):
                return before(*args, **kwargs)
        {library}.{function} = traced

    def _uninstrument(self, **kwargs):
        {library}.{function} = self.before
"""
BROKEN = "raise RuntimeError('made for another version')"
FAILING = MODULE.replace("        tracer =", "        raise RuntimeError('no such method')\n        tracer =")

Install = Callable[..., str]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages, on the path of this process."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    known = set(sys.modules)
    yield place
    for name in set(sys.modules) - known:
        if name.startswith("made_"):
            del sys.modules[name]


def _install(
    site: Path, name: str, distribution: str, *, needs: list[str], code: str = MODULE, requires: str = ""
) -> None:
    """A distribution with an instrumentor of ``fnmatch.translate``, as pip would leave it."""
    module = f"made_{distribution.replace('-', '_')}"
    text = code.format(library="fnmatch", function="translate", needs=needs, module=module)
    (site / f"{module}.py").write_text(text)
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{requires}")
    (info / "entry_points.txt").write_text(f"[opentelemetry_instrumentor]\n{name} = {module}:Instrumentor\n")


def _openinference(site: Path, **given: object) -> None:
    _install(site, "bot", "openinference-instrumentation-bot", needs=["pytest >= 8"], **given)


def _openllmetry(site: Path, **given: object) -> None:
    requires = "Requires-Dist: opentelemetry-semantic-conventions-ai<0.6.0,>=0.5.1\n"
    needs = ["pytest >= 7"]
    _install(site, "bot-sdk", "opentelemetry-instrumentation-bot", needs=needs, requires=requires, **given)


def _turned(site: Path, **options: object) -> dict[str, Outcome]:
    """What becomes of the instrumentors of that folder; all are off again afterwards."""
    found = installed(metadata.distributions(path=[str(site)]))
    outcomes = turned_on(found, PROVIDER, **options)
    for outcome in outcomes:
        if outcome.turned is not None:
            outcome.turned.uninstrument()
    return {outcome.which.distribution: outcome for outcome in outcomes}


def test_one_family_a_library(site: Path):
    """OpenInference is chosen over OpenLLMetry for the same library, and the other says why it is off."""
    _openllmetry(site)
    _openinference(site)
    found = _turned(site)
    assert found["openinference-instrumentation-bot"].state == "on"
    left = found["opentelemetry-instrumentation-bot"]
    assert left.state == "left off"
    assert "openinference-instrumentation-bot is on for the same library" in str(left)


def test_the_other_one_can_be_asked_for(site: Path):
    """By distribution or by name; one that is not installed is told with those that are."""
    _openllmetry(site)
    _openinference(site)
    assert list(_turned(site, only=["opentelemetry-instrumentation-bot"])) == [
        "opentelemetry-instrumentation-bot"
    ]
    assert list(_turned(site, only=["bot"])) == ["openinference-instrumentation-bot"]
    assert _turned(site, only=[]) == {}
    with pytest.raises(
        al.InvalidArgument, match="no instrumentor 'bto' is installed; there are: bot, bot-sdk"
    ):
        _turned(site, only=["bto"])
    with pytest.raises(al.InvalidArgument, match="a list of names"):
        _turned(site, only="bot")


def test_disabled_by_the_standard_variable(site: Path):
    """OTEL_PYTHON_DISABLED_INSTRUMENTATIONS leaves out by name, and * all."""
    _openllmetry(site)
    _openinference(site)
    assert list(_turned(site, disabled="bot, other")) == ["opentelemetry-instrumentation-bot"]
    assert _turned(site, disabled="*") == {}


def test_a_broken_one_stops_nobody(site: Path):
    """One that cannot be loaded is told, and the other family has the library; so is one that fails."""
    _openinference(site, code=BROKEN)
    _openllmetry(site)
    _install(site, "failing", "failing-instrumentation", needs=[], code=FAILING)
    found = _turned(site)
    assert "RuntimeError: made for another version" in str(found["openinference-instrumentation-bot"])
    assert found["opentelemetry-instrumentation-bot"].state == "on"
    assert "cannot be turned on: RuntimeError: no such method" in str(found["failing-instrumentation"])


def test_one_that_is_on_by_hand_stays_and_counts(site: Path):
    """What the user turned on is not turned on again, and the other family stays off its library."""
    _openinference(site)
    _openllmetry(site)
    by_hand = next(w for w in installed(metadata.distributions(path=[str(site)])) if w.name == "bot-sdk")
    instrumentor = by_hand.entry.load()()
    instrumentor.instrument()
    found = _turned(site)
    instrumentor.uninstrument()
    assert str(found["opentelemetry-instrumentation-bot"]).endswith("was on already")
    assert found["openinference-instrumentation-bot"].state == "left off"


def test_versions_that_do_not_fit(site: Path):
    """Without its library an instrumentor is not mentioned; with another version of it, it says so."""
    _install(site, "absent", "absent-instrumentation", needs=["no-such-library >= 1"])
    _install(site, "newer", "newer-instrumentation", needs=["pytest >= 999"])
    found = _turned(site)
    assert list(found) == ["newer-instrumentation"]
    assert found["newer-instrumentation"].state == "left off"
    assert "pytest" in found["newer-instrumentation"].reason


def test_in_a_kernel(site: Path, kernel: Callable[..., Kernel], receiver: Receiver):
    """al.instrument() turns it on, its spans arrive once, running again keeps it, uninstrument() ends it."""
    _openinference(site)
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    here.ok(f"import sys; sys.path.insert(0, {str(site)!r})")
    here.ok("from argus_lab.notebook.instrumenting import instrument\nimport fnmatch")
    told = here.ok("on = instrument('tools', instrumentors=['bot'])\non").text
    assert "Instrumentors on: bot (openinference-instrumentation-bot 1.2)." in told
    here.ok("on = instrument('tools', instrumentors=['bot'])")
    assert here.ok("on.instrumentors").text == "['bot']"
    here.ok("fnmatch.translate('*')")
    here.ok("on.uninstrument()\nfnmatch.translate('*')")
    receiver.flush()
    assert al.open(receiver.lake).count(project="tools") == 1
