"""What a page shows when it cannot show what it is for: how to begin, what is wrong, that nothing matches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab.dashboards.parts import Part, web
from argus_lab.display.units import plural
from argus_lab.errors import LakeNotFound, LakeUnavailable, LakeVersionError, MissingExtra, NotFound

if TYPE_CHECKING:
    from argus_lab.dashboards.following import State

__all__ = ["Notice", "beginning", "nothing_matches", "notice_of", "trouble", "unwelcome"]

ENDPOINT = "http://127.0.0.1:4000/v1/traces"
SDK = """export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_RESOURCE_ATTRIBUTES=argus.project=my-bot
export OTEL_SERVICE_NAME=my-service"""
CURL = """curl -X POST http://127.0.0.1:4000/v1/traces \\
  -H 'Content-Type: application/json' \\
  -H 'X-Argus-Project: my-bot' \\
  --data-binary @- <<'JSON'
{"resourceSpans": [{"resource": {"attributes": [
   {"key": "service.name", "value": {"stringValue": "my-service"}}]},
 "scopeSpans": [{"spans": [{
   "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "chat",
   "startTimeUnixNano": "1772366400000000000", "endTimeUnixNano": "1772366400900000000",
   "attributes": [
     {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
     {"key": "gen_ai.request.model", "value": {"stringValue": "llama3.2"}},
     {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
     {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "3"}}]}]}]}]}
JSON"""
PROJECT = (
    "Each resource names its project with the attribute argus.project, or the request does with the header "
    "X-Argus-Project."
)
ELSEWHERE = (
    "Ask for them as http://127.0.0.1 or http://localhost with the port. From elsewhere use a tunnel, such "
    "as ssh -L 5006:127.0.0.1:5006; for a proxy in front name what it is called in ARGUS_DASHBOARD_ORIGINS."
)
NOTEBOOK = """import argus_lab as al

al.instrument(project="my-bot")"""


class Notice(Part):
    """A title, words, and lines to copy."""

    _esm = web("notice.js")
    _stylesheets = [web("look.css"), web("notice.css")]  # noqa: RUF012  Panel's way to name them


def beginning(lake: str) -> dict[str, Any]:
    """How to send the first trace, for a lake without any."""
    return {
        "title": "Waiting for the first trace",
        "words": [
            f"The lake {lake} is empty. This page shows traces as soon as they arrive.",
            f"The endpoint is {ENDPOINT}, for OTLP as JSON or protobuf; port 4318 is the same.",
            PROJECT,
        ],
        "lines": [
            ["Start the receiver, if it does not run yet", f"argus-lab serve --lake {_quoted(lake)}"],
            ["Any OpenTelemetry SDK", SDK],
            ["From this notebook", NOTEBOOK],
            ["By hand", CURL],
        ],
    }


def nothing_matches() -> dict[str, Any]:
    """Nothing matches what was chosen."""
    return {
        "title": "Nothing matches these choices",
        "words": ["Take a longer stretch of time, or leave out a choice. “Clear” takes all of them out."],
    }


def unwelcome() -> dict[str, Any]:
    """The page was asked for from elsewhere, or by a name that is not this machine's."""
    return {
        "title": "These pages are for this machine only",
        "words": [ELSEWHERE],
        "is_wrong": True,
    }


def notice_of(state: State, lake: str, search: str, is_live: bool) -> tuple[str, bool]:  # noqa: FBT001  as chosen
    """What has to be said about all answers, the ``search``'s words among it; whether something is wrong."""
    if state.problem is not None and state.is_ready:
        return f"What is shown is of version {state.version}: {state.problem}", True
    if state.is_ready and state.since is not None:
        rest = plural(state.total - state.spans, "older one")
        return f"Spans since {state.since:%Y-%m-%d} are shown; {rest} are being read…", False
    how, why = state.receiver
    if how == "failing":
        return f"The receiver cannot write this lake, keeps what it gets, and tries again: {why}", True
    if how == "absent" and is_live and not search:
        start = f"argus-lab serve --lake {_quoted(lake)}"
        return f"No receiver of this machine runs on this lake. To take in what is new: {start}", False
    return search, False


def trouble(error: Exception, lake: str) -> dict[str, Any]:
    """What is wrong with the lake, and what can be done."""
    _, title, more, lines = next(trouble for trouble in TROUBLES if isinstance(error, trouble[0]))
    return {
        "title": title,
        "words": [str(error), more],
        "lines": [[name, line.format(lake=_quoted(lake))] for name, line in lines],
        "is_wrong": True,
    }


TROUBLES: tuple[tuple[type[Exception], str, str, list[tuple[str, str]]], ...] = (
    (
        LakeNotFound,
        "There is no lake here",
        "A receiver makes one when it starts. This page looks again by itself.",
        [("Start a receiver on it", "argus-lab serve --lake {lake}")],
    ),
    (
        LakeVersionError,
        "This lake is of another version of Argus Lab",
        "Pages read the layout of this version only. Nothing was changed.",
        [("What the lake says", "argus-lab doctor --lake {lake}")],
    ),
    (
        LakeUnavailable,
        "The lake cannot be read",
        "This page tries again by itself; what was read before is not lost.",
        [],
    ),
    (NotFound, "Not found", "It may have been there and be gone: retention takes old days away.", []),
    (MissingExtra, "A part is not installed", "", []),
    (Exception, "Something went wrong", "The terminal that serves this page says more.", []),
)


def _quoted(lake: str) -> str:
    return (
        lake
        if lake.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum()
        else f"'{lake}'"
    )
