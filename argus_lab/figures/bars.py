"""What is drawn in the rows of a waterfall: bars, density strips, marks and the critical path, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argus_lab.figures.formats import count, duration, plain, plural
from argus_lab.figures.theme import KINDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from argus_lab.figures.collapsing import Row

    Floats = NDArray[np.float64]

__all__ = ["Waterfall", "concurrency", "kinds_of", "laid_out", "merged"]

BINS = 48
"""Pieces of a density strip."""
PIECES = 600
"""Pieces of the critical path that can be told apart across a screen."""
DEEPEST = 14
"""Indentation stops here; the tooltip says the depth."""
LABEL = 40


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All that is drawn. ``y`` is the number of the row, times are milliseconds since the trace began."""

    bars: pd.DataFrame
    """A row each: y, left, right, colour, kind, form, label, length, head and lines of the tooltip."""
    strips: pd.DataFrame
    """Of rows with many spans: y, left, right, colour, alpha."""
    failed: pd.DataFrame
    """Where errors are: y, x."""
    path: pd.DataFrame
    """The critical path: y, left, right."""


def laid_out(steps: pd.DataFrame, path: pd.DataFrame, rows: Sequence[Row]) -> Waterfall:
    """The rows of a trace as what is drawn.

    Parameters
    ----------
    steps
        What :func:`argus_lab.measures.steps.steps` gives for the trace.
    path
        What :func:`argus_lab.measures.critical_path.critical_path` gives for it.
    rows
        Of :func:`argus_lab.figures.collapsing.rows`, made of the same steps.
    """
    start = steps["offset_ms"].to_numpy(dtype="float64", na_value=np.nan)
    end = start + steps["duration_ms"].to_numpy(dtype="float64", na_value=np.nan)
    is_error = (steps["status"] == "ERROR").to_numpy(dtype=bool, na_value=False)
    kinds = kinds_of(steps)
    bars, strips, failed = [], [], []
    for y, row in enumerate(rows):
        members = np.asarray(row.members)
        first, last = _extent(start[members], end[members])
        found = {kinds[member] for member in row.members}
        kind = found.pop() if len(found) == 1 else "other"
        bars.append(
            {"y": y, "left": first, "right": last, "kind": kind, "colour": KINDS[kind].colour}
            | _texts(row, steps, kind, int(is_error[members].sum()))
        )
        if row.form != "span":
            strips += _strip(y, start[members], end[members], KINDS[kind].colour)
        failed += _errors(y, end[members][is_error[members]], (first, last))
    return Waterfall(
        pd.DataFrame(bars),
        pd.DataFrame(strips, columns=["y", "left", "right", "colour", "alpha"]),
        pd.DataFrame(failed, columns=["y", "x"]),
        _path(steps, path, rows),
    )


def kinds_of(steps: pd.DataFrame) -> list[str]:
    """The kind (in :data:`~argus_lab.figures.theme.KINDS`) of each step."""
    found = [pd.factorize(steps[name]) for name in ("component_type", "step_kind", "span_type")]
    distinct, at = np.unique(np.column_stack([places for places, _ in found]), axis=0, return_inverse=True)
    kinds = [
        kind_of(
            *(values[place] if place >= 0 else None for place, (_, values) in zip(row, found, strict=True))
        )
        for row in distinct
    ]
    return [kinds[place] for place in at.ravel()]


def concurrency(start: Floats, end: Floats, edges: Floats) -> Floats:
    """How many spans run in each piece between two edges, on average.

    Examples
    --------
    >>> concurrency(np.array([0.0, 1.0]), np.array([2.0, 2.0]), np.array([0.0, 1.0, 2.0, 4.0])).tolist()
    [1.0, 2.0, 0.0]
    """

    def before(moments: Floats) -> Floats:
        ordered = np.sort(moments)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        passed = np.searchsorted(ordered, edges)
        return np.asarray(edges * passed - sums[passed], dtype=np.float64)

    return np.asarray(np.diff(before(start) - before(end)) / np.diff(edges), dtype=np.float64)


def merged(pieces: pd.DataFrame, longest_gap: float) -> pd.DataFrame:
    """Pieces (y, left, right) of one row that touch, or nearly so, as one; in order of time.

    Examples
    --------
    >>> pieces = pd.DataFrame({"y": [1, 1, 2], "left": [0.0, 1.0, 3.0], "right": [1.0, 2.0, 4.0]})
    >>> merged(pieces, 0.1).values.tolist()
    [[1.0, 0.0, 2.0], [2.0, 3.0, 4.0]]
    """
    ordered = pieces.sort_values(["y", "left"], ignore_index=True)
    gap = ordered["left"] - ordered.groupby("y")["right"].cummax().shift()
    part = ((ordered["y"] != ordered["y"].shift()) | (gap > longest_gap)).cumsum()
    joined = ordered.groupby(part).agg(y=("y", "first"), left=("left", "min"), right=("right", "max"))
    return joined.reset_index(drop=True)


def _extent(start: Floats, end: Floats) -> tuple[float, float]:
    known = np.isfinite(start)
    if not known.any():
        return float("nan"), float("nan")
    ends = np.where(np.isfinite(end), end, start)[known]
    return float(start[known].min()), float(ends.max())


def _strip(y: int, start: Floats, end: Floats, colour: str) -> list[dict[str, object]]:
    """Pieces over the extent of a row, the darker the more of its spans ran then."""
    known = np.isfinite(start) & np.isfinite(end)
    if not known.any() or (first := start[known].min()) >= (last := end[known].max()):
        return []
    edges = np.linspace(first, last, BINS + 1)
    running = concurrency(start[known], end[known], edges)
    share = running / running.max()
    return [
        {"y": y, "left": left, "right": right, "colour": colour, "alpha": round(0.25 + 0.75 * part, 2)}
        for left, right, part in zip(edges[:-1], edges[1:], share, strict=True)
        if part > 1e-6  # noqa: PLR2004  sums of floats are seldom 0
    ]


def _errors(y: int, ends: Floats, extent: tuple[float, float]) -> list[dict[str, float]]:
    """Marks where spans failed: at most one in each piece of the row."""
    known = ends[np.isfinite(ends)]
    if not len(known):
        return []
    first, last = extent
    width = (last - first) / BINS or 1.0
    _, chosen = np.unique(np.floor((known - first) / width), return_index=True)
    return [{"y": y, "x": float(known[place])} for place in chosen]


def _path(steps: pd.DataFrame, path: pd.DataFrame, rows: Sequence[Row]) -> pd.DataFrame:
    ids = steps["span_id"].tolist()
    row_of = {ids[member]: y for y, row in enumerate(rows) for member in reversed(row.members)}
    found = [row_of.get(span) for span in path["span_id"].tolist()]
    known = path[np.array([y is not None for y in found], dtype=bool)]
    pieces = pd.DataFrame(
        {
            "y": [y for y in found if y is not None],
            "left": known["offset_ms"].to_numpy(dtype="float64"),
            "right": (known["offset_ms"] + known["duration_ms"]).to_numpy(dtype="float64"),
        }
    )
    if pieces.empty or len(pieces) <= PIECES:
        return pieces
    resolution = float(pieces["right"].max() - pieces["left"].min()) / PIECES
    return merged(pieces, resolution)


def _texts(row: Row, steps: pd.DataFrame, kind: str, errors: int) -> dict[str, str]:
    """Label, length and tooltip of a row."""
    first = steps.iloc[row.members[0]]
    failed = "failed" if row.form == "span" else f"{count(errors)} failed"
    mark = f" · {failed}" * bool(errors)
    name = plain(first["label"], LABEL) or "(no name)"
    indent = "\u00a0\u00a0" * min(row.depth, DEEPEST)
    if row.form == "span":
        return {
            "form": row.form,
            "label": f"{indent}{KINDS[kind].symbol} {name}{mark}",
            "length": duration(first["duration_ms"]),
            "head": plain(first["label"]),
            **_one(first, kind, row.depth),
        }
    found = steps["duration_ms"].to_numpy(dtype="float64", na_value=np.nan)[row.members]
    known = found[np.isfinite(found)]
    many = count(len(row.members))
    words = f"×{many} {name}" if row.form == "collapsed" else f"… {many} more"
    total = float(known.sum()) if len(known) else None
    return {
        "form": row.form,
        "label": f"{indent}{KINDS[kind].symbol if row.form == 'collapsed' else '+'} {words}{mark}",
        "length": f"Σ {duration(total)}",
        "head": f"{many} × {plain(first['label'])}" if row.form == "collapsed" else f"{many} more spans",
        "what": _kind(first, kind) if row.form == "collapsed" else "smaller branches, summed up in one row",
        "when": _many(known, total),
        "usage": "",
        "problem": f"✕ {plural(errors, 'error')}" if errors else "",
        "keys": "",
    }


def _many(known: Floats, total: float | None) -> str:
    if not len(known):
        return "durations unknown"
    middle, longest = float(np.median(known)), float(known.max())
    return f"{duration(total)} together, median {duration(middle)}, longest {duration(longest)}"


def _one(step: pd.Series, kind: str, depth: int) -> dict[str, str]:
    model = plain(step["request_model"], 60)
    used = [
        f"{count(step[f'{way}_tokens'])} tokens {side}" for way, side in (("input", "in"), ("output", "out"))
    ]
    has_usage = pd.notna(step["input_tokens"]) or pd.notna(step["output_tokens"])
    problem = ": ".join(
        part for part in (plain(step["error_type"], 80), plain(step["error_message"], 240)) if part
    )
    is_error = step["status"] == "ERROR"
    return {
        "what": _kind(step, kind),
        "when": (
            f"starts after {duration(step['offset_ms'])}, takes {duration(step['duration_ms'])}, "
            f"{duration(step['self_ms'])} of it itself"
        ),
        "usage": ", ".join([model] * bool(model) + used * bool(has_usage)),
        "problem": f"✕ {problem or 'failed, without a message'}" if is_error else problem,
        "keys": f"depth {depth}, span {plain(step['span_id'], 40)}",
    }


def _kind(step: pd.Series, kind: str) -> str:
    name, service = plain(step["name"], 80), plain(step["service"], 60)
    return " · ".join(part for part in (KINDS[kind].words, name, service) if part)
