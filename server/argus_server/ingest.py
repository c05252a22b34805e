"""A trace request becomes a verdict and a durable acknowledgement."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from argus_lab.conventions import admit
from argus_lab.errors import MalformedPayload, PayloadTooLarge
from argus_lab.lake.journal import Entry, pack
from argus_lab.otlp import decode, inflate
from argus_server import answers, metrics
from argus_server.bodies import Scales, read_body
from argus_server.problems import Problem

if TYPE_CHECKING:
    from sanic import Request
    from sanic.response import HTTPResponse

    from argus_lab.conventions import Admission
    from argus_lab.otlp import Encoding, Export
    from argus_lab.settings import Settings
    from argus_server.condition import Condition
    from argus_server.durable import GroupCommit
    from argus_server.logs import Log

__all__ = ["Receiver"]

HEAVY_BYTES: Final = 1024 * 1024
HEAVY_COMPRESSED_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request holds and who of it is accepted."""

    body: bytes
    spans: int
    admission: Admission


@dataclass(slots=True)
class Receiver:
    """What the handlers of one worker share."""

    settings: Settings
    commits: GroupCommit
    condition: Condition
    log: Log
    scales: Scales = field(init=False)
    # One thread: large bodies are decoded one after the other, so that few are in memory unfolded.
    _heavy: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.scales = Scales(self.settings.max_in_flight)
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="decode")

    async def traces(self, request: Request) -> HTTPResponse:
        """``POST /v1/traces``: answer once everything in the request that is a span is durable."""
        started = time.perf_counter()
        encoding = answers.encoding_of(request.headers.get("content-type"))
        line: dict[str, object] = {"encoding": encoding}
        try:
            answer = await self._taken(request, encoding, line)
        except Problem as found:
            answer = answers.problem(found, encoding or "json")
            line |= {"error": found.error, "issues": len(found.issues)}
        seconds = time.perf_counter() - started
        metrics.SECONDS.observe(seconds)
        metrics.REQUESTS.labels("traces", encoding or "unknown", str(answer.status)).inc()
        level = "info" if answer.status == 200 and not line.get("refused") else "warning"  # noqa: PLR2004
        self.log(level, "traces", status=answer.status, **line, ms=round(1000 * seconds, 2))
        return answer

    async def _taken(
        self, request: Request, encoding: Encoding | None, line: dict[str, object]
    ) -> HTTPResponse:
        if encoding is None:
            raise Problem(415, "Content-Type must be application/json or application/x-protobuf")
        self.condition.check()
        project = self._project(request)
        if project is not None:
            line["project"] = project
        with self.scales.hold() as hold:
            sent = await read_body(request, hold, self.settings.max_body)
            line["bytes"] = len(sent)
            try:
                body = await self._inflated(sent, request.headers.get("content-encoding"))
                hold.add(len(body) - len(sent) if len(body) > len(sent) else 0)
                verdict = await self._judged(body, encoding, project)
                line["projects"] = verdict.admission.by_project
            except PayloadTooLarge as error:
                raise Problem(413, str(error)) from None
            except MalformedPayload as error:
                raise Problem(400, str(error), error.issues) from None
            if verdict.spans:  # the refused ones too: the keeper puts them aside with their reason
                await self._keep(verdict, encoding, project)
        return self._answered(verdict, encoding, line)

    def _project(self, request: Request) -> str | None:
        header = request.headers.get("x-argus-project", "").strip()
        # Headers come as bytes; what is not UTF-8 in them has no text.
        text = header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return text or self.settings.default_project

    async def _inflated(self, sent: bytes, content_encoding: str | None) -> bytes:
        limit = self.settings.max_body
        if content_encoding and len(sent) > HEAVY_COMPRESSED_BYTES:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._heavy, lambda: inflate(sent, content_encoding, limit=limit)
            )
        return inflate(sent, content_encoding, limit=limit)

    async def _judged(self, body: bytes, encoding: Encoding, project: str | None) -> Verdict:
        if len(body) > HEAVY_BYTES:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._heavy, _verdict, body, encoding, project)
        return _verdict(body, encoding, project)

    async def _keep(self, verdict: Verdict, encoding: Encoding, project: str | None) -> None:
        entry = Entry(received_at=time.time_ns(), encoding=encoding, project=project, body=verdict.body)
        try:
            await self.commits.commit(pack(entry))
        except OSError as error:
            raise Problem(503, f"the spans could not be made durable: {error}") from error

    def _answered(self, verdict: Verdict, encoding: Encoding, line: dict[str, object]) -> HTTPResponse:
        admission = verdict.admission
        accepted, refused = admission.accepted, len(admission.refusals)
        reasons = Counter(refusal.reason for refusal in admission.refusals)
        line |= {"accepted": accepted, "refused": refused, "warnings": len(admission.warnings)}
        if reasons:
            line["reasons"] = dict(reasons)
        metrics.ACCEPTED.inc(accepted)
        metrics.WARNINGS.inc(len(admission.warnings))
        for reason, count in reasons.items():
            metrics.REFUSED.labels(reason).inc(count)
        if refused and not accepted:
            raise Problem(400, answers.refusal_message(refused, admission.issues), admission.issues)
        return answers.success(encoding, accepted, refused, admission.issues)

    def close(self) -> None:
        """End the decoding thread."""
        self._heavy.shutdown()


def _verdict(body: bytes, encoding: Encoding, project: str | None) -> Verdict:
    export: Export = decode(body, encoding)
    return Verdict(body, export.span_count, admit(export, project=project))
