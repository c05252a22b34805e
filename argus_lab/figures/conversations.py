"""A conversation over time, and what fills its prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argus_lab.errors import InvalidArgument
from argus_lab.figures import canvas
from argus_lab.figures.formats import count, duration, plain, plural
from argus_lab.figures.lanes import LANES, Clock, cut, in_lanes
from argus_lab.figures.reading import in_memory, only
from argus_lab.figures.theme import ERROR, GRID, QUIET, RULE, SERIES, Sizes
from argus_lab.figures.usage import layer_look, stacked
from argus_lab.measures.context_growth import context_growth as grown
from argus_lab.measures.steps import steps

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["context_growth", "session_timeline"]

LANE = 40
"""Pixels of a lane."""
LABELLED = 14
"""So many pauses have room for their lengths; tooltips have them all."""
PARTS = {
    "system": "system prompt",
    "tools": "tool definitions",
    "resent": "sent before",
    "new": "new",
}


def session_timeline(spans: Any) -> figure:
    """A session in lanes: user, assistant, model, tools, external resources.

    Long pauses, such as those in which the user thinks, are cut out: a hatched strip stands in their place,
    and how long they were above it. Agents and middleware have no lane; the title says how many spans those
    are.

    Parameters
    ----------
    spans
        A frame of the spans of one session, of any kind (:func:`~argus_lab.measures.steps.steps`).

    Raises
    ------
    InvalidArgument
        The spans are of several sessions.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.conversations import session_timeline
    >>> spans = al.open(tiny_lake).spans()
    >>> drawn = session_timeline(spans[spans.session_id == spans.session_id[0]])
    >>> drawn.xaxis.axis_label
    'time (UTC); long pauses are cut out'
    """
    read = in_memory(steps(spans))
    session = _session(read, "session_timeline")
    if session is None:
        return canvas.nothing("Session", "There are no spans in this frame, so there is no session to draw.")
    shown = in_lanes(read)
    if shown.empty:
        return canvas.nothing(
            f"Session {session}", "None of its spans is a message, a model call, a tool or a resource."
        )
    clock = cut(shown["start"].to_numpy(), shown["end"].to_numpy())
    left_out = len(read) - len(shown)
    parts = [
        plural(read["trace_id"].nunique(), "turn"),
        duration(float(shown["end"].max() - shown["start"].min())),
        plural(len(shown), "step"),
    ]
    parts += [f"{plural(left_out, 'span')} of agents and middleware not drawn"] * bool(left_out)
    return _timeline((f"Session {session}", canvas.lines(parts)), shown, clock, read["start_time"].min())


def _session(read: pd.DataFrame, by: str) -> str | None:
    """The session that all steps are of; None where there is none."""
    sessions = only(read, "session_id", by)
    if len(sessions) > 1:
        raise InvalidArgument(
            f"{by} draws one session, and the frame has {count(len(sessions))}. Choose one, such as "
            f"spans[spans.session_id == {sessions[0]!r}]."
        )
    return plain(sessions[0], 60) if sessions else None


def _timeline(words: tuple[str, str], shown: pd.DataFrame, clock: Clock, origin: pd.Timestamp) -> figure:
    left, right = clock.drawn(shown["start"].to_numpy()), clock.drawn(shown["end"].to_numpy())
    margin = max((right.max() - left.min()) * 0.012, 1.0)
    drawn = canvas.canvas(
        *words,
        height=len(LANES) * LANE + 140,
        x_range=canvas.extent(left.min() - margin, right.max() + margin),
        y_range=canvas.extent(len(LANES) - 0.5, -0.9),
        min_border_left=96,
    )
    drawn.grid.visible = False
    canvas.labelled(drawn.yaxis[0], dict(enumerate(LANES)))
    drawn.xaxis.axis_label = "time (UTC); long pauses are cut out"
    _clock_ticks(drawn, clock, origin, (float(left.min()), float(right.max())))
    lines = drawn.hspan(y=[n + 0.5 for n in range(len(LANES) - 1)], line_color=GRID)
    lines.level = "underlay"
    _pauses(drawn, clock)
    _steps(
        drawn, shown.assign(left=left, right=right, y=[float(LANES.index(lane)) for lane in shown["lane"]])
    )
    return drawn


def _clock_ticks(drawn: figure, clock: Clock, origin: pd.Timestamp, extent: tuple[float, float]) -> None:
    """The time of day where each stretch begins, and at the end."""
    begins = [extent[0], *clock.pauses["right"], extent[1]]
    apart = (extent[1] - extent[0]) * 0.085
    labels: dict[float, str] = {}
    for at in begins:
        if not labels or at - max(labels) > apart:
            moment = origin + pd.Timedelta(milliseconds=float(np.interp(at, clock.knots[1], clock.knots[0])))
            labels[float(at)] = f"{moment:%H:%M:%S}"
    canvas.labelled(drawn.xaxis[0], labels)


def _pauses(drawn: figure, clock: Clock) -> None:
    pauses = clock.pauses
    if pauses.empty:
        return
    words = [duration(length) for length in pauses["end"] - pauses["start"]]
    source = canvas.source(
        {
            "left": pauses["left"],
            "right": pauses["right"],
            "head": [f"pause of {word}" for word in words],
        }
    )
    strips = drawn.quad(
        left="left", right="right", top=-0.5, bottom=len(LANES) - 0.5, source=source,
        fill_alpha=0.06, fill_color=QUIET, line_color=None,
        hatch_pattern="/", hatch_color=QUIET, hatch_alpha=0.35, hatch_scale=8, hatch_weight=1,
    )  # fmt: skip
    canvas.tooltip(drawn, [strips], "head", [])
    if len(pauses) <= LABELLED:
        for at, word in zip((pauses["left"] + pauses["right"]) / 2, words, strict=True):
            drawn.add_layout(canvas.note(float(at), -0.7, word))


def _steps(drawn: figure, shown: pd.DataFrame) -> None:
    is_message = shown["lane"].isin(["user", "assistant"])
    hovered: list[Any] = []
    columns = ["left", "right", "y", "colour", "head", "when", "usage", "problem"]
    bars = canvas.source(shown.loc[~is_message, columns])
    hovered.append(
        drawn.hbar(
            y="y", left="left", right="right", height=0.52, source=bars,
            fill_color="colour", fill_alpha=0.8, line_color="colour",
        )
    )  # fmt: skip
    said = canvas.source(shown.loc[is_message, columns])
    drawn.segment(x0="left", x1="right", y0="y", y1="y", source=said, line_color=RULE, line_width=Sizes.LINE)
    hovered.append(
        drawn.scatter(x="left", y="y", marker="circle", size=Sizes.MARK + 3, source=said, color=RULE)
    )
    failed = shown[shown["is_error"]]
    if len(failed):
        source = canvas.source(failed[columns])
        marks = drawn.scatter(
            x="right", y="y", marker="x", size=10, source=source, line_color=ERROR, line_width=3
        )
        canvas.legend(drawn, [("✕ error", [marks])])
    canvas.tooltip(drawn, hovered, "head", ["when", "usage", "problem"])


def context_growth(spans: Any) -> figure:
    """What fills the prompts of a session, call by call, and how much of them the cache served.

    Parameters
    ----------
    spans
        A frame of the spans of one session with all columns (``lake.spans(columns="all")``).

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.conversations import context_growth
    >>> spans = al.open(tiny_lake).spans(columns="all")
    >>> drawn = context_growth(spans[spans.session_id == spans.session_id[0]])
    >>> drawn.title.text.text
    'What fills the prompt'
    """
    title = "What fills the prompt"
    session = _session(in_memory(steps(spans)), "context_growth")
    if session is None:
        return canvas.nothing(title, "There are no spans in this frame, so there is no prompt to look at.")
    found = in_memory(grown(spans))
    columns = {name: found[f"{name}_tokens"].to_numpy(dtype=float, na_value=0.0) for name in PARTS}
    layers = pd.concat(
        [
            pd.DataFrame({"time": found["round"].astype(float), "layer": words, "value": columns[name]})
            for name, words in PARTS.items()
        ],
        ignore_index=True,
    )
    layers = stacked(layers[layers["value"] > 0])
    if layers.empty:
        return canvas.nothing(
            title, "No model call of this session has both messages and a number of input tokens."
        )
    parts = [f"session {session}", plural(len(found), "model call"), "parts estimated from characters"]
    missed = found["missed_tokens"].sum()
    parts += [f"a cache could have served {count(missed)} tokens more"] * bool(missed > 0)
    return _growth((title, canvas.lines(parts)), found, layers)


def _growth(words: tuple[str, str], found: pd.DataFrame, layers: pd.DataFrame) -> figure:
    drawn = canvas.canvas(*words)
    drawn.xgrid.visible = False
    canvas.from_zero(drawn)
    drawn.xaxis.axis_label = "model call of the session (number)"
    drawn.xaxis.ticker = canvas.BasicTicker(min_interval=1)
    canvas.number_axis(drawn.yaxis[0], "input tokens", "0,0")
    model = dict(zip(found["round"].astype(float), found["request_model"], strict=True))
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for look, (name, rows) in zip(SERIES, layers.groupby("layer", sort=False), strict=False):
        source = canvas.source(
            {
                "row": [int(number) - 1 for number in rows["time"]],  # rows are calls, in their order
                "x": rows["time"],
                "bottom": rows["bottom"],
                "top": rows["top"],
                "head": [f"{name}: {count(v)} tokens" for v in rows["value"]],
                "share": [
                    f"{v / t:.0%} of {count(t)}" for v, t in zip(rows["value"], rows["total"], strict=True)
                ],
                "model": [f"call {n:.0f}, {plain(model[n], 60)}" for n in rows["time"]],
            }
        )
        bars = drawn.vbar(
            x="x", bottom="bottom", top="top", width=0.78, source=source, **layer_look(look),
        )  # fmt: skip
        items.append((str(name), [bars]))
        hovered.append(bars)
    canvas.tooltip(drawn, hovered, "head", ["share", "model"])
    cached = found[found["cache_read_tokens"].notna()]
    if len(cached):
        items.append(("served by the cache", [_cached(drawn, cached)]))
    canvas.legend(drawn, items, "above")
    return drawn


def _cached(drawn: figure, cached: pd.DataFrame) -> Any:
    """A thick mark over each bar at what the cache served."""
    source = canvas.source(
        {
            "left": cached["round"].astype(float) - 0.45,
            "right": cached["round"].astype(float) + 0.45,
            "y": cached["cache_read_tokens"].astype(float),
            "head": [f"cache served {count(n)} tokens" for n in cached["cache_read_tokens"]],
            "missed": [
                f"it could have served {count(n)} more" if n > 0 else ""
                for n in cached["missed_tokens"].fillna(0)
            ],
        }
    )
    drawn.segment(x0="left", x1="right", y0="y", y1="y", source=source, line_color="#ffffff", line_width=5)
    marks = drawn.segment(
        x0="left", x1="right", y0="y", y1="y", source=source, line_color="#2b2b2b", line_width=3
    )
    canvas.tooltip(drawn, [marks], "head", ["missed"])
    return marks
