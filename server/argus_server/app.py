"""The routes. Nothing is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.config import Config
from sanic.exceptions import MethodNotAllowed, NotFound, SanicException
from sanic.http.constants import HTTP
from sanic.response import HTTPResponse

from argus_lab.lake.journal import journal_root
from argus_server import answers, flush, health, metrics
from argus_server.bodies import discard_body
from argus_server.logs import places
from argus_server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from sanic import Request

    from argus_server.chat.door import Door
    from argus_server.ingest import Receiver

__all__ = ["create_app"]

DISCARDED_BYTES: Final = 1024**3
"""Most bytes of an unwanted body that are read and dropped, so that its sender can read the answer."""

_PAGES: Final = (
    "POST /v1/traces, POST /v1/logs, POST /v1/metrics, POST /v1/flush, "
    "GET /v1/chat, GET /healthz, GET /readyz, GET /metrics"
)
IGNORED_SIGNALS: Final = ("logs", "metrics")
_CORS_HEADERS: Final = "content-type, content-encoding, x-argus-project"


def create_app(receiver: Receiver, door: Door) -> Sanic[Any, Any]:
    """The application of one worker; ``door`` is the way in to its chats."""
    defaults: dict[str, str | bool | int | float | None] = {
        "AUTO_EXTEND": False,
        "MOTD": False,
        # Bodies are read by our handlers with our limits; this one bounds what is dropped unread.
        "REQUEST_MAX_SIZE": DISCARDED_BYTES,
        "REQUEST_MAX_HEADER_SIZE": 16_384,
        # Longer than a flush may last, since Sanic ends a handler after this time.
        "RESPONSE_TIMEOUT": int(flush.MOST_SECONDS) + 30,
    }
    config = Config(defaults, env_prefix=None)  # settings are ours; SANIC_* variables are not read
    app: Sanic[Any, Any] = Sanic("argus-lab", config=config, configure_logging=False)
    # Not told that it serves HTTP/1.1 only, Sanic writes an empty Alt-Svc header into every answer.
    app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))
    _traces(app, receiver)
    _others(app, receiver, door)
    door.add_to(app)
    _problems(app, receiver)
    _cross_origin(app, receiver.settings.cors_origins)
    return app


def _traces(app: Sanic[Any, Any], receiver: Receiver) -> None:
    # stream=True everywhere: otherwise Sanic reads a whole body into memory before it asks us.
    @app.post("/v1/traces", stream=True, name="traces")
    async def traces(request: Request) -> HTTPResponse:
        return await receiver.traces(request)


def _others(app: Sanic[Any, Any], receiver: Receiver, door: Door) -> None:
    root = journal_root(receiver.settings.lake)

    def ignored(signal: str) -> Callable[[Request], Coroutine[Any, Any, HTTPResponse]]:
        async def answer(request: Request) -> HTTPResponse:
            encoding = answers.encoding_of(request.headers.get("content-type"))
            if encoding is None:
                raise Problem(415, "Content-Type must be application/json or application/x-protobuf")
            await discard_body(request)  # counted, not kept
            metrics.IGNORED.labels(signal).inc()
            metrics.REQUESTS.labels(signal, encoding, "200").inc()
            return answers.nothing(encoding)

        return answer

    for name in IGNORED_SIGNALS:
        app.add_route(ignored(name), f"/v1/{name}", methods=["POST"], stream=True, name=name)

    @app.post("/v1/flush", stream=True, name="flush")
    async def flushed(request: Request) -> HTTPResponse:
        await door.flush()
        return await flush.flush(request, root)

    @app.get("/healthz", name="healthz")
    async def alive(_: Request) -> HTTPResponse:
        return health.alive()

    @app.get("/readyz", name="readyz")
    async def ready(_: Request) -> HTTPResponse:
        return health.ready(receiver.condition)

    @app.get("/metrics", name="counted")
    async def counted(_: Request) -> HTTPResponse:
        return health.counted(receiver.condition)


def _problems(app: Sanic[Any, Any], receiver: Receiver) -> None:
    """Every exception becomes an answer that a client understands, and never a 500."""

    @app.exception(Exception)
    async def answered(request: Request, error: Exception) -> HTTPResponse:
        encoding = answers.encoding_of(request.headers.get("content-type")) or "json"
        return answers.problem(_problem_of(request, error, receiver), encoding)


def _problem_of(request: Request, error: Exception, receiver: Receiver) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotFound):
        return Problem(404, f"there is no such address here; there are: {_PAGES}")
    if isinstance(error, MethodNotAllowed):
        found = Problem(405, f"this address does not take {request.method}; there are: {_PAGES}")
        found.headers["Allow"] = str(error.headers.get("Allow", ""))
        return found
    if isinstance(error, SanicException) and error.status_code < 500:  # noqa: PLR2004
        status = error.status_code if error.status_code in {413, 417} else 400
        return Problem(status, f"not a request this receiver understands: {error}", error="bad_request")
    # A 500 makes every OTLP client drop its batch; after a 503 it sends again.
    receiver.log("error", "unexpected", method=request.method, exception=places(error))
    return Problem(503, f"the receiver met an unexpected {type(error).__name__}; its log says where")


def _cross_origin(app: Sanic[Any, Any], origins: tuple[str, ...]) -> None:
    """Let pages of the listed origins post, as browsers ask before they do."""
    if not origins:
        return

    def granted(request: Request) -> str | None:
        origin = request.headers.get("origin")
        return origin if origin and ("*" in origins or origin in origins) else None

    async def preflight(request: Request) -> HTTPResponse:
        if granted(request) is None:
            raise Problem(403, "this origin may not post here (setting cors_origins, ARGUS_CORS_ORIGINS)")
        headers = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": _CORS_HEADERS,
            "Access-Control-Max-Age": "600",
        }
        return HTTPResponse(status=204, headers=headers)

    for name in ("traces", *IGNORED_SIGNALS):
        app.add_route(preflight, f"/v1/{name}", methods=["OPTIONS"], name=f"preflight_{name}")

    @app.on_response  # type: ignore[untyped-decorator]
    async def grant(request: Request, response: HTTPResponse) -> None:
        if (origin := granted(request)) is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
