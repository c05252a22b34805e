"""``/healthz``: the process lives. ``/readyz``: spans would be kept. ``/metrics``: what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sanic.response import HTTPResponse

from argus_server import answers, metrics
from argus_server.problems import RETRY_SECONDS

if TYPE_CHECKING:
    from argus_server.condition import Condition

__all__ = ["alive", "counted", "ready"]


def alive() -> HTTPResponse:
    """200 as long as the worker answers at all."""
    return answers.json_answer(200, {"status": "ok"})


def ready(condition: Condition) -> HTTPResponse:
    """200 if a trace request would be taken, else 503 with every reason."""
    if reasons := condition.reasons():
        headers = {"Retry-After": str(RETRY_SECONDS[503])}
        return answers.json_answer(503, {"status": "unavailable", "reasons": reasons}, headers)
    return answers.json_answer(200, {"status": "ready"})


def counted(condition: Condition) -> HTTPResponse:
    """All counters of all processes, in Prometheus' text format."""
    look = condition.look
    body = metrics.exposition(
        {
            "argus_ready": ("1 if a trace request would be taken.", float(not condition.reasons())),
            "argus_keeper_up": ("1 if the keeper works.", float(not look.absent and not look.failure)),
            "argus_backlog_bytes": ("Acknowledged bytes not yet in the lake.", float(look.backlog)),
            "argus_table_version": ("Version of the spans table.", float(look.table_version or 0)),
        },
        look.counts,
    )
    return HTTPResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")
