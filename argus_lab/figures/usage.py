"""Tokens and money over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from argus_lab.errors import InvalidArgument
from argus_lab.figures import canvas
from argus_lab.figures.drawings import Drawing, nothing
from argus_lab.figures.formats import count, plain, plural, usd
from argus_lab.figures.reading import in_memory
from argus_lab.figures.series import OTHERS, largest, named, numbered, span_of
from argus_lab.figures.theme import SERIES, Series
from argus_lab.measures.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bokeh.plotting import figure

__all__ = ["layer_look", "stacked", "tokens_over_time", "usage_drawing", "usage_over_time"]

MOST = len(SERIES) - 1
"""Layers that can be told apart; the last look is for the others."""


def tokens_over_time(
    spans: Any,
    *,
    every: str = "1h",
    by: str | Sequence[str] | None = None,
    values: Literal["tokens", "cost"] = "tokens",
) -> figure:
    """Tokens, or what they cost, over time as stacked bars.

    Tokens are stacked by kind: fresh input, input from and to the cache, output, reasoning. With ``by`` the
    layers are the groups; the six largest have one each, the rest share ``others``. Costs are list prices;
    calls without a price are counted in the title, with their models.

    Parameters
    ----------
    spans
        A frame of spans of any kind (:func:`~argus_lab.measures.tokens.tokens`).
    every
        Length of a stretch of time, such as ``"1d"``.
    by
        A column or several.
    values
        ``"tokens"`` or ``"cost"``.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.usage import tokens_over_time
    >>> drawn = tokens_over_time(al.open(tiny_lake).spans(), every="1m")
    >>> drawn.yaxis.axis_label
    'tokens'
    """
    if values not in {"tokens", "cost"}:
        raise InvalidArgument(f"values={values!r}: 'tokens' or 'cost' is expected.")
    return usage_over_time(
        tokens(spans, every=every, by=by, prices=values == "cost"), every=every, by=by, values=values
    )


def usage_over_time(
    measured: Any,
    *,
    every: str,
    by: str | Sequence[str] | None = None,
    values: Literal["tokens", "cost"] = "tokens",
) -> figure:
    """The same of what :func:`~argus_lab.measures.tokens.tokens` gave for ``every`` and ``by``.

    The bars know the numbers of the rows that they sum up: the column ``row`` of their source.
    """
    return usage_drawing(measured, every=every, by=by, values=values).build()


def usage_drawing(
    measured: Any,
    *,
    every: str,
    by: str | Sequence[str] | None = None,
    values: Literal["tokens", "cost"] = "tokens",
) -> Drawing[figure]:
    """The same, not built yet."""
    title = f"{values.capitalize()} over time, every {every}"
    found = in_memory(measured)
    found = numbered(named(found, by, "cost"))
    found = found[found["time"].notna()]
    if found.empty:
        return nothing(title, "No model call in this frame has both a start and a number of tokens.")
    layers = _by_group(found, values) if by or values == "cost" else _by_kind(found)
    if layers.empty and values == "cost":
        models = ", ".join(sorted(set(", ".join(found["unpriced_models"].dropna()).split(", "))))
        return nothing(title, f"None of the models has a list price: {plain(models, 90)}.")
    if layers.empty:
        return nothing(title, "The model calls of this frame used no token.")
    return _drawing((title, _said(found, layers, values)), stacked(layers), span_of(every), values)


def stacked(layers: pd.DataFrame) -> pd.DataFrame:
    """Layers (time, layer, value, in the order of stacking) with ``bottom`` and ``top``.

    Examples
    --------
    >>> layers = pd.DataFrame({"time": [1, 1, 2], "layer": ["a", "b", "b"], "value": [2.0, 3.0, 4.0]})
    >>> stacked(layers)[["bottom", "top"]].values.tolist()
    [[0.0, 2.0], [2.0, 5.0], [0.0, 4.0]]
    """
    top = layers.groupby("time")["value"].cumsum()
    total = layers.groupby("time")["value"].transform("sum")
    return layers.assign(bottom=top - layers["value"], top=top, total=total)


def layer_look(look: Series) -> dict[str, Any]:
    """Fill, outline and hatch of a layer."""
    fill = {"fill_color": look.colour, "line_color": look.colour, "line_width": 0.5}
    hatch = {"hatch_pattern": look.hatch, "hatch_color": "#ffffff", "hatch_alpha": 0.4}
    return fill | hatch | {"hatch_scale": 8, "hatch_weight": 1}


def _by_kind(found: pd.DataFrame) -> pd.DataFrame:
    """What the tokens were: input is taken apart as far as senders told."""
    number = {
        name: found[f"{name}_tokens"].to_numpy(dtype=float, na_value=0.0)
        for name in ("input", "output", "cache_read", "cache_write", "reasoning")
    }
    kinds = {
        "fresh input": np.maximum(number["input"] - number["cache_read"] - number["cache_write"], 0.0),
        "read from cache": number["cache_read"],
        "written to cache": number["cache_write"],
        "output": np.maximum(number["output"] - number["reasoning"], 0.0),
        "reasoning": np.minimum(number["reasoning"], number["output"]),
    }
    rows = [[row] for row in found["row"]]
    frames = [
        pd.DataFrame({"time": found["time"], "layer": name, "value": value, "row": rows})
        for name, value in kinds.items()
    ]
    layers = pd.concat(frames, ignore_index=True)
    return layers[layers["value"] > 0]


def _by_group(found: pd.DataFrame, values: str) -> pd.DataFrame:
    name = "total_tokens" if values == "tokens" else "cost_usd"
    value = found[name].to_numpy(dtype=float, na_value=0.0)
    layers = pd.DataFrame(
        {"time": found["time"], "group": found["group"], "value": value, "row": found["row"]}
    )
    layers = layers[layers["value"] > 0]
    names, left_out = largest(layers, "value", MOST)
    layer = layers["group"].where(layers["group"].isin(names), OTHERS if left_out else "")
    grouped = layers.assign(layer=layer).groupby(["time", "layer"], as_index=False)
    summed = grouped.agg({"value": "sum", "row": list})
    ordered = [summed[summed["layer"] == name] for name in (*names, OTHERS)]
    return pd.DataFrame(pd.concat(ordered, ignore_index=True))


def _said(found: pd.DataFrame, layers: pd.DataFrame, values: str) -> str:
    total = layers["value"].sum()
    parts = [
        usd(total) if values == "cost" else f"{count(total)} tokens",
        plural(int(found["calls"].sum()), "call"),
    ]
    if values == "cost" and (without := int(found["unpriced_calls"].sum())):
        models = sorted(set(", ".join(found["unpriced_models"].dropna()).split(", ")))
        parts.append(
            f"{plural(without, 'call')} without a list price, not in the sum: {plain(', '.join(models), 60)}"
        )
    if OTHERS in set(layers["layer"]):
        parts.append(f"{MOST} largest groups, the rest as {OTHERS}")
    return canvas.lines(parts)


def _drawing(
    words: tuple[str, str], layers: pd.DataFrame, length: pd.Timedelta, values: str
) -> Drawing[figure]:
    is_cost = values == "cost"
    numbers = ("$0,0.00" if layers["top"].max() >= 1 else "$0.00[00]") if is_cost else "0,0"
    names = list(dict.fromkeys(layers["layer"]))
    sources = {
        f"layer {number}": _drawable(layers[layers["layer"] == name], length, usd if is_cost else count)
        for number, name in enumerate(names)
    }
    axis = ("cost (US dollars)" if is_cost else "tokens", numbers)
    return Drawing(
        lambda: _built(words, axis, length, dict(zip(names, sources.items(), strict=True))),
        ("usage", *axis, length, *names, words[1].count("\n")),
        dict(zip(("title", "subtitle"), words, strict=True)),
        sources,
    )


def _drawable(rows: pd.DataFrame, length: pd.Timedelta, write: Callable[[Any], str]) -> dict[str, Any]:
    of_total = rows["value"] / rows["total"]
    return {
        "row": rows["row"].tolist(),
        "middle": canvas.utc(rows["time"] + length / 2),
        "bottom": rows["bottom"],
        "top": rows["top"],
        "head": [f"{name}: {write(value)}" for name, value in zip(rows["layer"], rows["value"], strict=True)],
        "share": [f"{s:.0%} of {write(t)}" for s, t in zip(of_total, rows["total"], strict=True)],
        "when": [f"{t:%a %d %b %Y %H:%M} to {t + length:%H:%M} UTC" for t in rows["time"]],
    }


def _built(
    words: tuple[str, str],
    axis: tuple[str, str],
    length: pd.Timedelta,
    layers: Mapping[str, tuple[str, dict[str, Any]]],
) -> figure:
    drawn = canvas.canvas(*words, x_axis_type="datetime", min_border_left=86)
    canvas.from_zero(drawn)
    drawn.xaxis.axis_label = "time (UTC)"
    canvas.number_axis(drawn.yaxis[0], *axis)
    width = length.total_seconds() * 1000 * 0.86
    items: list[tuple[str, list[Any]]] = []
    hovered: list[Any] = []
    for number, (name, (place, rows)) in enumerate(layers.items()):
        bars = drawn.vbar(
            x="middle", bottom="bottom", top="top", width=width, source=canvas.source(rows, place),
            **layer_look(SERIES[min(number, MOST)]),
        )  # fmt: skip
        items.append((name, [bars]))
        hovered.append(bars)
    canvas.tooltip(drawn, hovered, "head", ["share", "when"])
    canvas.legend(drawn, items, "above")
    return drawn
