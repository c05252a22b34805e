"""What the tokens page shows: what models used and what it cost, as charts."""
# ruff: noqa: S608  texts are made of names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from argus_lab.dashboards.charts import Chart
from argus_lab.dashboards.choices import Choices
from argus_lab.dashboards.latency_charts import facts_of, fitting, measured_code
from argus_lab.dashboards.pieces import Among, Piece, pieces_of
from argus_lab.dashboards.stretches import LENGTHS
from argus_lab.figures.answering import answers_over_time
from argus_lab.figures.conversations import context_growth
from argus_lab.figures.formats import count, is_known, plural, usd
from argus_lab.figures.series import span_of
from argus_lab.figures.usage import usage_drawing
from argus_lab.frames import pandas_of
from argus_lab.measures.answers import answers
from argus_lab.measures.context_growth import NEEDED
from argus_lab.measures.context_growth import context_growth as grown
from argus_lab.measures.steps import NEEDED as OF_STEPS

if TYPE_CHECKING:
    import pandas as pd

    from argus_lab.dashboards.digest import Digest
    from argus_lab.dashboards.latency_charts import Between

__all__ = [
    "BY",
    "EXPENSIVE_CODE",
    "LENGTHS_OF_USAGE",
    "FirstLook",
    "Used",
    "answering",
    "expensive",
    "first_look",
    "groups",
    "groups_code",
    "growth",
    "used",
]

Values = Literal["tokens", "cost"]
BY = {"request_model": "model", "project": "project", "agent_name": "agent", "service": "service"}
"""What charts may be cut by: column, and what it is called."""
LENGTHS_OF_USAGE = LENGTHS[3:]
EXPENSIVE = 50
"""Sessions in the list of the most expensive ones."""


@dataclass(frozen=True)
class Used:
    """What the chosen model calls used in all, and what a plain sum over all spans would say."""

    whole: pd.Series[Any]
    plain_tokens: int
    spans: int


def used(digest: Digest, choices: Choices) -> Used | None:
    """What the chosen calls used; ``None`` if there is no span that is chosen."""
    plain = digest.query(
        "SELECT count(*) AS spans, "
        "sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::BIGINT AS tokens FROM chosen",
        choices,
    ).iloc[0]
    if not plain["spans"]:
        return None
    whole = digest.tokens(choices)
    return Used(
        whole.iloc[0] if len(whole) else whole.reindex([0]).iloc[0],
        int(plain["tokens"]),
        int(plain["spans"]),
    )


class Cut(NamedTuple):
    """How the chart of usage is cut, and whether it shows tokens or what they cost."""

    by: str | None
    every: str
    values: Values


@dataclass(frozen=True)
class FirstLook:
    """What the page shows first: the stretches of time, and the chart of usage over time."""

    every: str
    chart: Chart | None
    """``None`` if no span is chosen."""


def first_look(digest: Digest, choices: Choices, by: str | None, every: str, values: Values) -> FirstLook:
    """The chart of usage over time; ``every`` is a length of stretches, or empty for one that fits the calls.

    Most often that is the one that fits all spans of the range of time: then one query tells everything.
    """
    around = facts_of(digest, Choices(since=choices.since, until=choices.until))
    length = fitting(around.between, every, LENGTHS_OF_USAGE, "1d")
    numbers = digest.tokens(choices, by=by, every=length)
    if not len(numbers) and digest.query("SELECT 1 FROM chosen LIMIT 1", choices).empty:
        return FirstLook(length, None)
    while (shorter := fitting(_between(numbers, length), every, LENGTHS_OF_USAGE, length)) in _below(length):
        length, numbers = shorter, digest.tokens(choices, by=by, every=shorter)
    return FirstLook(length, _through_time(digest, choices, Cut(by, length, values), numbers))


def _between(numbers: pd.DataFrame, every: str) -> Between:
    """From the start of the first stretch to the end of the last."""
    first, last = numbers["time"].min(), numbers["time"].max()
    return (first, last + span_of(every)) if is_known(first) else (None, None)


def _below(length: str) -> tuple[str, ...]:
    return LENGTHS_OF_USAGE[: LENGTHS_OF_USAGE.index(length)]


def _through_time(digest: Digest, choices: Choices, cut: Cut, found: pd.DataFrame) -> Chart:
    """Tokens by kind or group, or what they cost, over time."""
    by, every, values = cut
    numbers = found[found["time"].notna()].reset_index(drop=True)
    given = f"every={every!r}" + (f", by={by!r}" if by else "")
    what = "Cost" if values == "cost" else "Tokens"
    amount = (
        usd(numbers["cost_usd"].sum())
        if values == "cost"
        else f"{count(numbers['total_tokens'].sum())} tokens"
    )
    per_group = f", by {BY[by]}" if by else ""
    calls = plural(int(numbers["calls"].sum()), "model call")
    words = f"{what} over time{per_group}, every {every}: {amount} in {calls}."
    without = int(numbers["unpriced_calls"].sum())
    if without:
        words += f" {plural(without, 'call')} without a list price are not in the cost."
    return Chart(
        "usage",
        f"{what} over time",
        usage_drawing(numbers, every=every, by=by, values=values),
        numbers,
        words,
        lambda rows: pieces_of(rows, [by] if by else [], span_of(every)),
        calls=True,
        code=measured_code(digest, choices, f"tokens = al.tokens(spans, {given})", by),
        key=cut,
    )


def groups(digest: Digest, choices: Choices, by: str | None) -> pd.DataFrame:
    """What each group used and cost, the most expensive first, then the largest."""
    by = by or "request_model"
    numbers = digest.tokens(choices, by=by)
    return numbers.sort_values(
        ["cost_usd", "total_tokens"], ascending=False, na_position="last", kind="stable", ignore_index=True
    )


def groups_code(digest: Digest, choices: Choices, by: str | None) -> str:
    """The lines that return the same."""
    by = by or "request_model"
    return measured_code(digest, choices, f"tokens = al.tokens(spans, by={by!r})", by)


def answering(digest: Digest, choices: Choices, by: str | None, every: str) -> Chart:
    """Tokens that an answer takes, over time."""
    counted = digest.spans(choices).filter("is_counted").project("*, NULL::VARCHAR AS parent_span_id")
    numbers = pandas_of(answers(counted, by=by, every=every).to_arrow_table())
    numbers = numbers[numbers["time"].notna()].reset_index(drop=True)
    given = f"every={every!r}" + (f", by={by!r}" if by else "")
    whole = int(numbers["answers"].sum())
    words = f"Tokens an answer takes, every {every}: {plural(whole, 'answer')}"
    if whole:
        words += (
            f", {count((numbers['total_tokens_mean'] * numbers['answers']).sum() / whole)} tokens on average"
        )
    return Chart(
        "answers",
        "Tokens an answer takes",
        answers_over_time(numbers, every=every, by=by),
        numbers,
        f"{words}.",
        lambda rows: pieces_of(rows, [by] if by else [], span_of(every)),
        calls=True,
        code=measured_code(digest, choices, f"answers = al.answers(spans, {given})", by),
        key=(by, every),
    )


def expensive(digest: Digest, choices: Choices) -> pd.DataFrame:
    """The sessions whose chosen calls cost most; of those without any price, the ones with most tokens."""
    return digest.query(
        f"""
        SELECT s.session_id, s.project, s.first_user_message, c.cost_usd, c.calls, c.input_tokens,
            c.cache_read_tokens, c.output_tokens, c.reasoning_tokens, c.unpriced_calls, c.unpriced_models
        FROM (
            SELECT session, sum(list_cost_usd) AS cost_usd, count(*) AS calls,
                sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
                sum(cache_read_tokens)::BIGINT AS cache_read_tokens,
                sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
                sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS total,
                count(*) FILTER (list_cost_usd IS NULL) AS unpriced_calls,
                string_agg(DISTINCT coalesce(response_model, request_model, '(no model)'), ', ')
                    FILTER (list_cost_usd IS NULL) AS unpriced_models
            FROM chosen WHERE is_counted GROUP BY session
            ORDER BY cost_usd DESC NULLS LAST, total DESC LIMIT {EXPENSIVE}
        ) c JOIN sessions s USING (session)
        ORDER BY c.cost_usd DESC NULLS LAST, c.total DESC, s.session_id
        """,
        choices,
    )


EXPENSIVE_CODE = (
    'sessions = al.tokens(spans, by=["project", "session_id"])\n'
    f'expensive = sessions.sort_values(["cost_usd", "total_tokens"], ascending=False).head({EXPENSIVE})'
)


def growth(digest: Digest, session_id: str, project: str | None) -> Chart | None:
    """What fills the prompts of a session; ``None`` if it is not there."""
    row = digest.session(session_id, project)
    if row is None:
        return None
    spans = digest.session_spans(row, list(dict.fromkeys((*NEEDED, *OF_STEPS))))
    numbers = grown(spans)

    def pieces(rows: pd.DataFrame) -> list[Piece]:
        return [
            (Among("trace_id", (trace,)), Among("span_id", (span,)))
            for trace, span in zip(rows["trace_id"], rows["span_id"], strict=True)
        ]

    lines = [
        "import argus_lab as al",
        "",
        f"lake = al.open({digest.address!r})",
        f"session = lake.session({session_id!r}, project={row['project']!r})",
        "growth = al.context_growth(session)",
    ]
    words = f"What fills the prompts of session {session_id}: {plural(len(numbers), 'model call')}"
    if len(numbers) and numbers["input_tokens"].notna().any():
        sent = numbers["input_tokens"].dropna()
        words += f", from {count(sent.iloc[0])} to {count(sent.iloc[-1])} input tokens"
    return Chart(
        "growth",
        "What fills the prompt",
        context_growth(spans),
        numbers,
        f"{words}.",
        pieces,
        code="\n".join(lines),
        view=Choices(),
        hide=("session_id", "system_chars", "tools_chars", "resent_chars", "new_chars", "trace_id"),
        key=(session_id, project),
    )
