"""al.instrument() in real kernels: every span once, in the right project, tagged, and words that are true."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd

import argus_lab as al
from tests.notebook.conftest import Kernel, Receiver, environment, free_port

START = "from argus_lab.notebook.instrumenting import instrument\nfrom opentelemetry import trace"
SPAN = """
with trace.get_tracer("test").start_as_current_span({name!r}) as span: pass
f"{{span.context.trace_id:032x}}"
"""
MINE = """
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
mine = TracerProvider(resource=Resource({"service.name": "mine", "team": "red"}))
mine.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(mine)
"""

Kernels = Callable[..., Kernel]


def _span(kernel: Kernel, name: str = "work") -> str:
    """Make a span in the kernel; its trace id."""
    return kernel.ok(SPAN.format(name=name)).text.strip("'")


def _trace(receiver: Receiver, trace_id: str) -> pd.DataFrame:
    receiver.flush()
    return al.open(receiver.lake).wait_for(trace_id, timeout=60)


def _told(row: pd.Series, group: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(row[group])
    return found


def test_running_it_twice_sends_each_span_once(loaded: Kernel, receiver: Receiver):
    """The same cell again changes nothing and says so; the span is in the lake once, with its tags."""
    first = loaded.ok("on = instrument('twice', service='bot', instrumentors=[])\non").text
    assert "project 'twice', service 'bot'" in first
    assert "the receiver answers" in first
    again = loaded.ok("same = instrument('twice', service='bot', instrumentors=[])\nsame").text
    assert again.startswith("On already.")
    assert loaded.ok("on is same").text == "True"
    ran = loaded.ok(SPAN.format(name="work"))
    (row,) = (row for _, row in _trace(receiver, ran.text.strip("'")).iterrows())
    assert (row["project"], row["service"], row["name"]) == ("twice", "bot", "work")
    assert _told(row, "attributes") == {
        "argus.notebook.name": "story.ipynb",
        "argus.notebook.execution_count": 5,
    }


def test_another_project_takes_over(loaded: Kernel, receiver: Receiver):
    """Spans go to the project that was set when they were made; the words say what changed."""
    loaded.ok("on = instrument('before', instrumentors=[])")
    earlier = _span(loaded)
    changed = loaded.ok("instrument('after', instrumentors=[])").text
    assert changed.startswith("Changed (project was 'before').")
    later = _span(loaded)
    assert _trace(receiver, earlier)["project"].tolist() == ["before"]
    assert _trace(receiver, later)["project"].tolist() == ["after"]
    assert loaded.ok("on").text.startswith("Off:")


def test_a_provider_that_is_there_is_joined(kernel: Kernels, receiver: Receiver):
    """The user's own SDK set-up stays: its exporter gets its spans, ours get project and service."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    here.ok(START)
    here.ok(MINE)
    here.ok("for _ in range(3): on = instrument('joined', instrumentors=[])")
    (row,) = (row for _, row in _trace(receiver, _span(here)).iterrows())
    assert (row["project"], row["service"]) == ("joined", "mine")
    assert _told(row, "resource")["team"] == "red"
    told = here.ok("[s.resource.attributes.get('argus.project') for s in exporter.get_finished_spans()]").text
    assert told == "[None]"


def test_a_foreign_provider_is_an_error_with_a_cure(kernel: Kernels, receiver: Receiver):
    """A provider that takes no processor cannot be joined or replaced, and the message says what to do."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    here.ok(START)
    here.ok("trace.set_tracer_provider(trace.NoOpTracerProvider())")
    ran = here.run("instrument('foreign')")
    assert ran.error == "ArgusError"
    assert "Restart the kernel" in ran.outputs[-1]["evalue"]


def test_uninstrument_undoes_it(loaded: Kernel, receiver: Receiver):
    """Afterwards nothing is sent; on again, spans are sent once."""
    loaded.ok("on = instrument('undone', instrumentors=[])")
    before = _span(loaded)
    loaded.ok("on.uninstrument(); on.uninstrument()")
    assert loaded.ok("on").text.startswith("Off:")
    silent = _span(loaded)
    loaded.ok("on = instrument('undone', instrumentors=[])")
    after = _span(loaded)
    lake = al.open(receiver.lake)
    assert len(lake.wait_for(before, timeout=60)) == len(lake.wait_for(after, timeout=60)) == 1
    assert lake.count(trace=silent) == 0


def test_spans_wait_for_a_receiver(kernel: Kernels, serve: Callable[..., Receiver]):
    """Without a receiver the words and one line say so; what was made meanwhile arrives once one runs."""
    port = free_port()
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    here.ok(START)
    assert "start the receiver with:  argus-lab serve" in here.ok("on = instrument('late')\non").text
    early = [_span(here) for _ in range(3)]
    assert here.ok("on.flush()").text == "False"
    started = serve(port=port)
    assert here.ok("on.flush()").text == "True"
    for trace_id in early:
        assert len(_trace(started, trace_id)) == 1


def test_what_is_not_taken_is_told(kernel: Kernels):
    """Where something answers that does not take spans, the words say how many spans are lost."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(400)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
            here.ok(f"{START}\non = instrument('elsewhere', instrumentors=[])")
            _span(here)
            assert here.ok("on.flush()\non.dropped").text == "1"
            assert "Lost: 1 spans that were not taken" in here.ok("on").text
        finally:
            server.shutdown()


def test_what_is_never_sent_is_told_at_the_end(tmp_path: Path):
    """A program that ends without a receiver says in one line how many spans are lost."""
    code = f"{START}\non = instrument('lost', instrumentors=[])\n{SPAN.format(name='work')}"
    url = f"http://127.0.0.1:{free_port()}"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=url),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr.strip() == (
        f"1 spans were not sent: nobody answers at {url}/v1/traces. Start the receiver with:  argus-lab serve"
    )


def test_the_end_of_the_kernel_sends_the_rest(kernel: Kernels, receiver: Receiver):
    """Spans of the last cell arrive though the kernel ends at once."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="600000")
    here.ok(START)
    trace_id = here.ok(f"on = instrument('ended', instrumentors=[])\n{SPAN.format(name='last')}").text.strip(
        "'"
    )
    here.stop()
    assert len(_trace(receiver, trace_id)) == 1


def test_the_standard_variables_steer_it(kernel: Kernels, receiver: Receiver):
    """Project, service and endpoint come from OTEL_*; OTEL_SDK_DISABLED switches it off."""
    here = kernel(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.url}/v1/traces",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_RESOURCE_ATTRIBUTES="argus.project=from-variable,deployment.environment.name=test",
        OTEL_SERVICE_NAME="named",
    )
    here.ok(START)
    here.ok("on = instrument(instrumentors=[])")
    (row,) = (row for _, row in _trace(receiver, _span(here)).iterrows())
    assert (row["project"], row["service"], row["environment"]) == ("from-variable", "named", "test")
    here.ok("import os; os.environ['OTEL_SDK_DISABLED'] = 'true'")
    assert here.ok("instrument('x')").text.startswith("Off: OTEL_SDK_DISABLED")


def test_without_a_project_it_asks_for_one(kernel: Kernels, receiver: Receiver):
    """The notebook's name is the project if nothing else is; without a name it is an error with the cure."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    here.ok(START)
    ran = here.run("instrument()")
    assert ran.error == "InvalidArgument"
    assert "al.instrument(project='my-bot')" in ran.outputs[-1]["evalue"]
    assert here.run("instrument('x', endpoint='localhost:4318')").error == "InvalidArgument"
    here.ok("__vsc_ipynb_file__ = '/folder/my story.ipynb'")
    assert "project 'my story', service 'my story'" in here.ok("instrument()").text


def test_no_cell_complains_about_contexts(loaded: Kernel, receiver: Receiver):
    """A generator that is stopped early inside a traced cell leaves no span behind and no error."""
    loaded.ok("on = instrument('contexts', instrumentors=[])")
    left = loaded.ok(
        "%%trace\n"
        "from opentelemetry import context\n"
        "leaked = trace.get_tracer('t').start_span('leaked')\n"
        "_ = context.attach(trace.set_span_in_context(leaked))\n"
        "leaked.end()"
    )
    awaited = loaded.ok("%%trace\nimport asyncio\nawait asyncio.sleep(0)")
    assert loaded.ok("trace.get_current_span() is trace.INVALID_SPAN").text == "True"
    assert "Failed to detach" not in left.text + awaited.text
