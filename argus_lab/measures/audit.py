"""Token counts that cannot be right, or that would be counted twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import narwhals as nw

from argus_lab.measures.counted import BORDERS, COUNTED
from argus_lab.measures.engines import asked, collected, columns_of, returned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import pyarrow as pa

    Eager = nw.DataFrame[Any]

__all__ = ["audit_tokens"]

NEEDED = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "span_type",
    "status",
    "start_time",
    "end_time",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "usage_source",
)
TOTALS = (
    "gen_ai.usage.total_tokens",
    "llm.token_count.total",
    "llm.usage.total_tokens",
    "ai.usage.totalTokens",
    "gen_ai.client.token.usage",
)
"""Attributes in which senders give the sum themselves."""
RESPONSE = "gen_ai.response.id"
BODIES = ("output.value", "mlflow.spanOutputs")
"""Attributes that hold a provider's whole answer, or LangChain's result around it, as JSON text."""
KEY = ["trace_id", "span_id"]
ADDED = " + cache"
"""How ``usage_source`` ends where cached tokens were added to a count without them."""

_ZERO = 0 * nw.col("tokens")
_CACHED = nw.col("cache_read_tokens").fill_null(0) + nw.col("cache_write_tokens").fill_null(0)

WHY = {
    "wrapper": "it repeats the usage of a span below it, which is counted",
    "agent": "it sums up the spans below it; measures count those, a plain sum would count both",
    "same_response": "a span before it, of its trace or of another one at the same time, has the same "
    "response id: two instrumentations of one call",
    "total": "the total that was sent is not input plus output",
    "cache_apart": "the input count was sent without the cached tokens; they have been added",
    "cache": "more cached tokens than input tokens: the input count leaves them out",
    "reasoning": "more reasoning tokens than output tokens: the output count leaves them out",
    "zero": "a finished model call that used nothing: the sender did not know",
}
"""By finding, what is wrong."""


def audit_tokens(spans: Any) -> Any:
    """Spans whose token counts are suspicious: why, what was sent, and what it should be.

    Parameters
    ----------
    spans
        A frame of whole traces, since a span is held against those below it: pandas, Polars (lazy too),
        pyarrow, a DuckDB relation, or a Spark frame. Two findings, ``total`` and ``same_response``, need
        the column ``attributes`` (``lake.spans(columns="all")``); without it they are not looked for.

    Returns
    -------
    A frame of the same kind, one row a finding, sorted by ``trace_id``, ``span_id`` and ``finding``:

    ``trace_id``, ``span_id``
        The span; it may have several findings.
    ``finding``
        What is wrong, in a word: ``wrapper``, ``agent``, ``cache_apart``, ``cache``, ``reasoning`` or
        ``zero``; with ``attributes`` also ``total`` and ``same_response``.
    ``why``
        The same in a sentence.
    ``sent``
        Tokens as they were sent: the input tokens for ``cache`` and ``cache_apart``, the output tokens for
        ``reasoning``, the sender's own total for ``total``, else input plus output.
    ``corrected``
        Tokens to count instead; null where nobody can know.

    Notes
    -----
    Two instrumentations of one client tell each call twice (``same_response``): as two spans of one trace
    with the same response id, or, where no span around them makes it one trace, of two traces at the same
    time. The one that started first is counted. Spans of two traces with the same id whose times do not
    overlap, as stand-ins for providers give, are no finding.

    Examples
    --------
    >>> import argus_lab as al
    >>> len(al.audit_tokens(al.open(tiny_lake).spans()))
    0
    """
    frame = asked(spans, NEEDED, by="audit_tokens")
    known = ~nw.col("input_tokens").is_null() | ~nw.col("output_tokens").is_null()
    tokens = nw.col("input_tokens").fill_null(0) + nw.col("output_tokens").fill_null(0)
    light = _eager(collected(frame, NEEDED)).with_columns(tokens.alias("tokens"), known.alias("known"))
    wrappers = _wrappers(light)
    found = [*_wrapping(light, wrappers), *_impossible(light)]
    if "attributes" in columns_of(frame):
        sent = collected(frame.filter(known), [*KEY, "start_time", "end_time", "attributes"])
        found += _told(light, wrappers, _eager(sent))
    # Diagonal: where a finding has no corrected number, a null stands.
    rows = nw.concat(found, how="diagonal").sort(*KEY, "finding")
    return returned(rows.to_arrow(), spans)


def _eager(rows: pa.Table) -> Eager:
    return nw.from_native(rows, eager_only=True)


def _finding(rows: Eager, name: str, sent: nw.Expr, corrected: nw.Expr | None) -> Eager:
    numbers = [sent.cast(nw.Int64).alias("sent")]
    if corrected is not None:
        numbers.append(corrected.cast(nw.Int64).alias("corrected"))
    return rows.select(
        *KEY,
        nw.lit(name).cast(nw.String).alias("finding"),
        nw.lit(WHY[name]).cast(nw.String).alias("why"),
        *numbers,
    )


def _wrappers(light: Eager) -> Eager:
    """Keys of the spans that have usage, as has a span below them with no tool or agent in between."""
    above = light.select(
        "trace_id",
        nw.col("span_id").alias("at"),
        nw.col("parent_span_id").alias("up"),
        nw.col("span_type").is_in(BORDERS).fill_null(value=False).alias("is_border"),
        (nw.col("known") & (nw.col("tokens") > 0)).alias("used"),
    ).unique(["trace_id", "at"])
    ahead = above.filter(nw.col("used")).select("trace_id", nw.col("up").alias("at"))
    ahead = ahead.filter(~nw.col("at").is_null()).unique()
    found = ahead.head(0)
    seen = ahead
    while len(ahead):
        here = ahead.join(above, on=["trace_id", "at"], how="inner")
        found = nw.concat([found, here.filter(nw.col("used")).select("trace_id", "at")])
        onwards = here.filter(~nw.col("used") & ~nw.col("is_border") & ~nw.col("up").is_null())
        ahead = onwards.select("trace_id", nw.col("up").alias("at")).unique()
        ahead = ahead.join(seen, on=["trace_id", "at"], how="anti")  # parents may go in a circle
        seen = nw.concat([seen, ahead])
    return found.unique().rename({"at": "span_id"})


def _wrapping(light: Eager, wrappers: Eager) -> Iterator[Eager]:
    rows = light.join(wrappers, on=KEY, how="inner")
    is_counted = nw.col("span_type").is_in(COUNTED).fill_null(value=False)
    yield _finding(rows.filter(is_counted), "wrapper", nw.col("tokens"), _ZERO)
    yield _finding(rows.filter(~is_counted), "agent", nw.col("tokens"), _ZERO)


def _impossible(light: Eager) -> Iterator[Eager]:
    sent, output = nw.col("input_tokens"), nw.col("output_tokens")
    added = nw.col("usage_source").str.ends_with(ADDED).fill_null(value=False)
    yield _finding(light.filter(added), "cache_apart", sent - _CACHED, sent)
    yield _finding(light.filter((sent < _CACHED).fill_null(value=False)), "cache", sent, sent + _CACHED)
    thought = nw.col("reasoning_tokens")
    yield _finding(
        light.filter((thought > output).fill_null(value=False)), "reasoning", output, output + thought
    )
    is_done = (nw.col("status") != "ERROR").fill_null(value=True) & ~nw.col("end_time").is_null()
    is_call = (nw.col("span_type") == "llm").fill_null(value=False)
    idle = light.filter(nw.col("known") & (nw.col("tokens") == 0) & is_call & is_done)
    yield _finding(idle, "zero", nw.col("tokens"), None)


def _told(light: Eager, wrappers: Eager, sent: Eager) -> Iterator[Eager]:
    """What the attributes tell beside the columns: a total, and which response it was."""
    totals: dict[tuple[str, str], int] = {}
    responses, again = _Responses(), []
    outer = set(wrappers.select(*KEY).iter_rows())
    for trace, span, start, end, text in sent.sort("start_time", "span_id", "trace_id").iter_rows():
        attributes = _map(text)
        total = next((t for name in TOTALS if (t := _whole(attributes.get(name))) is not None), None)
        if total is not None:
            totals[trace, span] = total
        response = _response(attributes)
        if response and (trace, span) not in outer and responses.know(response, trace, start, end):
            again.append((trace, span))
    rows = light.join(_frame(light, again), on=KEY, how="inner")
    yield _finding(rows, "same_response", nw.col("tokens"), _ZERO)
    rows = light.join(_frame(light, list(totals), total=list(totals.values())), on=KEY, how="inner")
    both = ~nw.col("input_tokens").is_null() & ~nw.col("output_tokens").is_null()
    differs = rows.filter(both & (nw.col("total") != nw.col("tokens")))
    yield _finding(differs, "total", nw.col("total"), nw.col("tokens"))


class _Responses:
    """The answers of calls so far, by the ids that providers gave them."""

    def __init__(self) -> None:
        self._traces: set[tuple[str, str]] = set()
        self._ends: dict[str, datetime] = {}

    def know(self, response: str, trace: str, start: datetime | None, end: datetime | None) -> bool:
        """Whether a span tells again what one before it told; if not, it is told now.

        Spans come by their start, so that one which still runs at a later one's start overlaps it.
        """
        until = self._ends.get(response)
        is_open = start is not None and until is not None and start < until
        if is_open or (response, trace) in self._traces:
            return True
        self._traces.add((response, trace))
        if start is not None and end is not None:
            self._ends[response] = end if until is None else max(until, end)
        return False


def _response(attributes: dict[str, Any]) -> str | None:
    """The id that the provider gave its answer: an attribute, or in the answer itself."""
    found = attributes.get(RESPONSE)
    for name in BODIES:
        if not isinstance(found, str) or not found:
            answer = _answer(attributes.get(name))
            result = answer.get("llm_output")
            found = (result if isinstance(result, dict) else answer).get("id")
    return found if isinstance(found, str) and found else None


def _answer(text: Any) -> dict[str, Any]:
    try:
        return _map(text) if isinstance(text, str) and text.startswith("{") else {}
    except ValueError:
        return {}


def _frame(like: Eager, keys: list[tuple[str, str]], **columns: list[int]) -> Eager:
    data = {name: [key[place] for key in keys] for place, name in enumerate(KEY)} | columns
    schema = {name: like.schema[name] for name in KEY} | dict.fromkeys(columns, nw.Int64())
    return nw.from_dict(data, schema, backend=like.implementation)


def _map(text: Any) -> dict[str, Any]:
    found = json.loads(text) if isinstance(text, str) and text else {}
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
