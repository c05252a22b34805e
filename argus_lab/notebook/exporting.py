"""The exporter that takes spans to a receiver, past a proxy where that could not reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_lab.errors import MissingExtra
from argus_lab.notebook.endpoint import is_here

try:
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
except ImportError as error:
    raise MissingExtra.of("the OpenTelemetry SDK with its OTLP exporter", "lab") from error

if TYPE_CHECKING:
    from argus_lab.notebook.endpoint import Target

__all__ = ["exporter_to"]


def exporter_to(target: Target) -> OTLPSpanExporter:
    """An exporter of OpenTelemetry's SDK that posts to the target.

    Where a proxy is set up (``HTTP_PROXY``) and nobody said that this machine is none of its business
    (``NO_PROXY``), spans for a receiver of this machine would go to the proxy and be lost.
    """
    session = requests.Session()
    session.trust_env = not is_here(target.traces)
    return OTLPSpanExporter(endpoint=target.traces, session=session)
