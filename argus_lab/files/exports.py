"""What Phoenix and MLflow export, as export requests: one JSON document, a line of JSON, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Final

from argus_lab.errors import MalformedPayload, PayloadTooLarge
from argus_lab.files.found import Found
from argus_lab.imports import read_record, records_of, without_nulls
from argus_lab.otlp import Resource, encode

if TYPE_CHECKING:
    import pyarrow as pa

    from argus_lab.errors import PayloadError
    from argus_lab.otlp import Span

__all__ = ["in_document", "in_parquet"]

SPANS_A_REQUEST: Final = 200
ROWS_AT_ONCE: Final = 500
SHOWN: Final = 8
"""Most columns that an error names."""
SERVICE: Final = "unknown_service"
"""What OpenTelemetry says in the place of a service that nobody named; exports leave resources out."""

Owner = str | None


def in_document(document: Any, place: str, limit: int, project: str | None) -> Iterator[Found] | None:
    """The requests of a parsed document; ``None`` if neither Phoenix nor MLflow wrote it.

    Parameters
    ----------
    document
        The parsed JSON.
    place
        Where it stands in its file.
    limit
        Most bytes one request may have.
    project
        Project to use where a trace says no more than the id of an MLflow experiment.
    """
    records = records_of(document)
    if records is None:
        return None
    if len(records) == 1:
        return _requests([(place, records[0])], place, limit, project)
    numbered = ((f"{place}, record {number}", record) for number, record in enumerate(records, 1))
    return _requests(numbered, place, limit, project)


def in_parquet(
    file: IO[bytes], limit: int, project: str | None, moved: Callable[[float], object]
) -> Iterator[Found]:
    """The requests of a Parquet file; ``moved`` is told the part of it that has been read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        rows = table.metadata.num_rows
        done = 0
        for batch in table.iter_batches(ROWS_AT_ONCE):
            records = [without_nulls(row) for row in _exact(batch).to_pylist()]
            if records_of(records) is None:
                yield Found(b"", "json", "the file", _foreign(batch))
                return
            numbered = ((f"row {done + number}", record) for number, record in enumerate(records, 1))
            yield from _requests(numbered, f"rows from {done + 1} on", limit, project)
            done += len(records)
            moved(done / rows)
    except pa.ArrowException as error:
        yield Found(b"", "json", "the file", MalformedPayload(f"its Parquet cannot be read: {error}"))


def _foreign(batch: pa.RecordBatch) -> PayloadError:
    names = batch.schema.names
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return MalformedPayload(
        "its columns are neither those of Phoenix's spans nor of MLflow's traces: "
        f"{', '.join(names[:SHOWN])}{more}; see docs/howto/import-files.md"
    )


def _exact(batch: pa.RecordBatch) -> pa.Table:
    """Its times as nanoseconds: Python's own keep microseconds."""
    import pyarrow as pa

    table = pa.Table.from_batches([batch])
    for place, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            nanos = table.column(place).cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
            table = table.set_column(place, column.name, nanos)
    return table


def _requests(
    records: Iterable[tuple[str, Any]], place: str, limit: int, project: str | None
) -> Iterator[Found]:
    """Requests of spans with one owner; a record that cannot be read is a problem at its own place."""
    spans: list[Span] = []
    owner: Owner = None
    for where, record in records:
        try:
            found = read_record(record)
        except MalformedPayload as error:
            yield Found(b"", "json", where, error)
            continue
        named = project or (f"mlflow-{found.experiment}" if found.experiment else None)
        if spans and (named != owner or len(spans) >= SPANS_A_REQUEST):
            yield from _encoded(spans, owner, place, limit)
            spans = []
        spans += found.spans
        owner = named
    if spans:
        yield from _encoded(spans, owner, place, limit)


def _encoded(spans: list[Span], owner: Owner, place: str, limit: int) -> Iterator[Found]:
    resource = {"service.name": SERVICE, **({"argus.project": owner} if owner else {})}
    body = encode(spans, resource=Resource(resource))
    if len(body) <= limit:
        yield Found(body, "json", place)
    elif len(spans) == 1:
        where = f"{place}, span {spans[0].span_id}"
        yield Found(b"", "json", where, _too_large(limit))
    else:
        middle = len(spans) // 2
        yield from _encoded(spans[:middle], owner, place, limit)
        yield from _encoded(spans[middle:], owner, place, limit)


def _too_large(limit: int) -> PayloadError:
    return PayloadTooLarge(f"it is larger than {limit} bytes; raise --max-body (ARGUS_MAX_BODY)")
