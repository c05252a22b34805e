"""Refused spans taken in after all: with a project, or by an Argus Lab that knows more.

Each refused span is kept as a request of its own. What would be accepted now goes through the
journal like any request and is then taken off the refused table; what would still be refused stays
as it is, once. A crash in between only repeats: spans that the lake has already are not sent again.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.exceptions import CommitFailedError

from argus_lab import otlp, settings
from argus_lab.conventions import admit
from argus_lab.errors import InvalidArgument, LakeBusy, MalformedPayload
from argus_lab.frames import pandas_of
from argus_lab.lake import frames, keeper, read
from argus_lab.lake import table as t
from argus_lab.lake.journal import Entry, JournalWriter, pack
from argus_lab.lake.selection import select
from argus_lab.otlp.export import Ids
from argus_lab.schema import REFUSED, SPANS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from deltalake.transaction import AddAction

    from argus_lab.conventions.admission import Admitted
    from argus_lab.lake.snapshot import Picked, Reader, Snapshot
    from argus_lab.otlp import Export

__all__ = ["redrive"]

AT_ONCE = 200
"""Refused spans held in memory at once: each may be as large as a request."""

ATTEMPTS = 5

KEY = ["project", "trace_id", "span_id"]
"""What makes a span the same span."""

VERDICT = pa.schema(
    [
        ("refusal_id", pa.string()),
        ("accepted", pa.bool_()),
        ("project", pa.string()),
        ("service", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("name", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
    ]
)


def redrive(
    readers: tuple[Reader, Reader], project: str | None, limit: int | None, selection: Mapping[str, Any]
) -> pd.DataFrame:
    """A row per refused span that was tried, oldest first: whether it was taken in, else why not."""
    spans, refused = readers
    if spans.as_of is not None:
        raise InvalidArgument("a lake opened with as_of is read only; open it without to redrive.")
    if project is not None and not project.strip():
        raise InvalidArgument(f"project={project!r}: the name of a project is expected.")
    filter = select(REFUSED, selection)

    def chosen(snapshot: Snapshot) -> tuple[Picked, list[str], int]:
        picked = snapshot.pick(filter)
        rows, matched = read.load(picked, ["refusal_id"], limit=limit, order="oldest")
        return picked, rows["refusal_id"].to_pylist(), matched

    picked, ids, matched = read.on_newest(refused, chosen)
    verdicts = _taken_in(readers, ids, project) if ids else []
    _forget(refused.lake, {verdict["refusal_id"] for verdict in verdicts if verdict["accepted"]})
    found = pandas_of(pa.Table.from_pylist(verdicts, schema=VERDICT))
    told = frames.provenance(picked, VERDICT.names, matched=matched, returned=len(verdicts))
    told["asked"] = {"project": project, **told["asked"]}
    found.attrs["argus"] = told
    return found


def _taken_in(readers: tuple[Reader, Reader], ids: list[str], project: str | None) -> list[dict[str, Any]]:
    """Verdicts on refused spans; the accepted ones are in the lake on return."""
    spans, refused = readers
    chosen = settings.read(os.environ, lake=refused.lake)
    # An earlier redrive may have been cut short: what it journalled is to be found below.
    keeper.drain(chosen)
    verdicts: list[dict[str, Any]] = []
    writer = JournalWriter(t.journal_root(refused.lake))
    try:
        for start in range(0, len(ids), AT_ONCE):
            tried = [
                _tried(row, project or chosen.default_project)
                for row in _rows(refused, ids[start : start + AT_ONCE])
            ]
            verdicts.extend(verdict for verdict, _ in tried)
            entries = [pair for _, pairs in tried for pair in pairs]
            stored = _stored(spans, {key for key, _ in entries})
            fresh = [pack(entry) for key, entry in entries if key not in stored]
            if fresh:
                writer.append(fresh)
    finally:
        writer.close()
    keeper.drain(chosen)
    return verdicts


def _rows(refused: Reader, ids: list[str]) -> list[dict[str, Any]]:
    """Refused spans with what was sent; ``received_at`` in microseconds."""
    filter = select(REFUSED, {"where": "list_contains($ids, refusal_id)", "params": {"ids": ids}})

    def load(snapshot: Snapshot) -> pa.Table:
        return read.load(snapshot.pick(filter), REFUSED.names, limit=None, order="oldest")[0]

    rows = read.on_newest(refused, load)
    place = rows.schema.get_field_index("received_at")
    return rows.set_column(place, "received_at", rows["received_at"].cast(pa.int64())).to_pylist()  # type: ignore[no-any-return]


Key = tuple[str, ...]
"""Project, trace id and span id: what makes a span the same span."""


def _tried(row: Mapping[str, Any], project: str | None) -> tuple[dict[str, Any], list[tuple[Key, Entry]]]:
    """The verdict on a row, and what to journal of it. A row may hold a whole request."""
    encoding, text = row["encoding"], row["body"]
    body = text.encode() if encoding == "json" else base64.b64decode(text)
    verdict = {name: row.get(name) for name in VERDICT.names} | {"accepted": False}
    try:
        export = otlp.decode(body, encoding)
    except MalformedPayload as error:
        return verdict | {"reason": "malformed", "message": str(error)}, []
    admission = admit(export, project=project)
    entries = [_entry(row, export, part, span, project) for part in admission.admitted for span in part.spans]
    if entries:
        owner = admission.admitted[0].owner
        verdict |= {"project": owner.project, "service": owner.service}
        verdict["trace_id"], verdict["span_id"] = entries[0][0][1:]
    if admission.refusals:
        refusal = admission.refusals[0]
        return verdict | {"reason": refusal.reason, "message": refusal.message}, entries
    return verdict | {"accepted": True, "reason": None, "message": None}, entries


def _entry(
    row: Mapping[str, Any], export: Export, part: Admitted, sent: Any, project: str | None
) -> tuple[Key, Entry]:
    """A span as a journal entry of its own."""
    ids = export.identify(sent)
    text = part.group.single(sent)
    body = text.encode() if export.encoding == "json" else base64.b64decode(text)
    key = (part.owner.project, *(ids if isinstance(ids, Ids) else ("", "")))
    return key, Entry(row["received_at"] * 1000, export.encoding, project, body)


def _stored(spans: Reader, keys: set[Key]) -> set[Key]:
    """Which of the spans the lake has already, however long ago they were received."""
    filter = select(SPANS, {"trace": sorted({trace_id for _, trace_id, _ in keys})})

    def load(snapshot: Snapshot) -> pa.Table:
        return read.load(snapshot.pick(filter), KEY, limit=None, order="stored")[0]

    return {tuple(row[name] for name in KEY) for row in read.on_newest(spans, load).to_pylist()}


def _forget(lake: str, ids: Collection[str]) -> None:
    """Take rows off the refused table, beside a keeper that adds and merges there."""
    for _ in range(ATTEMPTS if ids else 0):
        found = t.open_table(lake, REFUSED)
        removed, adds = [], []
        for file in pa.table(found.get_add_actions()).to_pylist():
            holds, kept = _without(lake, file, ids)
            if holds:
                removed.append(file)
                adds.extend(kept)
        try:
            if removed:
                t.swap(found, removed, adds)
        except CommitFailedError:
            continue  # another process merged these files first
        return
    if ids:
        raise LakeBusy(
            f"{len(ids)} spans are in the lake now, and still in its refused table, which other processes "
            "keep changing. Call redrive again; nothing is taken in twice."
        )


def _without(lake: str, file: Mapping[str, Any], ids: Collection[str]) -> tuple[bool, list[AddAction]]:
    """Whether a file holds any of the rows, and what to put in its place."""
    path = f"{t.table_uri(lake, REFUSED)}/{unquote(file['path'])}"
    is_out = pc.is_in(
        pq.read_table(path, columns=["refusal_id"], partitioning=None)["refusal_id"], pa.array(ids)
    )
    if not pc.any(is_out).as_py():
        return False, []
    kept = pq.read_table(path, partitioning=None).filter(pc.invert(is_out))
    return True, [t.write_file(lake, REFUSED, file["partition"], kept.to_reader())] if len(kept) else []
