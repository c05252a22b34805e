"""What the latency page shows: measures of the spans that are chosen, as charts."""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from argus_lab.dashboards.charts import Chart
from argus_lab.dashboards.choices import Choices, code_of, window_of
from argus_lab.dashboards.pieces import FACTS, TIME, Fact, pieces_of
from argus_lab.dashboards.ranks import WORTH
from argus_lab.dashboards.stretches import LENGTHS, length_for
from argus_lab.figures.formats import count, duration, is_known, plural
from argus_lab.figures.groups import latency_by
from argus_lab.figures.latencies import first_token_drawing, over_time_drawing, spread
from argus_lab.figures.quantiles import DURATION, FIRST_TOKEN, Quantiles
from argus_lab.figures.series import named, span_of
from argus_lab.frames import pandas_of
from argus_lab.measures.distribution import distribution
from argus_lab.measures.latency import DURATIONS, FIRST_TOKENS, SEEN

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd

    from argus_lab.dashboards.digest import Digest

__all__ = [
    "BY",
    "SLOWEST_CODE",
    "Between",
    "Facts",
    "FirstLook",
    "by_group",
    "facts_of",
    "first_look",
    "first_tokens",
    "fitting",
    "how_spread",
    "measured_code",
    "slowest",
    "whole_of",
]

BY = {
    "request_model": "model",
    "service": "service",
    "component_type": "type",
    "component_name": "component",
    "operation": "operation",
    "name": "span name",
    "agent_name": "agent",
    "project": "project",
    "status": "status",
}
"""What charts may be cut by: column, and what it is called."""
Between = tuple[datetime | None, datetime | None]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USUAL = "component_name"
"""What spans are told apart by where nothing was chosen."""
SLOWEST = 100
SLOWEST_CODE = f'slowest = spans.nlargest({SLOWEST}, "duration_ms")'


@dataclass(frozen=True)
class Facts:
    """The spans that are chosen in a few numbers."""

    spans: int
    errors: int
    first: datetime | None
    last: datetime | None

    @property
    def between(self) -> Between:
        """The times of the first and the last."""
        return self.first, self.last


def facts_of(digest: Digest, choices: Choices) -> Facts:
    """How many spans are chosen, how many failed, and from when to when they started."""
    found = digest.once(
        f"SELECT count(*) AS spans, count(*) FILTER ({FACTS['error']}) AS errors, "
        f"min({TIME}) AS first, max({TIME}) AS last FROM chosen",
        choices,
    ).to_dict("records")[0]
    first, last = (
        found[name].to_pydatetime() if is_known(found[name]) else None for name in ("first", "last")
    )
    return Facts(int(found["spans"]), int(found["errors"]), first, last)


@dataclass(frozen=True)
class FirstLook:
    """What a page shows first: the spans in a few numbers, the stretches of time, the chart over time."""

    facts: Facts
    every: str
    chart: Chart | None
    """``None`` if no span is chosen."""


def first_look(digest: Digest, choices: Choices, by: str | None, every: str) -> FirstLook:
    """The chart of durations over time; ``every`` is a length of stretches, or empty for one that fits.

    Most often that is the one that fits all spans of the range of time: then one query tells everything.
    """
    around = facts_of(digest, Choices(since=choices.since, until=choices.until))
    length = fitting(around.between, every, LENGTHS, "1h")
    is_most = around.spans >= WORTH * digest.state.spans
    numbers, facts = _durations(digest, choices, by, length, is_most=is_most)
    fits = fitting(facts.between, every, LENGTHS, "1h")
    if not facts.spans:
        return FirstLook(facts, fits, None)
    if fits != length:
        numbers, _ = _durations(digest, choices, by, fits, is_most=is_most)
    return FirstLook(facts, fits, _through_time(digest, choices, by, fits, numbers))


def _durations(
    digest: Digest, choices: Choices, by: str | None, every: str, *, is_most: bool
) -> tuple[pd.DataFrame, Facts]:
    """Durations over time, and the same facts. Of a short range of time an engine reads that and no more."""
    found = digest.durations(choices, every) if by is None and is_most else None
    if found is None:
        found = digest.latency(choices, by=by, every=every, kinds=DURATIONS | SEEN)
        return found.drop(columns=list(SEEN)), _facts_in(found)
    spans, errors = (int(found[name].sum()) for name in ("spans", "errors"))
    return found.drop(columns="spans"), Facts(spans, errors, *_ends(digest, choices, found["time"], every))


def _ends(digest: Digest, choices: Choices, times: pd.Series[Any], every: str) -> Between:
    """When the first and the last of the spans started, which are in the first and the last stretch."""
    if times.isna().all():
        return None, None
    found = digest.query(
        f"SELECT (SELECT min({TIME}) FROM chosen WHERE {TIME} < $early) AS first, "
        f"(SELECT max({TIME}) FROM chosen WHERE {TIME} >= $late) AS last",
        choices,
        {"early": (times.min() + span_of(every)).to_pydatetime(), "late": times.max().to_pydatetime()},
    ).iloc[0]
    return found["first"].to_pydatetime(), found["last"].to_pydatetime()


def _facts_in(numbers: pd.DataFrame) -> Facts:
    """The same facts from the groups of all spans that are chosen."""
    spans, errors = (int(numbers[name].sum()) for name in ("spans", "errors"))
    ends = numbers["first_us"].min(), numbers["last_us"].max()
    first, last = (EPOCH + timedelta(microseconds=int(end)) if is_known(end) else None for end in ends)
    return Facts(spans, errors, first, last)


def whole_of(digest: Digest, choices: Choices) -> Hashable:
    """What a chart that nothing cuts depends on. Of a range that ends now, a minute makes no matter."""
    ends = (end and end.replace(second=0, microsecond=0) for end in window_of(choices))
    return digest.now, choices, *ends


def fitting(between: Between, every: str, lengths: Sequence[str], usual: str) -> str:
    """The length that was asked for, else one that cuts the time between into few stretches."""
    if every in lengths:
        return every
    first, last = between
    return length_for(first, last, lengths) if first and last else usual


def _through_time(
    digest: Digest, choices: Choices, by: str | None, every: str, durations: pd.DataFrame
) -> Chart:
    """Durations over time, as :func:`_durations` gave them."""
    numbers = durations[durations["time"].notna()].reset_index(drop=True)
    return Chart(
        "over-time",
        "Latency over time",
        over_time_drawing(numbers, every=every, by=by),
        numbers,
        f"Latency over time, every {every}. {_words(numbers, DURATION)}",
        lambda rows: pieces_of(rows, [by] if by else [], span_of(every)),
        code=_over_time_code(digest, choices, by, every),
        key=(by, every),
    )


def first_tokens(digest: Digest, choices: Choices, of_time: Chart) -> Chart:
    """Times to the first token, cut as the chart of durations over time is."""
    by, every = of_time.key
    numbers = digest.latency(choices, by=by, every=every, kinds=FIRST_TOKENS)
    numbers = numbers[numbers["time"].notna() & (numbers["ttft_count"] > 0)].reset_index(drop=True)
    return Chart(
        "first-token",
        "Time to first token",
        first_token_drawing(numbers, every=every, by=by),
        numbers,
        f"Time to first token, every {every}. {_words(numbers, FIRST_TOKEN)}",
        lambda rows: [
            (*piece, Fact("first token")) for piece in pieces_of(rows, [by] if by else [], span_of(every))
        ],
        code=_over_time_code(digest, choices, by, every),
        key=(by, every),
    )


def _over_time_code(digest: Digest, choices: Choices, by: str | None, every: str) -> str:
    given = f"every={every!r}" + (f", by={by!r}" if by else "")
    return measured_code(digest, choices, f"latency = al.latency(spans, {given})", by)


def by_group(digest: Digest, choices: Choices, by: str | None) -> Chart:
    """Durations by group, those first that take most time in all."""
    by = by or USUAL
    numbers = digest.latency(choices, by=by)
    slow = numbers.assign(total=numbers["count"] * numbers["mean_ms"]).sort_values(
        "total", ascending=False, kind="stable", ignore_index=True
    )
    slow = slow.drop(columns="total")
    most = slow.iloc[0] if len(slow) else None
    words = f"Latency by {BY[by]}, {plural(len(slow), 'group')}."
    if most is not None:
        name = named(slow.head(1), by, "")["group"].iloc[0]
        words += f" Most time goes to {name}: median {duration(most['p50_ms'])}, "
        words += f"p95 {duration(most['p95_ms'])}."
    return Chart(
        "by-group",
        "Latency by group",
        latency_by(slow, by=by),
        slow,
        words,
        lambda rows: pieces_of(rows, [by]),
        code=measured_code(digest, choices, f"latency = al.latency(spans, by={by!r})", by),
        key=by,
    )


def how_spread(digest: Digest, choices: Choices, by: str | None) -> Chart:
    """How durations are spread, on a logarithmic axis."""
    pieces = pandas_of(distribution(digest.spans(choices), by=by).to_arrow_table())
    marks = digest.latency(choices, by=by)
    given = f", by={by!r}" if by else ""
    whole = int(pieces["count"].sum())
    words = f"How long {plural(whole, 'span')} take"
    if not by and len(marks):
        words += f": half take less than {duration(marks['p50_ms'].iloc[0])}, "
        words += f"one in twenty more than {duration(marks['p95_ms'].iloc[0])}."
    return Chart(
        "spread",
        "How long spans take",
        spread(pieces, marks, by=by),
        pieces,
        words,
        lambda rows: pieces_of(rows, [by] if by else []),
        code=measured_code(digest, choices, f"pieces = al.distribution(spans{given})", by),
        key=by,
    )


def slowest(digest: Digest, choices: Choices) -> pd.DataFrame:
    """The slowest spans with what tells where they are."""
    return digest.query(
        f"""
        SELECT c.duration_ms, c.start_time, c.service, c.name, c.component_name, c.request_model, c.status,
            s.session_id, c.project, c.trace_id, c.span_id
        FROM (
            SELECT * FROM chosen WHERE duration_ms IS NOT NULL
            ORDER BY duration_ms DESC, trace_id, span_id LIMIT {SLOWEST}
        ) c LEFT JOIN sessions s USING (session)
        ORDER BY c.duration_ms DESC, c.trace_id, c.span_id
        """,
        choices,
    )


def measured_code(digest: Digest, choices: Choices, line: str, by: str | None = None) -> str:
    """Python that reads the spans which are chosen and runs this line; agents are those they worked for."""
    if by == "agent_name":
        line = f"spans = al.with_agents(spans)\n{line}"
    return f"{code_of(_fixed(choices), lake=digest.address)}\n{line}"


def _fixed(choices: Choices) -> Choices:
    """The choices with moments instead of "the last 24 hours"."""
    since, until = window_of(choices)
    written_ = [None if each is None else each.astimezone(UTC).isoformat() for each in (since, until)]
    return replace(choices, since=written_[0], until=written_[1])


def _words(numbers: pd.DataFrame, of: Quantiles) -> str:
    """What a reader who does not see the lines should know of them."""
    known = numbers[numbers[of.counted] > 0]
    if known.empty:
        return f"No {of.of} with a known time."
    last, (low, *_) = known.iloc[-1], of.short
    told = ", ".join(f"{words} {duration(last[name])}" for name, words in of.short.items())
    return (
        f"{count(known[of.counted].sum())} {of.of} in {plural(len(known), 'row')}. The last: {told}. "
        f"Highest median {duration(known[low].max())}."
    )
