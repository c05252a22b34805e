"""Cells that begin with ``%%trace``: each runs in a span of its own, and its trace is shown beneath it.

The cell runs as it would without the line: ``await``, other cell magics, output and errors work as ever.
Its span is opened before IPython runs the cell and closed after it, and OpenTelemetry's current span is
set back to what it was, by value: an async cell runs in a task whose context nobody else may reset.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode

from argus_lab.display.show import show
from argus_lab.errors import ArgusError, InvalidArgument
from argus_lab.lake.opening import open as open_lake
from argus_lab.notebook.endpoint import flushed
from argus_lab.notebook.instrumenting import active, instrument
from argus_lab.notebook.place import CODE

if TYPE_CHECKING:
    from argus_lab.notebook.instrumented import Instrumented

__all__ = ["FIRST", "MAGIC", "Asked", "TracedCells", "asked_of", "plain"]

MAGIC = "%%trace"
FIRST = f"{MAGIC} has to be the first line of its cell; put other cell magics below it."
NAME = "notebook cell"
SEND_S = 5.0
"""How long the end of a traced cell waits for its spans to be sent, and then again to be readable."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands behind ``%%trace``: the span's name, the lake to read, whether to send the code."""

    name: str = NAME
    lake: str | None = None
    code: bool = False


@dataclass(frozen=True, slots=True)
class _Open:
    asked: Asked
    info: Any
    on: Instrumented
    span: trace.Span
    before: Context


def asked_of(cell: str) -> Asked | None:
    r"""What a cell asks for, if it begins with ``%%trace``.

    Examples
    --------
    >>> asked_of("%%trace first answer --code\nask('Where is my parcel?')")
    Asked(name='first answer', lake=None, code=True)
    >>> asked_of("print('%%trace')") is None
    True
    """
    first, _, _ = cell.lstrip().partition("\n")
    word, *rest = first.split(maxsplit=1) or [""]
    if word != MAGIC:
        return None
    try:
        words = iter(shlex.split(rest[0] if rest else ""))
    except ValueError as error:
        raise InvalidArgument(f"{first!r} cannot be read: {error}.") from error
    names: list[str] = []
    lake, code = None, False
    for each in words:
        if each == "--code":
            code = True
        elif each == "--lake":
            lake = next(words, None)
        elif each.startswith("--"):
            raise InvalidArgument(f"{MAGIC} has no option {each!r}; there are --code and --lake LAKE.")
        else:
            names.append(each)
    return Asked(" ".join(names) or NAME, lake, code)


def is_below(cell: str) -> bool:
    r"""Whether ``%%trace`` stands below another cell magic.

    Examples
    --------
    >>> is_below("%%time\n%%trace\n1"), is_below("%%trace\n%%time\n1")
    (True, False)
    """
    lines = cell.lstrip().splitlines()
    heads = list(takewhile(lambda line: line.startswith("%%"), lines))
    return any(asked_word(line) for line in heads[1:]) and not asked_word(heads[0])


def asked_word(line: str) -> bool:
    """Whether the line is ``%%trace`` with whatever follows it."""
    return line.split(maxsplit=1)[:1] == [MAGIC]


def plain(lines: list[str]) -> list[str]:
    """The lines of a cell without ``%%trace``; an input transformer of IPython.

    An empty line takes its place, so that line numbers in errors stay those of the cell, unless another
    cell magic follows, which has to stand first.
    """
    if not lines or not asked_word(lines[0]):
        return lines
    rest = lines[1:]
    return rest if any(rest) and rest[0].startswith("%%") else ["\n", *rest]


class TracedCells:
    """The hooks around cells of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._open: list[_Open] = []
        self._below: list[Any] = []

    def register(self) -> None:
        """From now on, ``%%trace`` means something here."""
        self._shell.input_transformers_cleanup.append(plain)
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)

    def unregister(self) -> None:
        """And no longer."""
        self._shell.input_transformers_cleanup.remove(plain)
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)

    def _before(self, info: Any) -> None:
        try:
            asked = asked_of(info.raw_cell)
            if asked is None:
                self._below += [info] if is_below(info.raw_cell) else []
                return
            self._below.clear()  # a magic above it ran the rest as a cell of its own
            on = active() or instrument()
        except ArgusError as error:
            print(f"{MAGIC}: this cell is not traced: {error}")  # noqa: T201  a notebook reads it
            return
        if on.processor is None:
            print(f"{MAGIC}: this cell is not traced. {on!r}")  # noqa: T201  the same
            return
        before = context.get_current()
        tracer = trace.get_tracer("argus_lab.notebook", tracer_provider=on.provider)
        span = tracer.start_span(asked.name, context=Context())
        on.processor.watch(span.get_span_context().trace_id)
        if asked.code:
            span.set_attribute(CODE, info.raw_cell.lstrip().partition("\n")[2])
        context.attach(trace.set_span_in_context(span, before))
        self._open.append(_Open(asked, info, on, span, before))

    def _after(self, result: Any = None) -> None:
        if self._below and (result is None or result.info is self._below[-1]):
            self._below.clear()
            print(f"{MAGIC}: this cell is not traced: {FIRST}")  # noqa: T201  the same
        if not self._open or (result is not None and result.info is not self._open[-1].info):
            return  # another cell, which this one runs
        cell = self._open.pop()
        # By value: a token may be used in its own context only, and an async cell's is gone by now. What
        # the cell left behind, such as the span of a generator that was never closed, goes with it.
        if context.get_current() is not cell.before:
            context.attach(cell.before)
        error = None if result is None else result.error_before_exec or result.error_in_exec
        if result is None or error is not None:
            _fail(cell.span, error)
        cell.span.end()
        try:
            self._show(cell)
        except KeyboardInterrupt:
            print(f"{MAGIC}: interrupted; {_later(cell)}")  # noqa: T201  the same

    def _show(self, cell: _Open) -> None:
        is_sent = cell.on.flush(SEND_S)
        told = cell.span.get_span_context()
        trace_id = trace.format_trace_id(told.trace_id)
        spans = cell.on.processor.watched(told.trace_id) if cell.on.processor is not None else 0
        if not told.trace_flags.sampled:
            print(f"{MAGIC}: the tracer provider's sampler left this cell out.")  # noqa: T201  the same
        elif cell.on.kept or not is_sent:
            print(  # noqa: T201  the same
                f"{MAGIC}: nobody takes spans at {cell.on.endpoint}; this cell's are kept and sent once "
                "somebody does. Start the receiver with:  argus-lab serve"
            )
        else:
            self._display(cell, trace_id, max(spans, 1))

    def _display(self, cell: _Open, trace_id: str, spans: int) -> None:
        from IPython.display import display

        is_readable = flushed(cell.on.target, SEND_S)
        try:
            lake = open_lake(cell.asked.lake)
            # What the receiver says is readable is there at once, or it keeps another lake.
            frame = lake.wait_for(trace_id, spans=spans, timeout=1.0 if is_readable else SEND_S)
        except ArgusError as error:
            hint = "If the receiver keeps another lake, name it: set ARGUS_LAKE, or %%trace --lake LAKE."
            print(f"{MAGIC}: trace {trace_id} cannot be shown: {error} {hint}")  # noqa: T201  the same
            return
        display(show(frame))  # type: ignore[no-untyped-call]


def _fail(span: trace.Span, error: BaseException | None) -> None:
    if error is not None:
        span.record_exception(error)
    told = f"{type(error).__name__}: {error}" if error is not None else "interrupted"
    span.set_status(Status(StatusCode.ERROR, told))


def _later(cell: _Open) -> str:
    trace_id = trace.format_trace_id(cell.span.get_span_context().trace_id)
    return f"al.show(al.open().trace({trace_id!r})) shows the trace."
