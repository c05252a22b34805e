"""A trace over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.errors import InvalidArgument
from argus_lab.figures import canvas
from argus_lab.figures.bars import Waterfall, laid_out
from argus_lab.figures.collapsing import rows
from argus_lab.figures.formats import count, duration, plain, plural, time_unit, widened, width
from argus_lab.figures.reading import in_memory, only
from argus_lab.figures.theme import ERROR, KINDS, RULE, Sizes
from argus_lab.measures.critical_path import critical_path
from argus_lab.measures.steps import steps

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.plotting import figure

    from argus_lab.figures.collapsing import Row

__all__ = ["waterfall"]

FEWEST = 3
TITLE = "Trace"
LINES = ("what", "when", "usage", "problem", "keys")


def waterfall(spans: Any, *, max_rows: int = 60) -> figure:
    """One trace as a waterfall: a row a span, indented, along the time since the trace began.

    Up to ``max_rows`` spans have a row each. In larger traces siblings of one label share a row,
    ``×412 search``, with the sum of their durations; its strip is the darker the more of them ran. What is
    still too much is summed up as ``… 34 more``. The title says how many spans are inside such rows.

    The line below the bars is the critical path: what the trace waited for. ``✕`` marks errors. The symbol
    before a name says what kind of step it is. Drag to zoom into a stretch of time.

    Parameters
    ----------
    spans
        A frame of the spans of one trace, of any kind (:func:`~argus_lab.measures.steps.steps`).
    max_rows
        How many rows there may be, at least 3.

    Returns
    -------
    bokeh.plotting.figure

    Raises
    ------
    InvalidArgument
        The spans are of several traces.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.traces import waterfall
    >>> spans = al.open(tiny_lake).spans(project="customer-bot")
    >>> drawn = waterfall(spans[spans.trace_id == spans.trace_id[0]])
    >>> drawn.xaxis.axis_label
    'time since the trace began (s)'
    """
    if max_rows < FEWEST:
        raise InvalidArgument(f"max_rows={max_rows}: a waterfall needs {FEWEST} rows or more.")
    traces = only(spans, "trace_id", "waterfall")
    if not traces:
        return canvas.nothing(TITLE, "There are no spans in this frame, so there is no trace to draw.")
    if len(traces) > 1:
        raise InvalidArgument(
            f"waterfall draws one trace, and the frame has {count(len(traces))}. Choose one, such as "
            f"spans[spans.trace_id == {traces[0]!r}], or draw a session with session_timeline(spans)."
        )
    found = in_memory(steps(spans))
    if not found["offset_ms"].notna().any():
        return canvas.nothing(
            TITLE, "No span of this trace has a start, so there is no time to draw it along."
        )
    chosen = rows(*_shape(found), max_rows=max_rows)
    return _drawn(laid_out(found, in_memory(critical_path(spans)), chosen), _words(found, chosen))


def _shape(found: pd.DataFrame) -> tuple[list[int], list[str], list[float]]:
    """Depths, labels and weights. A failed span weighs more than any that is only long."""
    lengths = found["duration_ms"].fillna(0.0)
    heavy = lengths.sum() + 1.0
    weights = lengths + heavy * (found["status"] == "ERROR").fillna(value=False).astype(float)
    return [int(d) for d in found["depth"]], [plain(x) for x in found["label"]], weights.tolist()


def _words(found: pd.DataFrame, chosen: list[Row]) -> tuple[str, str]:
    """Title and subtitle."""
    inside = sum(len(row.members) for row in chosen if row.form != "span")
    offset = found["offset_ms"]
    wall = (offset + found["duration_ms"]).max() - offset.min()
    errors = int((found["status"] == "ERROR").sum())
    parts = [f"trace {plain(found['trace_id'].iloc[0], 40)}", plural(len(found), "span"), duration(wall)]
    parts += [plural(errors, "error")] * bool(errors)
    parts += [f"{count(inside)} of the spans are inside {_collapsed(chosen)}"] * bool(inside)
    return plain(found["label"].iloc[0], 70) or TITLE, canvas.lines(parts)


def _collapsed(chosen: list[Row]) -> str:
    return plural(sum(row.form != "span" for row in chosen), "collapsed row")


def _drawn(shown: Waterfall, words: tuple[str, str]) -> figure:
    bars = shown.bars
    last = bars["right"].max() if bars["right"].notna().any() else 1.0
    first = min(0.0, bars["left"].min()) if bars["left"].notna().any() else 0.0
    size, unit = time_unit(last - first)
    margin = (last - first or 1.0) * 0.012 / size
    cells = max(width(label) for label in bars["label"])
    drawn = canvas.canvas(
        *words,
        min_border_left=round(cells * Sizes.CELL) + 14,
        height=len(bars) * Sizes.ROW + 150,
        x_range=canvas.extent(first / size - margin, last / size + margin),
        y_range=canvas.extent(len(bars) - 0.4, -0.6),
    )
    drawn.ygrid.visible = False
    canvas.number_axis(drawn.xaxis[0], f"time since the trace began ({unit})")
    labels = {float(y): widened(label, cells) for y, label in enumerate(bars["label"])}
    canvas.labelled(drawn.yaxis[0], labels, mono=True)
    _lengths(drawn, bars)
    _marks(drawn, shown, size)
    return drawn


def _lengths(drawn: figure, bars: pd.DataFrame) -> None:
    """The durations in a column at the right, their ends below each other."""
    cells = max(width(length) for length in bars["length"])
    right = canvas.LinearAxis()
    drawn.add_layout(right, "right")
    canvas.labelled(
        right, {y: widened(x, cells, right=True) for y, x in enumerate(bars["length"])}, mono=True
    )


def _marks(drawn: figure, shown: Waterfall, size: float) -> None:
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for kind, look in KINDS.items():
        of_kind = shown.bars[(shown.bars["kind"] == kind) & shown.bars["left"].notna()]
        if of_kind.empty:
            continue
        alpha = [look.fill if form == "span" else 0.0 for form in of_kind["form"]]
        source = canvas.source(_scaled(of_kind, size) | {"alpha": alpha})
        bars = drawn.hbar(
            y="y", left="left", right="right", height=0.56, source=source,
            fill_color=look.colour, fill_alpha="alpha", line_color=look.colour, line_width=1,
        )  # fmt: skip
        hovered.append(bars)
        items.append((f"{look.symbol} {look.words}", [bars]))
    if len(shown.strips):
        drawn.hbar(
            y="y", left="left", right="right", height=0.56, source=canvas.source(_scaled(shown.strips, size)),
            fill_color="colour", fill_alpha="alpha", line_color=None,
        )  # fmt: skip
    if len(shown.path):
        path = drawn.segment(
            x0="left", x1="right", y0="under", y1="under", source=canvas.source(_under(shown.path, size)),
            line_color=RULE, line_width=3, line_cap="butt",
        )  # fmt: skip
        items.append(("critical path", [path]))
    if len(shown.failed):
        failed = drawn.scatter(
            x="x",
            y="y",
            marker="x",
            size=10,
            source=canvas.source(_scaled(shown.failed, size)),
            line_color=ERROR,
            line_width=3,
        )
        items.append(("✕ error", [failed]))
    canvas.tooltip(drawn, hovered, "head", LINES)
    canvas.legend(drawn, items)


def _scaled(frame: pd.DataFrame, size: float) -> dict[str, list[Any]]:
    times = [name for name in ("left", "right", "x") if name in frame.columns]
    scaled = frame.assign(**{name: frame[name] / size for name in times})
    return {str(name): scaled[name].tolist() for name in scaled.columns}


def _under(path: pd.DataFrame, size: float) -> dict[str, list[Any]]:
    """The path's pieces a little below their bars."""
    scaled = _scaled(path, size)
    return scaled | {"under": [y + 0.4 for y in scaled["y"]]}
