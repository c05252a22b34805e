"""%%trace in real kernels: the cell is what it was without the line, and its trace stands beneath it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

import argus_lab as al
from argus_lab.notebook.place import CELL, CODE, cell_number, notebook_name
from argus_lab.notebook.traced import Asked, asked_of, plain
from tests.notebook.conftest import LOAD, Kernel, Receiver, environment, free_port

Kernels = Callable[..., Kernel]

TRACED = """%%trace my step
with trace.get_tracer("t").start_as_current_span("inner <b>"):
    print("said")
6 * 7
"""


def _traces(receiver: Receiver, name: str) -> list[str]:
    receiver.flush()
    return al.open(receiver.lake).spans(where="name = $name", params={"name": name})["trace_id"].tolist()


def test_a_cell_and_its_trace(loaded: Kernel, receiver: Receiver):
    """Output, result, then the trace as HTML: one root span, the cell's spans below, text escaped."""
    ran = loaded.ok(TRACED)
    assert ran.kinds == ["stream", "execute_result", "display_data"]
    assert ran.outputs[1]["data"]["text/plain"] == "42"
    assert "inner &lt;b&gt;" in ran.html
    assert "<script" not in ran.html
    (trace_id,) = _traces(receiver, "my step")
    spans = al.open(receiver.lake).trace(trace_id)
    assert spans["name"].tolist() == ["my step", "inner <b>"]
    root, inner = spans["span_id"]
    assert spans["parent_span_id"].fillna("").tolist() == ["", root]
    assert inner != root
    numbers = {json.loads(text)[CELL] for text in spans["attributes"]}
    assert numbers == {ran.number}
    assert not any(CODE in text for text in spans["attributes"])


def test_an_error_is_raised_and_its_trace_shown(loaded: Kernel, receiver: Receiver):
    """The cell fails as ever, with its own line numbers; the root span is an error; the trace is there."""
    ran = loaded.run("%%trace broken\nx = 1\nx / 0")
    assert (ran.status, ran.error) == ("error", "ZeroDivisionError")
    assert ran.kinds == ["error", "display_data"]
    told = "\n".join(ran.outputs[0]["traceback"])
    assert "line 3" in told
    assert "broken" in ran.html
    (trace_id,) = _traces(receiver, "broken")
    (row,) = (row for _, row in al.open(receiver.lake).trace(trace_id).iterrows())
    assert (row["status"], row["error_type"]) == ("ERROR", "ZeroDivisionError")
    assert loaded.run("%%trace unreadable\nx ==").error == "SyntaxError"
    assert len(_traces(receiver, "unreadable")) == 1
    assert loaded.ok("1").text == "1"


def test_an_async_cell(loaded: Kernel, receiver: Receiver):
    """Top-level await works, spans after an await are below the cell's, and no context is left over."""
    ran = loaded.ok(
        "%%trace awaited\n"
        "import asyncio\n"
        "async def work(name):\n"
        "    with trace.get_tracer('t').start_as_current_span(name): await asyncio.sleep(0)\n"
        "await asyncio.gather(work('one'), work('two'))"
    )
    assert ran.kinds == ["execute_result", "display_data"]
    (trace_id,) = _traces(receiver, "awaited")
    spans = al.open(receiver.lake).trace(trace_id).set_index("name")
    assert set(spans.index) == {"awaited", "one", "two"}
    assert set(spans.loc[["one", "two"], "parent_span_id"]) == {spans.loc["awaited", "span_id"]}
    assert loaded.ok("trace.get_current_span() is trace.INVALID_SPAN").text == "True"
    failing = loaded.run("%%trace awaited error\nawait asyncio.sleep(0)\nraise KeyError('k')")
    assert (failing.error, failing.kinds) == ("KeyError", ["error", "display_data"])


def test_other_magics_and_nested_cells(loaded: Kernel, receiver: Receiver):
    """%%time below it works; a cell that runs cells is one trace, and a traced one inside has its own."""
    assert loaded.ok("%%trace\n%%time\n2 + 2").outputs[1]["data"]["text/plain"] == "4"
    ran = loaded.ok(
        "%%trace outside\n"
        'get_ipython().run_cell(\'trace.get_tracer("t").start_span("plain").end()\')\n'
        "get_ipython().run_cell('%%trace inside\\n1')\n"
        "trace.get_current_span().name"
    )
    assert "'outside'" in ran.text
    lake = al.open(receiver.lake)
    (outside,), (inside,) = _traces(receiver, "outside"), _traces(receiver, "inside")
    assert set(lake.trace(outside)["name"]) == {"outside", "plain"}
    assert set(lake.trace(inside)["name"]) == {"inside"}
    below = loaded.run("%%time\n%%trace\n1")
    assert "first line" in "\n".join(part.get("text", "") for part in below.outputs)


def test_the_code_is_sent_only_if_asked_for(loaded: Kernel, receiver: Receiver):
    """--code puts the cell's code into its span."""
    loaded.ok("%%trace with code --code\nsecret = 1")
    (trace_id,) = _traces(receiver, "with code")
    (text,) = al.open(receiver.lake).trace(trace_id)["attributes"]
    assert json.loads(text)[CODE] == "secret = 1"


def test_without_a_receiver_the_cell_is_unharmed(kernel: Kernels, tmp_path: Path):
    """One line says that nobody takes the spans; result and errors are the cell's own."""
    url = f"http://127.0.0.1:{free_port()}"
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=url, ARGUS_LAKE=str(tmp_path / "none"))
    here.ok(LOAD)
    ran = here.ok(TRACED)
    assert ran.outputs[1]["data"]["text/plain"] == "42"
    (line,) = ran.outputs[2]["text"].splitlines()
    assert "nobody takes spans at" in line
    assert "argus-lab serve" in line
    assert here.run("%%trace\n1 / 0").error == "ZeroDivisionError"


def test_another_lake_is_told(kernel: Kernels, receiver: Receiver, tmp_path: Path):
    """A receiver that keeps another lake than the one that is read: one line, and the cure."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, ARGUS_LAKE=str(tmp_path / "none"))
    here.ok(LOAD)
    ran = here.ok("%%trace elsewhere\n1")
    assert "no lake at" in ran.text
    assert "ARGUS_LAKE" in ran.text
    assert "elsewhere" in here.ok(f"%%trace elsewhere --lake {receiver.lake}\n1").html


def test_what_cannot_be_traced_runs(kernel: Kernels, receiver: Receiver):
    """No project, a wrong option, OpenTelemetry disabled: a line says so, and the cell runs."""
    here = kernel(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, ARGUS_LAKE=receiver.lake)
    here.ok("from argus_lab.notebook import magics\nmagics.load_ipython_extension(get_ipython())")
    ran = here.ok("%%trace\n6 * 7")
    assert "no project is known" in ran.text
    assert "42" in ran.text
    assert "no option '--cod'" in here.ok("%%trace --cod\n1").text
    here.ok("import os; os.environ['OTEL_SDK_DISABLED'] = 'true'")
    assert "OTEL_SDK_DISABLED" in here.ok("%%trace\n1").text


def test_unloading_ends_it(loaded: Kernel):
    """After unloading %%trace is no magic; loaded again it is, once."""
    loaded.ok("magics.unload_ipython_extension(get_ipython())")
    assert "UsageError" in str(loaded.run("%%trace\n1").outputs)
    loaded.ok("magics.load_ipython_extension(get_ipython())")
    assert loaded.ok("%%trace\n1").kinds == ["execute_result", "display_data"]


def test_a_notebook_that_is_run_holds_static_html(receiver: Receiver, tmp_path: Path, monkeypatch):
    """A notebook that nbclient runs: the saved file holds the trace, without script or server."""
    for name, value in environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, ARGUS_LAKE=receiver.lake
    ).items():
        monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(source) for source in (LOAD, TRACED)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
    nbformat.write(notebook, tmp_path / "run.ipynb")
    again = nbformat.read(tmp_path / "run.ipynb", as_version=4)
    html = again.cells[1].outputs[-1]["data"]["text/html"]
    assert "my step" in html
    assert "<script" not in html
    assert "http://127.0.0.1" not in html


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda t: t + "\n")))
def test_other_cells_are_left_as_they_are(lines: list[str]):
    """Only a first line that is %%trace is taken off."""
    whole = "".join(lines)
    if asked_of(whole) is None and not whole.lstrip().startswith("%%trace"):
        assert plain(lines) == lines
    body = plain(["%%trace x\n", *lines])
    assert body[-len(lines) :] == lines if lines else body == ["\n"]


@pytest.mark.parametrize(
    ("cell", "asked"),
    [
        ("%%trace\n1", Asked()),
        ("\n\n%%trace a b\n1", Asked("a b")),
        ("%%trace 'it is' --lake /data/lake\n", Asked("it is", "/data/lake")),
        ("%%trace --code", Asked(code=True)),
        ("%%tracer\n1", None),
        ("%%time\n%%trace", None),
        ("", None),
    ],
)
def test_what_the_line_asks_for(cell: str, asked: Asked | None):
    """Name, lake and code are read as a shell reads words."""
    assert asked_of(cell) == asked


def test_an_unclosed_quote_is_told():
    """A line that cannot be read is an argument error."""
    with pytest.raises(al.InvalidArgument, match="cannot be read"):
        asked_of("%%trace it's\n1")


def test_where_a_notebook_is_known_from():
    """VS Code's variable wins over Jupyter's; a folder is never told; outside a notebook nothing is known."""

    class Shell:
        user_ns = {"__vsc_ipynb_file__": "C:\\work\\own.ipynb"}  # noqa: RUF012  as IPython has it
        execution_count = 1

    assert notebook_name({"JPY_SESSION_NAME": "a/b.ipynb"}, Shell()) == "own.ipynb"
    assert notebook_name({"JPY_SESSION_NAME": "a/b.ipynb"}, None) == "b.ipynb"
    assert notebook_name({}, None) is None
    assert cell_number(None) is None
    assert cell_number(Shell()) is None
