"""A conversation in lanes: who is at work when, with long pauses cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argus_lab.figures.bars import kinds_of
from argus_lab.figures.formats import count, duration, plain
from argus_lab.figures.theme import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["LANES", "Clock", "cut", "in_lanes"]

LANES = ("user", "assistant", "model", "tools", "external")
BREAK = 0.035
"""How much of the drawn time a pause takes."""
SHORTEST = 2_000.0
"""Pauses up to so many milliseconds are never cut."""
LEAST = 0.08
"""A pause is cut if it is longer than this share of the busy time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Milliseconds since the session began -> milliseconds drawn, with the pauses cut out."""

    pauses: pd.DataFrame
    """start and end as they were; left and right as they are drawn."""
    knots: tuple[Floats, Floats]

    def drawn(self, moments: Floats) -> Floats:
        """Where moments are drawn."""
        found: Floats = np.interp(moments, *self.knots)
        return found


def cut(start: Floats, end: Floats) -> Clock:
    """The clock for spans that ran from ``start`` to ``end``.

    Examples
    --------
    >>> clock = cut(np.array([0.0, 100_000.0]), np.array([10_000.0, 110_000.0]))
    >>> clock.pauses[["start", "end"]].values.tolist()
    [[10000.0, 100000.0]]
    >>> clock.drawn(np.array([0.0, 10_000.0, 100_000.0])).tolist()
    [0.0, 10000.0, 10700.0]
    """
    order = np.argsort(start, kind="stable")
    start, reached = start[order], np.maximum.accumulate(end[order])
    gap = start[1:] - reached[:-1]
    busy = float(reached[-1] - start[0] - gap[gap > 0].sum())
    is_long = gap > max(SHORTEST, LEAST * busy)
    froms, tos = reached[:-1][is_long], start[1:][is_long]
    length = max(BREAK * busy, 1.0)
    shift = np.cumsum((tos - froms) - length)
    right = tos - shift
    left = right - length
    last = float(reached[-1]) - (float(shift[-1]) if len(shift) else 0.0)
    known = (
        np.concatenate([[start[0]], np.column_stack([froms, tos]).ravel(), [reached[-1]]]),
        np.concatenate([[start[0]], np.column_stack([left, right]).ravel(), [last]]),
    )
    return Clock(pd.DataFrame({"start": froms, "end": tos, "left": left, "right": right}), known)


def in_lanes(steps: pd.DataFrame) -> pd.DataFrame:
    """The steps that belong to a lane, with ``lane``, ``kind``, times since the first and texts for people.

    Agents, chains and middleware are in no lane: what they do is done by the steps below them.
    """
    origin = steps["start_time"].min()
    began = (steps["start_time"] - origin) / pd.Timedelta(milliseconds=1)
    took = steps["duration_ms"].to_numpy(dtype=float, na_value=0.0)
    found = pd.DataFrame(
        {
            "lane": [_lane(*found) for found in zip(steps["step_kind"], kinds_of(steps), strict=True)],
            "kind": kinds_of(steps),
            "start": began.to_numpy(dtype=float),
            "end": began.to_numpy(dtype=float) + took,
            "is_error": (steps["status"] == "ERROR").fillna(value=False).to_numpy(dtype=bool),
            "head": [plain(label, 120) for label in steps["label"]],
            "trace_id": steps["trace_id"].to_numpy(),
        }
    )
    found["colour"] = [KINDS[kind].colour for kind in found["kind"]]
    found["when"] = [
        f"{time:%H:%M:%S} UTC, takes {duration(ms)}" if pd.notna(time) else "start unknown"
        for time, ms in zip(steps["start_time"], steps["duration_ms"], strict=True)
    ]
    found["usage"] = [
        f"{count(a)} tokens in, {count(b)} tokens out" if pd.notna(a) or pd.notna(b) else ""
        for a, b in zip(steps["input_tokens"], steps["output_tokens"], strict=True)
    ]
    found["problem"] = [
        f"✕ {plain(message, 200) or plain(kind, 80) or 'failed'}" if is_error else ""
        for message, kind, is_error in zip(
            steps["error_message"], steps["error_type"], found["is_error"], strict=True
        )
    ]
    return found[found["lane"].notna() & found["start"].notna()].reset_index(drop=True)


def _lane(step: object, kind: str) -> str | None:
    messages = {"user_message": "user", "assistant_message": "assistant", "external_resource": "external"}
    if isinstance(step, str) and step in messages:
        return messages[step]
    kinds = {"llm": "model", "external_resource": "external"} | dict.fromkeys(
        ("custom_tool", "mcp", "skill"), "tools"
    )
    return kinds.get(kind)
