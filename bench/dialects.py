"""Dialects: what it costs to know them all, beside knowing those alone that the requests speak.

The same requests are translated to rows (decode, admit, columns, row), as the keeper does, in processes
of their own: in turn with every dialect, and with Argus' own and OpenTelemetry's, which fill every column
that these requests fill. Processor time is compared in pairs, so that a busy
machine disturbs both alike; instructions, which nothing disturbs, are counted on request.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from argus_lab.conventions import argus, combine, otel_genai
from argus_lab.lake.journal import Entry, Record
from argus_lab.lake.translate import translated
from bench import payloads

PAIRS = 9
BODIES = 40
COUNTED_BODIES = 4
SETS = ("all", "two")
ALLOWED = 1.15
"""How much longer all dialects may take than two."""


def measure(pairs: int = PAIRS) -> list[str]:
    """Lines of the table."""
    spent: dict[str, list[float]] = {name: [] for name in SETS}
    for number in range(pairs):
        for name in SETS if number % 2 else SETS[::-1]:
            spent[name].append(_seconds(name))
    ratios = sorted(every / two for every, two in zip(spent["all"], spent["two"], strict=True))
    ratio = statistics.median(ratios)
    spans = BODIES * payloads.SPANS_A_REQUEST
    lines = [
        f"{BODIES} requests of {payloads.SPANS_A_REQUEST} spans to rows, {pairs} pairs of processes, processor time.",
        "",
        f"{'all dialects':16}{statistics.median(spent['all']) / spans * 1e6:8.1f} us a span",
        f"{'two dialects':16}{statistics.median(spent['two']) / spans * 1e6:8.1f} us a span",
        f"{'ratio':16}{ratio:8.3f} (median of pairs; {ratios[0]:.3f} to {ratios[-1]:.3f}; at most {ALLOWED} is allowed)",
    ]
    return [*lines, "", "python -m bench.dialects instructions counts them with valgrind, in some minutes"]


def _seconds(name: str) -> float:
    return float(_ran([sys.executable, "-m", "bench.dialects", name, str(BODIES)]))


def _instructions() -> str:
    """The ratio in instructions; starting Python is left out by counting twice, with more requests and less."""
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: instructions cannot be counted")
    counts = {name: _counted(name, 2 * COUNTED_BODIES) - _counted(name, COUNTED_BODIES) for name in SETS}
    a_span = {name: count / COUNTED_BODIES / payloads.SPANS_A_REQUEST for name, count in counts.items()}
    return (
        f"{'instructions':16}{a_span['all'] / 1e3:8.0f} thousand a span with all dialects, "
        f"{a_span['two'] / 1e3:.0f} with two: ratio {counts['all'] / counts['two']:.3f}"
    )


def _counted(name: str, bodies: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "counts")
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        _ran([*tool, sys.executable, "-m", "bench.dialects", name, str(bodies)])
        found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
        assert found is not None, "callgrind told no sum"
        return int(found[1])


def _ran(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _translate(name: str, bodies: int) -> float:
    """Processor seconds of translating, once every shape of span is known."""
    if name == "two":
        vars(combine)["DIALECTS"] = (argus.DIALECT, otel_genai.DIALECT)
    sent = payloads.bodies(bodies, "protobuf", seed=3)
    records = [Record(Entry(1, "protobuf", None, body), number) for number, body in enumerate(sent)]
    assert len(translated("warm", records[:1]).spans) == payloads.SPANS_A_REQUEST
    began = time.process_time()
    rows = translated("measured", records).spans
    ended = time.process_time()
    assert len(rows) == bodies * payloads.SPANS_A_REQUEST
    return ended - began


if __name__ == "__main__":
    print(_instructions() if sys.argv[1] == "instructions" else _translate(sys.argv[1], int(sys.argv[2])))
