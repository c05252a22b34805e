"""What an answer takes: tokens from the question to the answer, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.figures import canvas
from argus_lab.figures.formats import plural
from argus_lab.figures.quantiles import ANSWER_TOKENS, quantile_lines
from argus_lab.figures.reading import in_memory
from argus_lab.figures.series import largest, named, numbered, span_of
from argus_lab.figures.theme import SERIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bokeh.plotting import figure

__all__ = ["answers_over_time"]

MOST = len(SERIES) - 1


def answers_over_time(measured: Any, *, every: str, by: str | Sequence[str] | None = None) -> figure:
    """Tokens that an answer takes: median and 90th percentile over time.

    Parameters
    ----------
    measured
        What :func:`~argus_lab.measures.answers.answers` gave for ``every`` and ``by``.
    every, by
        As they were given there.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.answering import answers_over_time
    >>> measured = al.answers(al.open(tiny_lake).spans(), every="1m")
    >>> answers_over_time(measured, every="1m").yaxis.axis_label
    'tokens an answer'
    """
    title = f"Tokens an answer takes, every {every}"
    found = numbered(named(in_memory(measured), by, "all answers"))
    found = found[found["time"].notna() & found["total_tokens_p50"].notna()]
    if found.empty:
        return canvas.nothing(title, "No model call in this frame has both a start and a number of tokens.")
    names, left_out = largest(found, "answers", MOST)
    calls = found["calls"].sum() / found["answers"].sum()
    parts = [plural(int(found["answers"].sum()), "answer"), f"{calls:.1f} model calls each, on average"]
    parts += [f"the {len(names)} largest of {len(names) + left_out} groups are drawn"] * bool(left_out)
    shown = {name: found[found["group"] == name] for name in names}
    return quantile_lines((title, canvas.lines(parts)), shown, span_of(every), ANSWER_TOKENS).build()
