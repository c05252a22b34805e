"""Where spans are sent, as the standard ``OTEL_*`` variables say, and whether somebody answers there."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from opentelemetry import context

from argus_lab.errors import InvalidArgument

__all__ = ["Answer", "Target", "answer_of", "flushed", "is_here", "is_listening", "target_of"]

DEFAULT = "http://127.0.0.1:4318"
PATH = "/v1/traces"
PATIENCE = 1.0
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """The URL that spans are posted to, and the receiver's own URL if that can be told from it."""

    traces: str
    base: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is at a target: a receiver that takes spans, one that does not, another service, or nothing."""

    state: Literal["ready", "refusing", "other", "silent"]
    words: str


def target_of(environ: Mapping[str, str], endpoint: str | None = None) -> Target:
    """Where spans go: ``endpoint`` if given, else as the variables say, else to a receiver here.

    Examples
    --------
    >>> target_of({}).traces
    'http://127.0.0.1:4318/v1/traces'
    >>> target_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://argus.example:4000/"}).traces
    'http://argus.example:4000/v1/traces'
    >>> target_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://gateway.example/in"})
    Target(traces='http://gateway.example/in', base=None)
    """
    exact = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    general = endpoint or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or DEFAULT
    url = exact if exact and endpoint is None else general
    if urlsplit(url).scheme not in PORTS or not urlsplit(url).hostname:
        raise InvalidArgument(
            f"the endpoint {url!r} is no http address; the receiver's is {DEFAULT!r}. It comes from "
            "endpoint=, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    if url is general and not url.rstrip("/").endswith(PATH):
        url = url.rstrip("/") + PATH
    trimmed = url.rstrip("/")
    return Target(url, trimmed.removesuffix(PATH) if trimmed.endswith(PATH) else None)


def is_here(url: str) -> bool:
    """Whether an address is of this machine itself, which a proxy cannot reach."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def is_listening(target: Target) -> bool:
    """Whether something takes connections there; true where only a proxy could tell."""
    parts = urlsplit(target.traces)
    proxied = parts.scheme in urllib.request.getproxies() and not is_here(target.traces)
    if proxied and not urllib.request.proxy_bypass(parts.netloc):
        return True
    try:
        address = (parts.hostname or "", parts.port or PORTS[parts.scheme])
        socket.create_connection(address, PATIENCE).close()
    except OSError:
        return False
    return True


def answer_of(target: Target) -> Answer:
    """Who answers at the target, in words."""
    if not is_listening(target):
        return Answer("silent", "nobody answers there; start the receiver with:  argus-lab serve")
    if target.base is None:
        return Answer("other", "something answers there")
    try:
        with _asked(f"{target.base}/readyz") as response:
            said = _json(response.read())
    except urllib.error.HTTPError as error:
        return _refusal(error)
    except (OSError, http.client.HTTPException) as error:
        return Answer("other", f"something takes connections there, and gives no answer ({error})")
    if isinstance(said, dict) and said.get("status") == "ready":
        return Answer("ready", "the receiver answers")
    return Answer("other", "something answers there that is no Argus receiver")


def _refusal(error: urllib.error.HTTPError) -> Answer:
    with error:
        said = _json(error.read())
    if isinstance(said, dict) and said.get("reasons"):
        reasons = "; ".join(str(reason) for reason in said["reasons"])
        return Answer("refusing", f"the receiver takes no spans at the moment: {reasons}")
    return Answer("other", f"something answers there that is no Argus receiver (status {error.code})")


def flushed(target: Target, seconds: float) -> bool:
    """Whether the receiver says that all it acknowledged can be read; false if it does not say."""
    if target.base is None:
        return False
    try:
        with _asked(f"{target.base}/v1/flush?timeout={seconds:g}", b"", seconds + PATIENCE) as response:
            said = _json(response.read())
    except (OSError, http.client.HTTPException):
        return False
    return isinstance(said, dict) and said.get("flushed") is True


@contextmanager
def _asked(
    url: str, body: bytes | None = None, timeout: float = PATIENCE
) -> Iterator[http.client.HTTPResponse]:
    # Instrumentors of HTTP libraries leave out what is asked here, as they leave out exports.
    token = context.attach(context.set_value("suppress_instrumentation", value=True))
    try:
        with _opener(url).open(url, body, timeout) as response:
            yield response
    finally:
        context.detach(token)


def _opener(url: str) -> urllib.request.OpenerDirector:
    passed = [urllib.request.ProxyHandler({})] if is_here(url) else []
    return urllib.request.build_opener(*passed)


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
