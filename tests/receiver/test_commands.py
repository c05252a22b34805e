"""The command line: exit statuses, help, and each command end to end."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import argus_lab as al
from argus_lab import settings
from argus_server.commands.dashboard import SETTINGS as OF_PAGES
from argus_server.commands.serve import SETTINGS


def run(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "argus_server", *map(str, arguments)]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ARGUS_")} | env
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ)


@pytest.mark.parametrize(
    "command", ["serve", "dashboard", "up", "import", "compact", "renormalize", "doctor", "demo"]
)
def test_help_has_an_example(command):
    """Every command's --help succeeds and shows an example of itself."""
    ended = run(command, "--help", COLUMNS="200")
    assert ended.returncode == 0
    assert f"Example: argus-lab {command}" in ended.stdout


def test_every_setting_is_an_option():
    """Each setting but the clients' is an option of serve or of dashboard, with its environment variable."""
    rows = [row for row in settings.ROWS if row.name != "receiver"]  # where a chat looks for one
    assert set(SETTINGS) | set(OF_PAGES) | {"dashboard_port"} == {row.name for row in rows}
    receiver, pages = (run(name, "--help", COLUMNS="300").stdout for name in ("serve", "dashboard"))
    for row in rows:
        name = "port" if row.name == "dashboard_port" else row.name
        text = pages if row.name.startswith("dashboard") else receiver
        assert f"--{name.replace('_', '-')}" in text
        assert row.variable in text


@pytest.mark.parametrize(
    ("arguments", "env", "word"),
    [
        (["serve", "--no-such-option"], {}, "--no-such-option"),
        (["no-such-command"], {}, "no-such-command"),
        (["serve", "--workers", "many"], {}, "workers"),
        (["serve", "--port", "x"], {}, "port"),
        (["serve", "--port", "70000"], {}, "port"),
        (["serve"], {"ARGUS_KEEP": "soon"}, "ARGUS_KEEP"),
        (["import"], {}, "FILES"),
        (["import", "x.json"], {"ARGUS_RULES": "/none/rules.toml"}, "ARGUS_RULES"),
        (["serve", "--rules", "/none/rules.toml"], {}, "/none/rules.toml"),
    ],
)
def test_wrong_use(arguments, env, word):
    """Wrong use exits with 2 and one line on stderr that names what is wrong."""
    ended = run(*arguments, **env)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert word.lower() in ended.stderr.lower()


def test_failure_is_one_line_and_debug_has_the_traceback(tmp_path):
    """A failing command exits with 1 and one line; --debug puts the traceback before it."""
    lake = tmp_path / "none"
    ended = run("compact", "--lake", lake)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert str(lake) in ended.stderr
    assert "Traceback" in run("--debug", "compact", "--lake", lake).stderr


def test_no_command_shows_the_help():
    """argus-lab alone shows what there is, as wrong use."""
    ended = run()
    assert ended.returncode == 2
    assert "serve" in ended.stdout + ended.stderr


@pytest.fixture
def files(tmp_path, kit):
    """The same kind of request, one span each, in every form that import reads."""
    requests = [kit.export(kit.span(), project="imported") for _ in range(7)]
    lines = b"".join(kit.as_json(r) + b"\n" for r in requests[:2])
    message = kit.as_protobuf(requests[6])
    contents = {
        "lines.jsonl": b"\n" + lines + b"\n",
        "lines.json.gz": gzip.compress(kit.as_json(requests[2]) + b"\n"),
        "pretty.json": b"\xef\xbb\xbf" + json.dumps(requests[3], indent=2).encode(),
        "one.pb": kit.as_protobuf(requests[4]),
        "one.pb.gz": gzip.compress(kit.as_protobuf(requests[5])),
        "measured.bin": len(message).to_bytes(4, "big") + message,
    }
    for name, body in contents.items():
        (tmp_path / name).write_bytes(body)
    return [tmp_path / name for name in contents], requests


def test_import_reads_every_form(files, tmp_path):
    """JSON, JSON lines, protobuf and the Collector's measured protobuf, gzipped or not, all arrive."""
    paths, requests = files
    lake = tmp_path / "lake"
    ended = run("import", *paths, "--lake", lake)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "7 spans accepted" in ended.stdout
    sent = {r["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] for r in requests}
    assert set(al.open(str(lake)).spans(project="imported")["span_id"]) == sent
    assert run("import", *paths, "--lake", lake).returncode == 0
    assert al.open(str(lake)).count() == 7  # importing again stores nothing twice


def test_import_into_a_lake_that_is_being_received(launch, files):
    """Import works beside a running receiver, whose keeper takes the journal in."""
    running = launch()
    paths, requests = files
    assert run("import", *paths, "--lake", running.lake).returncode == 0
    assert al.open(str(running.lake)).count() == len(requests)


def test_import_says_where_a_file_is_broken(tmp_path, kit):
    """A bad line is told with its number, costs no other line, and makes the exit status 1."""
    path = tmp_path / "some.jsonl"
    good = kit.as_json(kit.export(kit.span()))
    path.write_bytes(good + b"\n{broken\n" + kit.as_json(kit.export(kit.span())) + b"\n")
    lake = tmp_path / "lake"
    ended = run("import", path, "--lake", lake)
    assert ended.returncode == 1
    assert f"{path}: line 2:" in ended.stderr
    assert "2 spans accepted" in ended.stdout
    assert al.open(str(lake)).count() == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"some text", "neither"),
        (b"\x1f\x8b\x08\x00garbage", ""),
        (b"\0\0", "ends"),
    ],
)
def test_import_of_what_is_no_export(tmp_path, content, word):
    """A missing, empty, foreign or truncated file is one line on stderr and exit status 1."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    ended = run("import", path, "--lake", tmp_path / "lake")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert str(path) in ended.stderr
    assert word in ended.stderr


def test_import_refusals_are_counted_with_their_reason(tmp_path, kit):
    """Spans without a project are refused and kept; --default-project brings them in."""
    path = tmp_path / "file.json"
    path.write_bytes(kit.as_json(kit.export(kit.span(), project=None)))
    ended = run("import", path, "--lake", tmp_path / "lake")
    assert ended.returncode == 1
    assert "1 no_project" in ended.stdout
    assert run("import", path, "--lake", tmp_path / "lake", "--default-project", "p").returncode == 0
    assert al.open(str(tmp_path / "lake")).count(project="p") == 1


def test_import_line_that_is_too_long(tmp_path, kit):
    """A line over --max-body is told and skipped; the lines behind it are read."""
    path = tmp_path / "file.jsonl"
    good = kit.as_json(kit.export(kit.span()))
    path.write_bytes(
        good + b"\n" + b'{"x": "' + b"y" * 5000 + b'"}\n' + kit.as_json(kit.export(kit.span())) + b"\n"
    )
    ended = run("import", path, "--lake", tmp_path / "lake", "--max-body", "2000")
    assert ended.returncode == 1
    assert "line 2" in ended.stderr
    assert "2 spans accepted" in ended.stdout


def test_doctor_finds_all_well(launch):
    """Against a running receiver every check passes, and the test spans are in the lake."""
    running = launch()
    port = running.url.rpartition(":")[2]
    ended = run("doctor", "--port", port, "--lake", running.lake)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "fail" not in ended.stdout
    assert al.open(str(running.lake)).count(project="argus-doctor") == 3


def test_doctor_explains_failures(launch, tmp_path):
    """No receiver, and a receiver of another lake, are failures with their cure and exit status 1."""
    ended = run("doctor", "--port", 1, "--lake", tmp_path / "lake")
    assert ended.returncode == 1
    assert "argus-lab serve" in ended.stdout
    running = launch()
    ended = run("doctor", "--port", running.url.rpartition(":")[2], "--lake", tmp_path / "other")
    assert ended.returncode == 1
    assert "--lake" in ended.stdout


def test_demo_prints_the_sessions(tmp_path):
    """``demo --once`` sends the sample sessions over HTTP, prints them, and leaves a readable lake."""
    lake = tmp_path / "lake"
    ended = run("demo", "--once", "--no-browser", "--port", 0, "--lake", lake)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((Path(__file__).parents[2] / "datasets/support-sessions.facts.json").read_text())
    spans = facts["spans"] + 8  # the example trace has eight
    assert f"all {facts['sessions'] + 1}" in ended.stdout
    assert f"{spans:,}" in ended.stdout
    assert al.open(str(lake)).count() == spans


def test_demo_leaves_no_receiver_behind(tmp_path, kit):
    """Killed or stopped, the demo takes its receiver with it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        command = [
            sys.executable,
            "-P",
            "-m",
            "argus_server",
            "demo",
            "--port",
            "0",
            "--lake",
            str(tmp_path / "lake"),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            first = process.stdout.readline()
            [port] = re.findall(r":(\d+)/v1/traces", first)
            process.send_signal(number)
            process.wait(kit.PATIENCE)

        def gone(port: str = port) -> bool:
            return run("doctor", "--port", port, "--lake", tmp_path / "lake").returncode == 1

        kit.until(gone, "the port to be free")
