"""``al.show`` of large traces: the page's HTML, beside putting the same spans in order with ``al.steps``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

import argus_lab as al
from argus_lab.frames import pandas_of
from argus_lab.schema import SPANS
from argus_lab.testing import make_span

SIZES = (1_000, 10_000, 33_000, 100_000)
ROUNDS = 5
TEXT = '{"messages": [{"role": "user", "content": "Which of our suppliers deliver on Sundays?"}]}'
ABOVE: dict[str, Callable[[int], int]] = {
    "a tree, four below each": lambda place: (place - 1) // 4,
    "a loop, all below one": lambda _: 0,
    "a chain of 200, again and again": lambda place: place - 1 if place % 200 else 0,
}
"""By shape: the place of a step's parent."""


def measure() -> list[str]:
    """Lines of the table."""
    lines = [
        f"one trace of so many spans with texts, as pandas has them; medians of {ROUNDS} in turns",
        "",
        f"{'shape':34}{'spans':>9}{'show s':>9}{'steps s':>9}{'ratio':>7}{'lines':>7}{'kB':>7}",
    ]
    for shape in ABOVE:
        lines += [_line(shape, size) for size in SIZES]
    return [*lines, "", *(_first(shape, 33_000) for shape in ABOVE)]


def trace_of(shape: str, size: int) -> Any:
    """A trace of that shape, as a frame of pandas."""
    above, whose = ABOVE[shape], make_span(0)["trace_id"]
    rows = [
        make_span(
            1 + place % 3,
            trace_id=whose,
            span_id=f"{place + 1:016x}",
            parent_span_id=f"{above(place) + 1:016x}" if place else None,
            name=f"step {place % 7}",
            component_name=None,
            input=TEXT,
        )
        for place in range(size)
    ]
    return pandas_of(pa.Table.from_pylist(rows, schema=SPANS.arrow()))


def _line(shape: str, size: int) -> str:
    frame = trace_of(shape, size)
    walls: dict[str, list[float]] = {"show": [], "steps": []}
    made = ""
    for _ in range(ROUNDS):
        began = time.perf_counter()
        made = al.show(frame)._repr_html_()
        shown = time.perf_counter()
        al.steps(frame)
        walls["show"].append(shown - began)
        walls["steps"].append(time.perf_counter() - shown)
    show, steps = (statistics.median(walls[name]) for name in ("show", "steps"))
    numbers = f"{show:9.2f}{steps:9.2f}{show / steps:7.1f}"
    return f"{shape:34}{size:9,}{numbers}{made.count('<summary'):7,}{len(made.encode()) / 1000:7,.0f}"


def _first(shape: str, size: int) -> str:
    """The first one of a process, which also loads what it needs."""
    code = (
        "import time, argus_lab as al; from bench.showing import trace_of; "
        f"frame = trace_of({shape!r}, {size}); began = time.perf_counter(); al.show(frame)._repr_html_(); "
        f"print(f'the first one of a process, {shape}, {size:,} spans: {{time.perf_counter() - began:.2f}} s')"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return told.stdout.strip()


if __name__ == "__main__":
    print("\n".join(measure()))
