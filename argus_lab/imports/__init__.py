"""Spans that other systems export, as OTLP spans. Pure: values in, spans out; no files.

``records_of`` recognises a parsed document by its content, ``read_record`` turns one of its records into
spans. Whose spans they are stays for others to say: these systems export neither resource nor scope.
"""

from argus_lab.imports.documents import Imported, SpanLike, read_record, records_of
from argus_lab.imports.plain import parsed_json, without_nulls

__all__ = ["Imported", "SpanLike", "parsed_json", "read_record", "records_of", "without_nulls"]
