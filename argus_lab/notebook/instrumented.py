"""What ``al.instrument()`` turned on, in words, and the way to turn it off."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_lab.notebook.endpoint import Answer, Target, answer_of
from argus_lab.notebook.instrumentors import Outcome
from argus_lab.notebook.place import CELL, NOTEBOOK, cell_number, current_shell, notebook_name

if TYPE_CHECKING:
    from argus_lab.notebook.processor import KernelProcessor

__all__ = ["Aim", "Instrumented"]

AFTER_CELL_S = 0.5
"""How long the end of a cell waits for its spans to be sent; what takes longer goes on beside."""

AT_EXIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Aim:
    """What spans are labelled with, and where they go."""

    project: str
    service: str
    target: Target


class Instrumented:
    """The instrumentation of a kernel. Made by :func:`argus_lab.instrument`."""

    def __init__(
        self,
        aim: Aim,
        *,
        processor: KernelProcessor | None = None,
        provider: Any = None,
        outcomes: Sequence[Outcome] = (),
    ) -> None:
        self.aim, self.provider = aim, provider
        self.outcomes = list(outcomes)
        self._processor = processor
        self._forget: Callable[[Instrumented], None] | None = None
        self._note = ""
        self._shell: Any = None
        self.answer = answer_of(aim.target) if processor is not None else Answer("silent", "")

    @property
    def project(self) -> str:
        """The project that spans belong to."""
        return self.aim.project

    @property
    def service(self) -> str:
        """The service that spans are of."""
        return self.aim.service

    @property
    def target(self) -> Target:
        """Where spans are sent."""
        return self.aim.target

    @property
    def endpoint(self) -> str:
        """The URL that spans are sent to."""
        return self.target.traces

    @property
    def is_on(self) -> bool:
        """Whether spans are sent: not switched off, not disabled, provider not shut down."""
        return self._forget is not None and self._processor is not None and self._processor.is_connected

    @property
    def is_reachable(self) -> bool:
        """Whether something answered when this was made, or run again."""
        return self.answer.state != "silent"

    @property
    def instrumentors(self) -> list[str]:
        """The names of the instrumentors that are on."""
        return [outcome.which.name for outcome in self.outcomes if outcome.state == "on"]

    @property
    def kept(self) -> int:
        """How many spans wait in this kernel for a receiver."""
        sender = self._processor.sender if self._processor is not None else None
        return sender.kept if sender is not None else 0

    @property
    def dropped(self) -> int:
        """How many spans are lost: refused when they were sent, or too many to keep for a receiver."""
        sender = self._processor.sender if self._processor is not None else None
        return sender.dropped if sender is not None else 0

    @property
    def processor(self) -> KernelProcessor | None:
        """The span processor that tags and sends; None where OpenTelemetry is disabled."""
        return self._processor

    def __repr__(self) -> str:
        if self._processor is None:
            return "Off: OTEL_SDK_DISABLED is true, so OpenTelemetry makes no spans in this kernel."
        if not self.is_on:
            return f"Off: spans of this kernel no longer go to {self.endpoint}. al.instrument() turns it on."
        whose = f"project {self.project!r}, service {self.service!r}"
        lines = [
            f"{self._note}Spans of this kernel go to {whose}, at {self.endpoint}: {self.answer.words}.",
            f"Instrumentors on: {self._named('on') or 'none'}.",
        ]
        if self.dropped:
            lines.append(f"Lost: {self.dropped:,} spans that were not taken, or too many to keep.")
        lines += [f"Left off: {named}." for named in [self._named("left off")] if named]
        lines += [f"Broken: {named}." for named in [self._named("broken")] if named]
        return "\n".join(lines)

    def _named(self, state: str) -> str:
        return "; ".join(str(outcome) for outcome in self.outcomes if outcome.state == state)

    def tags(self) -> dict[str, Any]:
        """The attributes that a span beginning now gets."""
        shell = current_shell()
        found = {NOTEBOOK: notebook_name(os.environ, shell), CELL: cell_number(shell)}
        return {name: value for name, value in found.items() if value is not None}

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what is there; false if not all is taken within ``timeout`` seconds, or nobody answers."""
        if self._processor is None:
            return True
        before = self.dropped
        is_done = self._processor.force_flush(round(timeout * 1000))
        return is_done and not self.kept and self.dropped == before

    def uninstrument(self) -> None:
        """Send what is there, stop sending, and turn off the instrumentors that were turned on."""
        for outcome in self.outcomes:
            if outcome.turned is not None:
                outcome.turned.uninstrument()
        self.outcomes = []
        self.close()

    def close(self) -> None:
        """Send what is there, and stop sending."""
        if self._processor is not None and self._forget is not None:
            self._processor.disconnect()
        self._leave()

    def begin(self, forget: Callable[[Instrumented], None]) -> None:
        """Send after each cell; ``forget`` is called when this ends."""
        self._forget = forget
        self._shell = current_shell()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._after_cell)
        sender = self._processor.sender if self._processor is not None else None
        if sender is not None:
            sender.has_told = not self.is_reachable  # this object's words tell it already

    def follow(self, before: Instrumented) -> None:
        """Take another's place in the kernel, and say so."""
        changes = [
            f"{name} was {old!r}"
            for name, old, new in (
                ("project", before.project, self.project),
                ("service", before.service, self.service),
                ("endpoint", before.endpoint, self.endpoint),
            )
            if old != new
        ]
        self._note = f"Changed ({', '.join(changes)}). " if changes else ""
        before.outcomes = []
        before._leave()

    def is_same(self, other: Instrumented) -> bool:
        """Whether the other would send the same spans to the same place."""
        return self.aim == other.aim and self.provider is other.provider

    def renew(self, now: Instrumented) -> None:
        """Run again with the same values: what is on and who answers may be new."""
        self.outcomes, self.answer = now.outcomes, now.answer
        self._note = "On already. "

    def kept_outcomes(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of running again, in which what was turned on here is still ours to turn off."""
        ours = {(o.which.name, o.which.distribution): o for o in self.outcomes if o.turned is not None}
        return [ours.get((o.which.name, o.which.distribution), o) for o in outcomes]

    def _leave(self) -> None:
        if self._shell is not None and self._after_cell in self._shell.events.callbacks["post_run_cell"]:
            self._shell.events.unregister("post_run_cell", self._after_cell)
        forget, self._forget = self._forget, None
        if forget is not None:
            forget(self)

    def _after_cell(self, _result: Any = None) -> None:
        self.flush(AFTER_CELL_S)
