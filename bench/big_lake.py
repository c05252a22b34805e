"""A lake of millions of spans, made in minutes: the columns come from SQL, the files from the lake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab import settings
from argus_lab.lake import table as t
from argus_lab.lake.outdated import Outdated
from argus_lab.lake.rows import sorted_spans
from argus_lab.lake.settling import settle
from argus_lab.lake.snapshot import snapshot_of
from argus_lab.lake.upkeep import compact
from argus_lab.schema import REFUSED, SPANS

SPANS_A_FILE = 400_000
SPANS_A_TRACE = 10
SPANS_A_SESSION = 60
SPANS_OF_ONE = 5
"""Of sessions of one trace, where a lake has very many of them."""
DAYS = 14

_SQL = """
select
  'default' as org, 'bench' as project, date '2026-05-01' + {day}::integer as date,
  'agent' as service, '1.0.0' as service_version, 'production' as environment,
  md5('trace' || (i // {per_trace})::varchar) as trace_id,
  md5('span' || i::varchar)[1:16] as span_id,
  case when i % {per_trace} > 0 then md5('span' || (i - i % {per_trace})::varchar)[1:16] end as parent_span_id,
  case when {names} then 'session-' || (i // {per_session})::varchar
    || case when {several} then 'b' else '' end
    else md5('trace' || (i // {per_trace})::varchar) end as session_id,
  case when {names} then 'attribute' else 'trace' end as session_source,
  'user-' || (i // 600 % 5000)::varchar as user_id,
  case when i % {per_trace} = 0 then 'turn' when i % 3 = 0 then 'execute_tool' else 'chat' end as name,
  case when i % 3 = 0 then 'INTERNAL' else 'CLIENT' end as kind, 'bench' as scope_name, 'argus' as dialect,
  make_timestamptz({first} + (i - {low}) * {step}) as start_time,
  make_timestamptz(({first} + (i - {low}) * {step} + hash(i) % 3000000)::bigint) as end_time,
  ({first} + (i - {low}) * {step}) * 1000 as start_unix_nano,
  (hash(i) % 3000000 * 1000)::bigint as duration_ns, (hash(i) % 3000000) / 1000.0 as duration_ms,
  case when i % 3 > 0 then (hash(i + 1) % 800000) / 1000.0 end as time_to_first_token_ms,
  make_timestamptz({first} + (i - {low}) * {step} + 5000000) as received_at,
  case when hash(i) % 50 = 0 then 'ERROR' else 'OK' end as status,
  case when hash(i) % 50 = 0 then 'TimeoutError' end as error_type,
  case when i % 3 = 0 then 'tool' else 'llm' end as span_type,
  case when i % 3 = 0 then 'tool_call' else 'llm_call' end as step_kind,
  case when i % 3 = 0 then 'custom_tool' else 'llm' end as component_type,
  case when i % 3 = 0 then 'lookup_order' else 'model-' || (hash(i) % 3)::varchar end as component_name,
  case when i % 3 > 0 then 'openai' end as provider,
  case when i % 3 > 0 then 'model-' || (hash(i) % 3)::varchar end as request_model,
  case when i % 3 > 0 then (hash(i + 2) % 8000)::bigint end as input_tokens,
  case when i % 3 > 0 then (hash(i + 3) % 800)::bigint end as output_tokens,
  '[{{"role":"user","parts":[{{"type":"text","content":"Where is order ' || hash(i)::varchar
    || '? I was told it would be here by now, and the tracking page says nothing at all."}}]}}]' as input,
  'Your order ' || hash(i + 4)::varchar || ' left the warehouse this morning.' as output_text,
  '{{"gen_ai.request.model":"model-' || (hash(i) % 3)::varchar || '","gen_ai.response.id":"r' || hash(i + 5)::varchar
    || '"}}' as attributes,
  '{{"service.name":"agent"}}' as resource
from range({low}, {high}) numbers(i)
order by session_id, trace_id, start_unix_nano
"""


ALL = "true"
SECOND = "i % {per_trace} = 4 and i // {per_trace} % 100 < 1"
ROOTS = "(i % {per_trace} = 0 and i // {per_trace} % 10 < 9 or " + SECOND + ")"


def build(folder: str, spans: int) -> None:
    """Write a lake with so many spans, each of which names its session; does nothing if it is there already."""
    _build(folder, spans, ALL, lambda rows: (rows,))


def build_short(folder: str, spans: int) -> None:
    """The same with a session for every five spans, all in one trace."""
    _build(folder, spans, ALL, lambda rows: (rows,), of_one=SPANS_OF_ONE)


def build_inheriting(folder: str, spans: int) -> None:
    """The same where only roots name sessions, and of ten traces one has none; as the keeper writes it.

    Of a hundred traces one names two sessions, and the root of one comes late, in a file of its own.
    """
    _build(folder, spans, ROOTS, lambda rows: tuple(map(sorted_spans, _late(rows))))


def build_kept(folder: str, spans: int) -> None:
    """The same as a receiver leaves it that goes on: the keeper put right every file but the last large one."""
    _build(folder, spans, ROOTS, lambda rows: tuple(map(sorted_spans, _late(rows))), is_kept=True)


def put_right(folder: str) -> None:
    """What the keeper does between commits, without its pauses."""
    outdated, idle = Outdated(1e-6), 0
    while idle < 2 * DAYS * 2:  # each look is at one file; of each day there are two at most
        summary = compact(settings.read({}, lake=folder), outdated)
        idle = 0 if summary.written else idle + 1
    note(folder)


def note(folder: str) -> None:
    """Let it be kept where spans belong, as a keeper that has time between its looks does."""
    settle(snapshot_of(folder, SPANS, t.open_table(folder, SPANS)), at_once=True)


def build_as_sent(folder: str, spans: int) -> None:
    """The same as another writer writes it: spans that name no session are stored under their traces."""
    _build(folder, spans, ROOTS, _late)


def _late(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    is_late = pc.and_(
        pc.is_null(rows["parent_span_id"]), pc.equal(pc.utf8_slice_codeunits(rows["trace_id"], 0, 2), "50")
    )
    return rows.filter(pc.invert(is_late)), rows.filter(is_late)


def _build(
    folder: str,
    spans: int,
    names: str,
    parts: Callable[[pa.Table], tuple[pa.Table, ...]],
    *,
    is_kept: bool = False,
    of_one: int | None = None,
) -> None:
    if Path(folder, "built").exists():
        return
    found = t.open_table(folder, SPANS, create=True)
    t.open_table(folder, REFUSED, create=True)
    for number, low in enumerate(range(0, spans, SPANS_A_FILE)):
        high = min(low + SPANS_A_FILE, spans)
        if is_kept and high == spans:
            put_right(folder)
        for part in parts(spans_of(low, high, number % DAYS, names, of_one=of_one)):
            if len(part):
                t.commit(found, t.write_files(folder, SPANS, part), {"bench": high})
    if is_kept:
        note(folder)
    Path(folder, "built").touch()


def spans_of(
    low: int, high: int, day: int, names: str, step: int = 200_000, *, of_one: int | None = None
) -> pa.Table:
    """Spans of one day, by their numbers, one every ``step`` microseconds.

    ``of_one``: so many are a session, of one trace; else six traces of ten are.
    """
    sizes = (SPANS_A_TRACE, SPANS_A_SESSION) if of_one is None else (of_one, of_one)
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        return _whole(database.sql(_sql((low, high), day, names, step, sizes)).to_arrow_table())


def _sql(numbers: tuple[int, int], day: int, names: str, step: int, sizes: tuple[int, int]) -> str:
    first = 1_777_593_600_000_000 + day * 86_400_000_000
    (low, high), (per_trace, per_session) = numbers, sizes
    several = "false" if names == ALL else SECOND
    which = {
        name: text.format(per_trace=per_trace) for name, text in (("names", names), ("several", several))
    }
    given = {"low": low, "high": high, "first": first, "step": step, "per_session": per_session}
    return _SQL.format(day=day, per_trace=per_trace, **given, **which)


def _whole(rows: pa.Table) -> pa.Table:
    """All columns of the span table; those that the SQL leaves out are null."""
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(len(rows), field.type)
        for field in SPANS.arrow()
    ]
    return pa.table(columns, schema=SPANS.arrow())
