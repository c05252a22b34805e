"""Each instrumentation runs once, against the stand-in; its spans are read back from a receiver's lake."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

import argus_lab as al
from tests.instrumentations import stand_in
from tests.receiver.conftest import PATIENCE, Running, launch

__all__ = ["launch"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "instrumentations" / "bin" / "python"
JSON_COLUMNS = ("input", "output", "tool_definitions", "attributes")
PROGRAM_SECONDS = 240.0  # the time after which a hang is called a hang

Row = dict[str, Any]


class Arrived(NamedTuple):
    """What a sender sent: its spans as a frame, and by scenario its rows, parsed, in order of their start."""

    frame: Any
    scenarios: dict[str, list[Row]]

    def calls(self, scenario: str) -> list[Row]:
        """The model calls of a scenario."""
        return [row for row in self.scenarios[scenario] if row["span_type"] == "llm"]

    def call(self, scenario: str) -> Row:
        """The one model call of a scenario."""
        (found,) = self.calls(scenario)
        return found


@pytest.fixture(scope="module")
def receiver(launch: Callable[..., Running]) -> Running:
    """One receiver for all senders."""
    return launch()


@pytest.fixture(scope="module")
def model_server() -> Iterator[str]:
    """The address of the stand-in for OpenAI and Ollama."""
    with stand_in.running() as url:
        yield url


@pytest.fixture(scope="module")
def sent(
    receiver: Running, model_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Arrived]:
    """What a sender's spans became; it runs when it is first asked for."""
    found: dict[str, Arrived] = {}

    def arrived(name: str) -> Arrived:
        if name not in found:
            _run(name, model_server, receiver.url, tmp_path_factory.mktemp(name))
            httpx.post(f"{receiver.url}/v1/flush", timeout=PATIENCE).raise_for_status()
            found[name] = _read(receiver.lake, name)
        return found[name]

    return arrived


def _run(name: str, model_server: str, receiver: str, folder: Path) -> None:
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON.parents[1]} is missing: run the tests with `make test`, which makes it.")
    foreign = ("OTEL_", "MLFLOW_", "TRACELOOP_", "LANGSMITH_", "LANGCHAIN_", "OPENAI_", "PYTHON")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    told = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": f"argus.project={name}",
        "OTEL_SERVICE_NAME": "sender",
        "MLFLOW_EXPERIMENT_ID": "0",  # without one it looks for a tracking server
        "no_proxy": "127.0.0.1",
    }
    ended = subprocess.run(
        [PYTHON, "-P", Path(__file__).parent / "send.py", name, model_server],
        env={**plain, **told},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def _read(lake: Path, project: str) -> Arrived:
    frame = al.open(lake).spans(columns="all", project=project).sort_values("start_unix_nano")
    by_trace: dict[str, list[Row]] = {}
    for record in frame.to_dict("records"):
        row = _plain(record)
        by_trace.setdefault(row["trace_id"], []).append(row)
    roots = {
        trace: next(row for row in rows if row["parent_span_id"] is None) for trace, rows in by_trace.items()
    }
    return Arrived(frame, {roots[trace]["name"]: rows for trace, rows in by_trace.items()})


def _plain(record: dict[str, Any]) -> Row:
    """A frame's row with None for what is missing, and JSON parsed."""
    plain = {
        name: None if value is None or str(value) in {"<NA>", "nan", "NaT"} else value
        for name, value in record.items()
    }
    parsed = {name: json.loads(plain[name]) for name in JSON_COLUMNS if plain[name]}
    return {**plain, **parsed}
