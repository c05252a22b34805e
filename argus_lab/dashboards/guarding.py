"""Who may see the pages: visitors of this machine, who ask for it by its own name, outside frames of others.

A page of a stranger cannot read ours: browsers keep its requests to us from being read. It could let a name
of its own point at this machine, which then looks like its own to a browser; so requests by other names are
refused. It could put our page into a frame; answers forbid that. It could open a websocket; Bokeh refuses
those of other origins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tornado.routing import Matcher, Rule
from tornado.web import Application, ErrorHandler, OutputTransform

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders, HTTPServerRequest

__all__ = ["OWN_NAMES", "guard", "is_welcome", "names_of"]

OWN_NAMES = ("127.0.0.1", "localhost")
MISDIRECTED = 421

POLICY = "; ".join(  # noqa: FLY002  a line a rule
    (
        "default-src 'self'",
        # Bokeh compiles its callbacks, and components are modules of blobs.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "object-src 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def names_of(port: int, more: Iterable[str] = ()) -> list[str]:
    """What the pages may be called in an address: this machine's own names with the port, and ``more``."""
    return [*(f"{name}:{port}" for name in OWN_NAMES), *more]


def is_welcome(host: str, address: str | None) -> bool:
    """Whether a page may be shown to who asks for it by this name from this address.

    Examples
    --------
    >>> is_welcome("localhost:5006", "127.0.0.1"), is_welcome("evil.example:5006", "127.0.0.1")
    (True, False)
    >>> is_welcome("127.0.0.1:5006", "192.0.2.7")
    False
    """
    name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
    if name not in OWN_NAMES:
        return False
    try:
        return address is None or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def guard(application: Application, names: Iterable[str]) -> None:
    """Let the application answer only who calls it by these names, with headers that keep others out."""
    refused = Rule(_Strange(frozenset(names)), ErrorHandler, {"status_code": MISDIRECTED})
    application.default_router.rules.insert(0, refused)
    application.add_transform(_Headers)


class _Strange(Matcher):
    """Matches requests that call this server by a name that is not its own."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if request.host.lower() in self._names else {}


class _Headers(OutputTransform):
    """Puts the headers on every answer."""

    def __init__(self, request: HTTPServerRequest) -> None:
        del request

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001  as Tornado calls it
    ) -> tuple[int, HTTPHeaders, bytes]:
        del finishing
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk
