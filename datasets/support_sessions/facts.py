"""The ground truth: what anybody who loads the data must be able to count."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from support_sessions.emit import PROJECT
from support_sessions.plan import SpanPlan
from support_sessions.script import DEPLOYED, Session

Played = Sequence[tuple[Session, Sequence[SpanPlan]]]

_USAGE = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
_CACHE_WRITES = ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens")


def facts(played: Played) -> dict[str, Any]:
    """All facts, counted over the plans: an independent count over the files must give the same."""
    spans = [span for _, turns in played for turn in turns for span in turn.walk()]
    return {
        **_totals(played, spans),
        "projects": {PROJECT: _totals(played, spans)},
        "first_start_unix_nano": min(span.start for span in spans),
        "last_end_unix_nano": max(span.end for span in spans),
        "spans_by_service": _counted(span.service for span in spans),
        "spans_by_step_kind": _counted(span.attributes.get("argus.step.kind") for span in spans),
        "spans_by_component_type": _counted(span.attributes.get("argus.component.type") for span in spans),
        "errors_by_type": _counted(span.attributes["error.type"] for span in spans if span.failure),
        "tool_calls_by_name": _counted(
            span.attributes["gen_ai.tool.name"] for span in _steps(spans, "tool_call")
        ),
        "sessions_by_language": _counted(session.case.language for session, _ in played),
        "models": _models(spans),
        "deploy": _deploy(played),
        "stories": {session.id: _story(session, turns) for session, turns in played if session.story},
    }


def _totals(played: Played, spans: Sequence[SpanPlan]) -> dict[str, int]:
    return {
        "sessions": len(played),
        "users": len({session.case.user_id for session, _ in played}),
        "traces": sum(len(turns) for _, turns in played),
        "spans": len(spans),
        "llm_calls": len(_steps(spans, "llm_call")),
        "tool_calls": len(_steps(spans, "tool_call")),
        "errors": sum(span.failure is not None for span in spans),
    }


def _steps(spans: Iterable[SpanPlan], kind: str) -> list[SpanPlan]:
    return [span for span in spans if span.attributes.get("argus.step.kind") == kind]


def _counted(names: Iterable[object]) -> dict[str, int]:
    """How often each name occurs, in alphabetical order; ``none`` where there is no name."""
    return dict(sorted(Counter("none" if name is None else str(name) for name in names).items()))


def _sum(spans: Iterable[SpanPlan], *keys: str) -> int | None:
    """The sum of a number over the spans that have it. None if no span has it."""
    numbers = [value for span in spans for key in keys if isinstance(value := span.attributes.get(key), int)]
    return sum(numbers) if numbers else None


def _models(spans: Sequence[SpanPlan]) -> dict[str, dict[str, int | None]]:
    calls = _steps(spans, "llm_call")
    names = sorted({str(span.attributes["gen_ai.request.model"]) for span in calls})
    return {
        name: _model([span for span in calls if span.attributes["gen_ai.request.model"] == name])
        for name in names
    }


def _model(calls: Sequence[SpanPlan]) -> dict[str, int | None]:
    return {
        "calls": len(calls),
        "failed_calls": sum(span.failure is not None for span in calls),
        **{name: _sum(calls, key) for name, key in _USAGE.items()},
        "cache_write_tokens": _sum(calls, *_CACHE_WRITES),
    }


def _deploy(played: Played) -> dict[str, Any]:
    moment = round(DEPLOYED.timestamp()) * 10**9
    turns = [turn for _, all_turns in played for turn in all_turns]
    before = [span for turn in turns if turn.start < moment for span in turn.walk()]
    after = [span for turn in turns if turn.start >= moment for span in turn.walk()]
    return {
        "at": DEPLOYED.isoformat(),
        "at_unix_nano": moment,
        "version_before": "1.8.0",
        "version_after": "1.9.0",
        "before": _release(before),
        "after": _release(after),
    }


def _release(spans: Sequence[SpanPlan]) -> dict[str, Any]:
    lookups = [
        span for span in _steps(spans, "tool_call") if span.attributes["gen_ai.tool.name"] == "lookup_order"
    ]
    qwen = [
        span for span in _steps(spans, "llm_call") if span.attributes["gen_ai.request.model"] == "qwen3:8b"
    ]
    failed = sum(span.failure is not None for span in qwen)
    return {
        "spans": len(spans),
        "lookup_order_calls": len(lookups),
        "lookup_order_median_ms": round(median(span.end - span.start for span in lookups) / 1e6, 3),
        "qwen3_calls": len(qwen),
        "qwen3_failed_calls": failed,
        "qwen3_failure_rate": round(failed / len(qwen), 4),
    }


def _story(session: Session, turns: Sequence[SpanPlan]) -> Mapping[str, Any]:
    spans = [span for turn in turns for span in turn.walk()]
    return {
        "what": session.story,
        "start": session.start.isoformat(),
        "traces": len(turns),
        "spans": len(spans),
        "errors": sum(span.failure is not None for span in spans),
        "longest_turn_ms": round(max(turn.end - turn.start for turn in turns) / 1e6, 3),
    }
