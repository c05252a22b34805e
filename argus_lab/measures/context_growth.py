"""What fills the prompt of a conversation, call by call, and what a cache could have saved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from argus_lab.measures import counted as who
from argus_lab.measures import prices, streamed
from argus_lab.measures.engines import asked, collected, returned
from argus_lab.measures.membership import NEEDED as MEMBERS
from argus_lab.measures.membership import members
from argus_lab.measures.prompts import json_text, messages_in
from argus_lab.measures.trees import UNKNOWN_START, starts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["context_growth"]

TEXTS = ("input", "system_prompt", "tool_definitions")
KEYS = ("project", "session_id", "trace_id", "span_id", "start_time", "request_model")
LIGHT = (*KEYS, "start_unix_nano", "response_model", "provider", "cache_read_tokens", "cache_write_tokens")
NEEDED = tuple(dict.fromkeys((*who.NEEDED_OF_CALLS, *MEMBERS, *LIGHT, *TEXTS)))
LEADERS = ("system", "developer")
PARTS = ("system", "tools", "resent", "new")
ORDER = ("project", "session_id", "start", "trace_id", "span_id")


def context_growth(session: Any) -> Any:
    """What the prompt of each model call of a session is made of, and how much of it was said before.

    Every call of a conversation sends the conversation again. Senders count the tokens of a prompt as a
    whole; here they are divided among its parts by their characters, which is an estimate: ``is_estimate``
    is True for every row that is divided. Parts of one language and kind have about the same number of
    characters a token; JSON and CJK text have fewer.

    Parameters
    ----------
    session
        The spans of one session (``lake.session(...)``), with the columns ``input``, ``system_prompt`` and
        ``tool_definitions``: pandas, Polars (lazy too), pyarrow, a DuckDB relation, or a Spark frame. Of
        several sessions, each is told for itself, by ``project`` and ``session_id``.

    Returns
    -------
    A frame of the same kind, one row a model call (as in ``al.rounds``), by session and start:

    ``project``, ``session_id``, ``trace_id``, ``span_id``, ``round``, ``start_time``, ``request_model``
        Which call; rounds are 1, 2, 3, ... in the session.
    ``input_tokens``
        Of the prompt, as sent; null for calls that did not tell, such as failed ones.
    ``system_tokens``, ``tools_tokens``, ``resent_tokens``, ``new_tokens``
        Their division: system prompt, definitions of tools, messages that an earlier call of the session
        sent at the same place, and messages that are new. They add up to ``input_tokens``. Null if this is
        null or if the texts are not there.
    ``system_chars``, ``tools_chars``, ``resent_chars``, ``new_chars``
        The characters by which it is divided; texts as they are stored.
    ``cache_read_tokens``
        Of the input, read from the provider's cache; null if not sent.
    ``cacheable_tokens``
        What a cache could have served: the longest beginning of the prompt (tools, system prompt, messages)
        that an earlier call of the session to the same model sent, too. Nothing if tools or system prompt
        changed before it.
    ``missed_tokens``
        ``cacheable_tokens`` less ``cache_read_tokens`` (unknown is 0), not below 0. A provider may ask for
        a least length of a prompt and forgets after minutes, so not all of it was to be had.
    ``missed_cost_usd``
        What that cost more than from the cache, by list price on the day: as much of it as the call wrote to
        the cache (``cache_write_tokens``) the price of writing, the rest that of fresh input. Null for models
        without a price.
    ``is_estimate``
        Whether the row's tokens are divided by characters.

    Examples
    --------
    >>> import pandas as pd
    >>> from argus_lab.measures.context_growth import context_growth
    >>> from argus_lab.testing import make_span
    >>> hi, bye = '{"role":"user","content":"hi"}', '{"role":"user","content":"by"}'
    >>> calls = [make_span(n, input=text, input_tokens=tokens, session_id="s")
    ...          for n, text, tokens in ((1, f"[{hi}]", 10), (3, f"[{hi},{bye}]", 20))]
    >>> context_growth(pd.DataFrame(calls))[["round", "resent_tokens", "new_tokens", "cacheable_tokens"]]
       round  resent_tokens  new_tokens  cacheable_tokens
    0      1              0          10                 0
    1      2             10          10                10
    """
    frame = asked(session, NEEDED, by="context_growth")
    rows = streamed.joined(members(collected(frame, NEEDED)))
    is_call = who.marks(rows).is_model_call | who.answers(rows)
    calls = rows.filter(pa.array(is_call))
    calls = calls.append_column("start", pa.array(starts_of(calls)))
    calls = calls.sort_by([(name, "ascending") for name in ORDER])
    return returned(_table(calls, list(_shares(calls.to_pylist()))), session)


@dataclass(frozen=True)
class _Share:
    """The prompt of a call in numbers; characters, and of the beginning that was sent before."""

    round: int
    system_chars: int | None = None
    tools_chars: int | None = None
    resent_chars: int | None = None
    new_chars: int | None = None
    cacheable_chars: int | None = None
    fresh_costs_more: float | None = None
    writing_costs_more: float | None = None
    """Than reading a token from the cache, US dollars."""


def _shares(calls: Sequence[dict[str, Any]]) -> Iterator[_Share]:
    """Calls are of one session after the other, by start."""
    session: tuple[Any, Any] | None = None
    number = 0
    told: set[bytes] = set()
    prompts: dict[str | None, set[bytes]] = {}
    for call in calls:
        if (call["project"], call["session_id"]) != session:
            session = (call["project"], call["session_id"])
            number, told, prompts = 0, set(), {}
        number += 1
        found = _parts(call["input"])
        if found is None:
            yield _Share(number)
            continue
        messages, is_led = found
        resent = _common(messages, told)
        system, tools = call["system_prompt"] or "", call["tool_definitions"] or ""
        if is_led:
            system = ""  # it stands among the messages already
        prompt = [tools, system, *messages]
        same = _common(prompt, prompts.setdefault(call["request_model"], set()))
        lengths = [len(message) for message in messages]
        leading = lengths[0] if is_led else 0
        yield _Share(
            round=number,
            system_chars=len(system) + leading,
            tools_chars=len(tools),
            resent_chars=max(sum(lengths[:resent]) - leading, 0),
            new_chars=sum(lengths[resent:]) - (leading if not resent else 0),
            cacheable_chars=sum(len(text) for text in prompt[:same]),
            **_dearer(call),
        )


def _parts(text: str | None) -> tuple[list[str], bool] | None:
    """The messages of a prompt, each as one text, and whether the first is the system's."""
    if not text:
        return None
    messages = messages_in(text)
    if messages is None:
        return [text], False
    is_led = bool(messages) and messages[0]["role"] in LEADERS
    return [json_text(message) for message in messages], is_led


def _common(prompt: list[str], earlier: set[bytes]) -> int:
    """How many parts the prompt has in common with the beginning of an earlier one, at most.

    The prompt becomes an earlier one. ``earlier`` holds a digest for every beginning of every prompt, so that
    long conversations cost no more than their length.
    """
    so_far = hashlib.blake2b(digest_size=16)
    same, is_same = 0, True
    for part in prompt:
        so_far.update(len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass"))
        beginning = so_far.digest()
        is_same = is_same and beginning in earlier
        same += is_same
        earlier.add(beginning)
    return same


def _dearer(call: dict[str, Any]) -> dict[str, float]:
    """What a token costs more than from the cache, in US dollars; nothing if there is no price."""
    if call["start"] == UNKNOWN_START:
        return {}
    length = prices.period_us()
    moment = call["start"] // 1000 // length * length
    models = (call["response_model"], call["request_model"])
    beyond = [tokens + 1 for tokens in prices.tiers() if tokens < (call["input_tokens"] or 0)]
    found = prices.rates(call["provider"], models, moment, max(beyond, default=0))
    if found.why:
        return {}
    return {
        "fresh_costs_more": found.fresh - found.cache_read,
        "writing_costs_more": found.cache_write - found.cache_read,
    }


def _table(calls: pa.Table, shares: Sequence[_Share]) -> pa.Table:
    numbers = {
        field.name: np.array([getattr(share, field.name) for share in shares], dtype=np.float64)
        for field in fields(_Share)
    }
    sent = calls["input_tokens"].cast(pa.float64()).to_numpy()
    chars = np.array([numbers[f"{part}_chars"] for part in PARTS])
    whole = np.sum(chars, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        a_char = np.where(whole > 0, sent / whole, np.nan)
    # Cut where the running sum is rounded, so that the parts add up.
    edges = np.round(np.cumsum(chars, axis=0) * a_char)
    parts = np.diff(edges, axis=0, prepend=0)
    cacheable = np.minimum(np.round(numbers["cacheable_chars"] * a_char), sent)
    read = pc.fill_null(calls["cache_read_tokens"], 0).to_numpy()
    missed = np.maximum(cacheable - read, 0)
    written = np.minimum(missed, pc.fill_null(calls["cache_write_tokens"], 0).to_numpy())
    cost = written * numbers["writing_costs_more"] + (missed - written) * numbers["fresh_costs_more"]
    columns: dict[str, Any] = {name: calls[name] for name in KEYS[:4]}
    columns["round"] = _whole(numbers["round"])
    columns |= {name: calls[name] for name in (*KEYS[4:], "input_tokens")}
    columns |= {f"{part}_tokens": _whole(found) for part, found in zip(PARTS, parts, strict=True)}
    columns |= {f"{part}_chars": _whole(found) for part, found in zip(PARTS, chars, strict=True)}
    columns |= {
        "cache_read_tokens": calls["cache_read_tokens"],
        "cacheable_tokens": _whole(cacheable),
        "missed_tokens": _whole(missed),
        "missed_cost_usd": pa.array(cost, pa.float64(), from_pandas=True),
        "is_estimate": pa.array(~np.isnan(cacheable)),
    }
    return pa.table(columns)


def _whole(values: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Array:
    return pc.cast(pa.array(values, pa.float64(), from_pandas=True), pa.int64())
