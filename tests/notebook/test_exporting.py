"""Where exports go when a proxy is set up: never there, if the receiver is on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult, SpanProcessor

from argus_lab.notebook.endpoint import Target, answer_of, is_listening
from argus_lab.notebook.exporting import exporter_to

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what it was asked for, in its own words."""
    lines: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            lines.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", lines
        server.shutdown()
        thread.join()


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A proxy for everything, as the variables say it; it does not answer."""
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", NOBODY)
    return monkeypatch


def _sent(target: Target) -> SpanExportResult:
    spans: list = []

    class Kept(SpanProcessor):
        def on_end(self, span: object) -> None:
            spans.append(span)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Kept())
    provider.get_tracer("tests").start_span("one").end()
    exporter = exporter_to(target)
    try:
        return exporter.export(spans)
    finally:
        exporter.shutdown()


@pytest.mark.usefixtures("proxied")
def test_spans_for_this_machine_pass_a_proxy_by(asked: tuple[str, list[str]]):
    """With a proxy that nobody answers at, spans arrive at a receiver of this machine."""
    url, lines = asked
    assert _sent(Target(f"{url}/v1/traces", url)) is SpanExportResult.SUCCESS
    assert lines == ["/v1/traces"]


def test_spans_for_elsewhere_go_through_the_proxy(asked: tuple[str, list[str]], proxied: pytest.MonkeyPatch):
    """A receiver that only the proxy can reach is asked through it."""
    url, lines = asked
    proxied.setenv("http_proxy", url)
    there = "http://receiver.invalid:4318"
    assert _sent(Target(f"{there}/v1/traces", there)) is SpanExportResult.SUCCESS
    assert lines == [f"{there}/v1/traces"]


@pytest.mark.usefixtures("proxied")
def test_a_receiver_of_this_machine_that_is_down_is_told():
    """The proxy is not taken for the receiver."""
    target = Target(f"{NOBODY}/v1/traces", NOBODY)
    assert not is_listening(target)
    assert answer_of(target).state == "silent"
