"""Health, readiness, metrics and flush."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

import argus_lab as al


def metric(text: str, name: str) -> float:
    """The sum of a metric's samples."""
    lines = [x for x in text.splitlines() if x.startswith((f"{name} ", f"{name}{{"))]
    assert lines, f"{name} is not among the metrics"
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_alive_and_ready(client, kit):
    """A started receiver is alive and, once its keeper runs, ready."""
    assert client.get("/healthz").json() == {"status": "ok"}
    kit.until(lambda: client.get("/readyz").status_code == 200, "ready")
    assert client.get("/readyz").json() == {"status": "ready"}


def test_metrics_add_up_over_workers(launch, kit):
    """Whichever worker is asked, the counters are those of all workers together."""
    running = launch("--workers", "2")
    accepted = 0
    for number in range(40):  # a new connection each time, so that both workers get some
        bad = kit.export(kit.span(), project=None if number % 4 == 0 else "p")
        request = {"resourceSpans": kit.export(kit.span())["resourceSpans"] + bad["resourceSpans"]}
        answer = httpx.post(f"{running.url}/v1/traces", content=kit.as_json(request), headers=kit.JSON)
        accepted += answer.json()["accepted"]
    httpx.post(f"{running.url}/v1/logs", content=b"{}", headers=kit.JSON)
    workers = {x["role"] for x in running.log() if x["event"] == "traces"}
    assert workers == {"worker 0", "worker 1"}
    for _ in range(6):
        text = httpx.get(f"{running.url}/metrics").text
        assert metric(text, "argus_spans_accepted_total") == accepted == 70
        assert metric(text, "argus_spans_refused_total") == 10
        assert metric(text, "argus_exports_ignored_total") == 1
        assert 'argus_requests_total{encoding="json",signal="traces",status="200"} 40.0' in text
        assert metric(text, "argus_in_flight_bytes") == 0


def test_flush_makes_readable(receiver, client, kit):
    """What was acknowledged before a flush is in the lake's frames after it, and flushing twice is well."""
    request = kit.export(kit.span(name="flush me"), project="flush-project")
    client.post("/v1/traces", content=kit.as_json(request), headers=kit.JSON)
    answer = client.post("/v1/flush")
    assert (answer.status_code, answer.json()["flushed"]) == (200, True)
    frame = al.open(str(receiver.lake)).spans(project="flush-project")
    assert list(frame["name"]) == ["flush me"]
    assert client.post("/v1/flush").json()["tableVersion"] >= answer.json()["tableVersion"]


def test_flush_does_not_wait_for_the_interval(launch, kit):
    """A flush asks for a commit now, however seldom commits are made."""
    running = launch("--commit-every", "3600")
    for _ in range(3):
        body = kit.as_json(kit.export(kit.span()))
        assert httpx.post(f"{running.url}/v1/traces", content=body, headers=kit.JSON).status_code == 200
        assert httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200
    assert al.open(str(running.lake)).count() == 3


def test_flush_says_when_it_takes_too_long(launch, kit):
    """With a keeper that stands still, flush ends at its timeout with a 503; later it succeeds."""
    running = launch()
    kit.until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200, "the keeper")
    keeper = running.pid("keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        body = kit.as_json(kit.export(kit.span()))
        assert httpx.post(f"{running.url}/v1/traces", content=body, headers=kit.JSON).status_code == 200
        answer = httpx.post(f"{running.url}/v1/flush?timeout=0.2")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "timeout" in answer.json()["message"]
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert httpx.post(f"{running.url}/v1/flush", timeout=kit.PATIENCE).status_code == 200


@pytest.mark.parametrize("timeout", ["x", "-1", "301", "nan", "inf"])
def test_flush_with_a_timeout_that_is_none(client, timeout):
    """A timeout that is no number of seconds in range is a 400 that says the range."""
    answer = client.post(f"/v1/flush?timeout={timeout}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_argument")
