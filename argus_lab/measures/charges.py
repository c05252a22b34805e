"""Prices of many calls at once: each distinct model, moment and length of prompt is looked up once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import prices
from argus_lab.measures.trees import codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["PRICED_BY", "Charges", "charged", "flaw", "step"]

PRICED_BY = ("provider", "response_model", "request_model", "period", "step", "flaw")
"""Columns that calls of one price have in common: ``period`` is the moment in microseconds, ``step`` the
place of the prompt's length among the price table's thresholds, ``flaw`` a place in ``FLAWS``."""

FLAWS = (
    None,
    "its input tokens are not known",
    "its output tokens are not known",
    "it counts more cached tokens than input tokens: see audit_tokens",
    "it counts more reasoning tokens than output tokens: see audit_tokens",
)
NO_INPUT, NO_OUTPUT, CACHED, REASONED = range(1, 5)
ONE_WAY = ("embedding", "reranker")
"""Types of calls that have no output to pay for."""


def step() -> nw.Expr:
    """How many of the price table's thresholds the prompt is beyond."""
    found = nw.lit(0)
    for place, tokens in enumerate(prices.tiers(), 1):
        found = nw.when(nw.col("input_tokens") > tokens).then(nw.lit(place)).otherwise(found)
    # Most prompts are shorter than any threshold, and then one comparison is enough.
    is_long = nw.col("input_tokens") > min(prices.tiers(), default=0)
    return nw.when(is_long).then(found).otherwise(nw.lit(0)).cast(nw.Int64)


def flaw() -> nw.Expr:
    """Why the call's counts cannot be priced: a place in ``FLAWS``, 0 for calls that can."""
    cached = nw.col("cache_read_tokens").fill_null(0) + nw.col("cache_write_tokens").fill_null(0)
    two_way = ~nw.col("span_type").is_in(ONE_WAY).fill_null(value=False)
    over = nw.col("reasoning_tokens").fill_null(0) > nw.col("output_tokens")
    found = nw.when(over.fill_null(value=False)).then(nw.lit(REASONED)).otherwise(nw.lit(0))
    many = (cached > nw.col("input_tokens")).fill_null(value=False)
    found = nw.when(many).then(nw.lit(CACHED)).otherwise(found)
    found = nw.when(nw.col("output_tokens").is_null() & two_way).then(nw.lit(NO_OUTPUT)).otherwise(found)
    return nw.when(nw.col("input_tokens").is_null()).then(nw.lit(NO_INPUT)).otherwise(found).cast(nw.Int64)


@dataclass(frozen=True)
class Charges:
    """Of each row, the dollars of its parts (NaN: unknown), where the price stands, and why there is none."""

    fresh: Floats
    cache_read: Floats
    cache_write: Floats
    output: Floats
    request: Floats
    total: Floats
    source: pa.Array
    why: pa.Array


def charged(rows: pa.Table) -> Charges:
    """The charges of rows that have ``PRICED_BY``, token counts, and ``calls``: how many calls a row is."""
    found, place = _rates(rows)
    wrong = rows["flaw"].to_numpy().astype(np.int64)
    apart = np.array([each.reasoning_is_apart for each in found], dtype=bool)[place]
    wrong = np.where((wrong == REASONED) & ~apart, 0, wrong)
    sent, answered = _number(rows, "input_tokens"), _number(rows, "output_tokens")
    read, written, thought = (
        _number(rows, f"{name}_tokens") for name in ("cache_read", "cache_write", "reasoning")
    )
    each = {
        name: np.array([getattr(rate, name) for rate in found], dtype=np.float64)[place]
        for name in ("fresh", "cache_read", "cache_write", "output", "reasoning", "request")
    }
    no_prompt, no_answer = np.isin(wrong, (NO_INPUT, CACHED)), np.isin(wrong, (NO_OUTPUT, REASONED))
    fresh = np.where(no_prompt, np.nan, (sent - read - written) * each["fresh"])
    parts = (
        fresh,
        np.where(no_prompt, np.nan, read * each["cache_read"]),
        np.where(no_prompt, np.nan, written * each["cache_write"]),
        np.where(no_answer, np.nan, (answered - thought) * each["output"] + thought * each["reasoning"]),
        _number(rows, "calls") * each["request"],
    )
    total = np.sum(parts, axis=0) if len(place) else np.empty(0)
    source = pa.array([rate.source for rate in found], pa.string()).take(pa.array(place))
    why = pa.array([rate.why for rate in found], pa.string()).take(pa.array(place))
    flaws = pa.array(FLAWS, pa.string()).take(pa.array(wrong))
    return Charges(*parts, total, source, pc.coalesce(why, flaws))


def _rates(rows: pa.Table) -> tuple[list[prices.Rates], NDArray[np.int64]]:
    """The distinct rates, and by row the place of its own."""
    if not rows.num_rows:
        return [prices.Rates()], np.empty(0, dtype=np.int64)
    names = PRICED_BY[:-1]
    together = np.zeros(rows.num_rows, dtype=np.int64)
    for name in names:
        code = codes(rows[name]) + 1
        together = np.unique(together * (int(code.max()) + 1) + code, return_inverse=True)[1]
    _, first, place = np.unique(together, return_index=True, return_inverse=True)
    lengths = (0, *(tokens + 1 for tokens in prices.tiers()))
    found = []
    for provider, answering, asked, period, at in zip(
        *(rows[name].take(pa.array(first)).to_pylist() for name in names), strict=True
    ):
        if period is None:
            found.append(prices.Rates(why="it has no start time, so its prices are not known"))
        else:
            found.append(prices.rates(provider, (answering, asked), period, lengths[at]))
    return found, place.astype(np.int64)


def _number(rows: pa.Table, name: str) -> Floats:
    found: Floats = pc.fill_null(rows[name].cast(pa.float64()), 0.0).to_numpy()
    return found
