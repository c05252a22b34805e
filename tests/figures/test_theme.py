"""The theme: contrast on every ground, colours apart for every eye, nothing by colour alone."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from argus_lab.figures.theme import (
    ACCENT,
    CSS,
    ERROR,
    GROUNDS,
    KINDS,
    QUIET,
    RULE,
    SERIES,
    TOOLTIP,
    contrast,
    kind_of,
)
from argus_lab.schema import COMPONENT_TYPES, SPAN_TYPES, STEP_KINDS

DRAWN = (
    {kind.colour for kind in KINDS.values()} | {look.colour for look in SERIES} | {ERROR, RULE, QUIET, ACCENT}
)

EYES = {
    "all cones": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
"""Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB."""


def _linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _oklab(linear: np.ndarray) -> np.ndarray:
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(linear, 0, 1))


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS.keys())
def test_what_is_drawn_stands_out(ground: str):
    """Bars, lines and marks reach 3 to 1 on light and dark pages (WCAG 2.2, 1.4.11)."""
    assert {
        colour: round(contrast(colour, ground), 2) for colour in DRAWN if contrast(colour, ground) < 3
    } == {}


def test_text_stands_out_on_the_ground_it_comes_with():
    """The card's own text, quiet text and tooltips reach 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    text, quiet = (re.search(rf"--argus-{name}:.*?(#\w{{6}})", CSS)[1] for name in ("text", "quiet"))
    ground = re.search(r"--argus-ground:.*?(#\w{6})", CSS)[1]
    assert min(contrast(text, ground), contrast(quiet, ground)) >= 4.5
    assert min(contrast(TOOLTIP[name], TOOLTIP["ground"]) for name in ("text", "quiet")) >= 4.5


def test_text_and_ground_come_from_the_same_host():
    """Each fallback chain asks JupyterLab, then VS Code, then says dark on white: never one of each."""
    for name in ("ground", "text", "quiet"):
        assert re.search(rf"--argus-{name}: var\(--jp-\S+, var\(--vscode-\S+, #\w{{6}}\)\);", CSS)


@pytest.mark.parametrize("eye", EYES.values(), ids=EYES.keys())
def test_series_are_apart_for_every_eye(eye):
    """With any cones missing no two series look the same: a distance of 0.06 in OKLab at least."""
    seen = {look.colour: _oklab(np.array(eye) @ _linear(look.colour)) for look in SERIES}
    near = [
        (one, two)
        for one, two in itertools.combinations(seen, 2)
        if np.linalg.norm(seen[one] - seen[two]) < 0.06
    ]
    assert not near


def test_nothing_is_told_by_colour_alone():
    """Each kind has a symbol and a name of its own; series differ in marker and hatch as well."""
    assert len({kind.symbol for kind in KINDS.values()}) == len(KINDS)
    assert len({kind.words for kind in KINDS.values()}) == len(KINDS)
    assert len({look.marker for look in SERIES}) == len({look.hatch for look in SERIES}) == len(SERIES)


def test_every_step_has_a_kind():
    """Each component type has a look of its own, and every combination of kinds finds one."""
    assert set(COMPONENT_TYPES) <= KINDS.keys()
    for found in itertools.product([None, *COMPONENT_TYPES], [None, *STEP_KINDS], [None, *SPAN_TYPES]):
        assert kind_of(*found) in KINDS
