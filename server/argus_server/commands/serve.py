"""``argus-lab serve``: the receiver."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from argus_server.addresses import bind
from argus_server.logs import Log
from argus_server.supervisor import Supervisor, announcement

if TYPE_CHECKING:
    from argus_lab.settings import Settings

__all__ = ["SETTINGS", "serve"]

SETTINGS = (
    "host",
    "port",
    "lake",
    "workers",
    "keep",
    "default_project",
    "rules",
    "max_body",
    "max_in_flight",
    "max_backlog",
    "commit_every",
    "compact_every",
    "target_file_size",
    "dedup_window",
    "dedup_ids",
    "vacuum_after",
    "ollama_host",
    "chat_generations",
    "chat_max_message",
    "chat_rate",
    "chat_buffer",
    "chat_grace",
    "chat_origins",
    "chat_hosts",
    "cors_origins",
    "log_level",
    "mode",
)


def serve(settings: Settings, *, stop_with_stdin: bool) -> int:
    """Receive traces until Ctrl-C or SIGTERM; then bring everything acknowledged into the lake."""
    if settings.rules is not None:
        from argus_lab.lake.rule_file import rules_of

        rules_of(settings)  # wrong rules are told now, and not only by the keeper
    bound = bind(settings.host, settings.port)
    for reason in bound.taken:
        print(f"argus-lab: {reason}; serving on {' and '.join(bound.urls)} only", file=sys.stderr)  # noqa: T201
    log = Log("supervisor", settings.log_level)
    try:
        supervisor = Supervisor(settings, bound, log, stop_with_stdin=stop_with_stdin)
        return supervisor.run(announcement(settings, bound))
    finally:
        bound.close()
        log.close()
