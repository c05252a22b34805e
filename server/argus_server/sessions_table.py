"""The table of sessions that ``argus-lab demo`` prints, straight from the lake by SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.table import Table

if TYPE_CHECKING:
    from argus_lab import Lake

__all__ = ["SESSIONS_SQL", "sessions_table"]

SHOWN: Final = 20

# A span without a session id belongs to the session that another span of its trace names; a trace
# that names none is a session by itself. Tokens are summed over model calls that hold no further
# model call with tokens, so that a wrapper and the call inside it count once.
SESSIONS_SQL: Final = """
with named as (
    select trace_id, max(session_id) filter (session_source = 'attribute') as session
    from spans group by trace_id
), calls as (
    select trace_id, span_id, parent_span_id,
           step_kind is not distinct from 'llm_call' or span_type in ('llm', 'embedding') as is_call,
           input_tokens is not null or output_tokens is not null as has_tokens
    from spans
), wrappers as (
    select distinct inner_call.trace_id, inner_call.parent_span_id as span_id
    from calls as inner_call where inner_call.is_call and inner_call.has_tokens
), leaves as (
    select trace_id, span_id from calls where is_call
    except select trace_id, span_id from wrappers
)
select coalesce(named.session, spans.trace_id) as session,
       min(project) as project,
       string_agg(distinct service, ', ' order by service) as services,
       count(*) filter (step_kind = 'user_message') as turns,
       count(distinct spans.trace_id) as traces,
       count(*) as spans,
       string_agg(distinct request_model, ', ' order by request_model) as models,
       (max(start_unix_nano + coalesce(duration_ns, 0)) - min(start_unix_nano)) / 1e9 as seconds,
       sum(input_tokens) filter (leaves.span_id is not null) as tokens_in,
       sum(output_tokens) filter (leaves.span_id is not null) as tokens_out,
       count(*) filter (status = 'ERROR') as errors,
       min(start_time) as started
from spans join named using (trace_id) left join leaves using (trace_id, span_id)
group by 1 order by started desc
"""


def sessions_table(lake: Lake) -> Table:
    """The newest sessions, and one line for all of them."""
    sessions = lake.sql(SESSIONS_SQL)
    shown = min(SHOWN, len(sessions))
    table = Table(
        title=f"{len(sessions)} sessions; the newest {shown} and the sum of all",
        caption="No value (-) means that the sender did not say.",
        show_footer=False,
    )
    for name in ("session", "services", "models"):
        table.add_column(name, overflow="fold")
    for name in ("turns", "spans", "seconds", "tokens in", "tokens out", "errors"):
        table.add_column(name, justify="right")
    for row in sessions.head(shown).itertuples():
        table.add_row(
            str(row.session),
            _text(row.services),
            _text(row.models),
            *(_number(value) for value in (row.turns, row.spans)),
            _number(row.seconds, 1),
            *(_number(value) for value in (row.tokens_in, row.tokens_out, row.errors)),
        )
    table.add_section()
    table.add_row(f"all {len(sessions)}", "", "", *_sums(sessions), style="bold")
    return table


def _sums(sessions: pd.DataFrame) -> list[str]:
    columns = ("turns", "spans", "seconds", "tokens_in", "tokens_out", "errors")
    return [_number(sessions[name].sum(), 1 if name == "seconds" else 0) for name in columns]


def _number(value: Any, digits: int = 0) -> str:
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else "-"
