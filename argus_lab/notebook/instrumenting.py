"""``al.instrument()``: this kernel's own spans, sent to the receiver."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from argus_lab.errors import ArgusError, InvalidArgument, MissingExtra

try:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
except ImportError as error:
    raise MissingExtra.of("the OpenTelemetry SDK with its OTLP exporter", "lab") from error

from argus_lab.notebook.endpoint import Target, is_listening, target_of
from argus_lab.notebook.exporting import exporter_to
from argus_lab.notebook.instrumented import Aim, Instrumented
from argus_lab.notebook.instrumentors import installed, turned_on
from argus_lab.notebook.place import current_shell, notebook_name
from argus_lab.notebook.processor import processor_of
from argus_lab.notebook.sending import Sender

__all__ = ["active", "instrument"]

UNKNOWN = "unknown_service"
OURS = "_argus_made"
"""A tracer provider that was made here has this attribute."""

_on: list[Instrumented] = []
"""What is on in this kernel: one at most."""


def active() -> Instrumented | None:
    """What :func:`instrument` turned on in this kernel and nobody turned off."""
    return _on[0] if _on else None


def instrument(
    project: str | None = None,
    *,
    service: str | None = None,
    endpoint: str | None = None,
    instrumentors: Sequence[str] | None = None,
) -> Instrumented:
    """Send the spans that this kernel makes to the receiver. Safe to run again, with other values too.

    Sets up OpenTelemetry's SDK, or joins the tracer provider that is set up already; turns on the
    instrumentors that are installed; tags each span with the notebook's name and the cell's number
    (``argus.notebook.name``, ``argus.notebook.execution_count``); sends after each cell, and at the end.
    While no receiver answers, spans are kept, and sent once one does.

    Parameters
    ----------
    project
        The project that spans belong to. Default: ``argus.project`` in ``OTEL_RESOURCE_ATTRIBUTES``, else
        the project of the last call, else the notebook's name.
    service
        Default: ``OTEL_SERVICE_NAME``, else ``service.name`` in ``OTEL_RESOURCE_ATTRIBUTES``, else the
        service of the last call, else the notebook's name, else ``notebook``.
    endpoint
        Where the receiver is, such as ``http://127.0.0.1:4000``. Default: the standard variables
        ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` and ``OTEL_EXPORTER_OTLP_ENDPOINT``, else port 4318 here.
        Headers, time limit and compression come from the standard variables too.
    instrumentors
        Names of instrumentors, or of their distributions, to turn on; ``[]`` for none. Default: all that
        are installed, but one family a library, and those that
        ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` names.

    Returns
    -------
    Instrumented
        Says in words what is on, whether a receiver answers, and what is not as it should be.
        ``.flush()`` sends now, ``.uninstrument()`` undoes it.

    Raises
    ------
    InvalidArgument
        No project is known, the endpoint is no address, or no such instrumentor is installed.
    ArgusError
        A tracer provider is set that takes no span processor.
    """
    environ, shell = os.environ, current_shell()
    before = active()
    target = target_of(environ, endpoint)
    stem = PurePath(notebook_name(environ, shell) or "").stem
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Instrumented(Aim(project or "", service or "", target))
    provider = _provider()
    sent = _resource(provider)
    labels = {
        "argus.project": _project(project, sent, before, stem),
        "service.name": service or _service(environ, sent, before, stem),
    }
    if service is not None and "argus.service" in sent:
        labels["argus.service"] = service
    return _switched(before, provider, target, labels, instrumentors)


def _switched(
    before: Instrumented | None,
    provider: Any,
    target: Target,
    labels: dict[str, str],
    only: Sequence[str] | None,
) -> Instrumented:
    """The kernel connected to this target, whatever it was connected to before."""
    found = installed()
    outcomes = turned_on(
        found, provider, only=only, disabled=os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    )
    processor = processor_of(provider)
    now = Instrumented(
        Aim(labels["argus.project"], labels["service.name"], target),
        processor=processor,
        provider=provider,
        outcomes=before.kept_outcomes(outcomes) if before is not None else outcomes,
    )
    if before is not None and processor.is_connected and before.is_same(now):
        before.renew(now)
        return before
    exporter = exporter_to(target)
    processor.connect(Sender(exporter, labels, lambda: is_listening(target), target.traces), now.tags)
    if before is not None:
        now.follow(before)
    now.begin(_forget)
    _on[:] = [now]
    return now


def _forget(which: Instrumented) -> None:
    if which in _on:
        _on.remove(which)


def _provider() -> Any:
    found = trace.get_tracer_provider()
    if callable(getattr(found, "add_span_processor", None)):
        return found
    if not isinstance(found, trace.ProxyTracerProvider):
        kind = f"{type(found).__module__}.{type(found).__qualname__}"
        raise ArgusError(
            f"this kernel's tracer provider is a {kind}, which takes no span processor, and OpenTelemetry "
            "does not let it be replaced. Restart the kernel and run al.instrument() before what sets it, "
            "or send from there to the receiver: see docs/howto/send-traces.md."
        )
    made = TracerProvider()
    setattr(made, OURS, True)
    trace.set_tracer_provider(made)
    return made


def _resource(provider: Any) -> dict[str, Any]:
    """What spans say of their source: as their provider was told, else as the variables say now."""
    told = getattr(provider, "resource", None)
    if told is None or getattr(provider, OURS, False):
        told = Resource.create({})
    return dict(told.attributes)


def _project(given: str | None, sent: Mapping[str, Any], before: Instrumented | None, stem: str) -> str:
    found = given or sent.get("argus.project") or (before and before.project) or stem
    if not isinstance(found, str) or not found.strip():
        raise InvalidArgument(
            "no project is known: write al.instrument(project='my-bot'), or set "
            "OTEL_RESOURCE_ATTRIBUTES=argus.project=my-bot."
        )
    return found


def _service(
    environ: Mapping[str, str], sent: Mapping[str, Any], before: Instrumented | None, stem: str
) -> str:
    named = str(sent.get("service.name", UNKNOWN))
    if environ.get("OTEL_SERVICE_NAME") or not named.startswith(UNKNOWN):
        return named
    return (before and before.service) or stem or "notebook"


@atexit.register
def _at_exit() -> None:
    on = active()
    if on is not None:
        on.close()
