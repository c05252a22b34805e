"""List prices: those that the whole library computes, as of the moment, offline."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import assume, given
from hypothesis import strategies as st

from argus_lab.measures import prices

MODELS = [(provider.id, model.id) for provider in providers for model in provider.models]
MAY = datetime(2026, 5, 4, 10, tzinfo=UTC)


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(
    which=st.sampled_from(MODELS),
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    sent=st.integers(0, 600_000),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1)),
    written=st.integers(0, 5000),
)
def test_any_model_costs_what_the_library_computes(which, moment, sent, shares, written):
    """Tiers by the prompt's length, prices by date and time of day, caches, reasoning: all as calc_price."""
    provider, model = which
    read, kept, thought = int(sent * shares[0]), int(sent * shares[1]), int(written * shares[2])
    found = prices.rates(provider, (model,), _us(moment), sent)
    assume(found.why is None)
    usage = genai_prices.Usage(
        input_tokens=sent,
        output_tokens=written,
        cache_read_tokens=read,
        cache_write_tokens=kept,
        output_reasoning_tokens=thought,
    )
    whole = genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment)
    mine = (sent - read - kept) * found.fresh + read * found.cache_read + kept * found.cache_write
    mine += (written - thought) * found.output + thought * found.reasoning + found.request
    assert mine == pytest.approx(float(whole.total_price), rel=1e-9, abs=1e-12)
    assert found.source == f"{whole.provider.id}/{whole.model.id}"


@given(
    which=st.sampled_from(MODELS),
    moment=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_prices_hold_for_a_whole_period(which, moment):
    """No price changes within the stretch that calls are gathered by."""
    begin = _us(moment) // prices.period_us() * prices.period_us()
    assert prices.rates(which[0], (which[1],), begin, 0) == prices.rates(
        which[0], (which[1],), _us(moment), 0
    )


@pytest.mark.parametrize(
    ("provider", "model", "source"),
    [
        ("aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "aws/"),
        ("azure.ai.openai", "gpt-4o", "azure/"),
        ("gcp.gemini", "gemini-2.5-flash", "google/"),
        ("gcp.vertex_ai", "gemini-2.5-flash", "google/"),
        ("mistral_ai", "mistral-large-latest", "mistral/"),
        ("x_ai", "grok-4", "x-ai/"),
        ("openai", "gpt-5-mini-2025-08-07", "openai/gpt-5-mini"),
        (None, "gpt-4o", "openai/gpt-4o"),
    ],
)
def test_opentelemetrys_provider_names_are_understood(provider, model, source):
    """The names of the convention lead to the table's; without one the model's name does."""
    found = prices.rates(provider, (model,), _us(MAY), 1000)
    assert found.why is None
    assert found.source.startswith(source)


@pytest.mark.parametrize(
    ("provider", "models", "why"),
    [
        ("ollama", ("qwen3:8b",), "machines of your own"),
        ("openai", ("my-finetune", "also-unknown"), "no model my-finetune or also-unknown of openai"),
        ("my-gateway", ("gpt-4o",), "no model gpt-4o of my-gateway"),
        ("openai", (None, None), "names no model"),
        ("openai", ("whisper-1",), "not priced by tokens"),
    ],
)
def test_what_has_no_price_says_why(provider, models, why):
    """Nothing is guessed, nothing is 0."""
    found = prices.rates(provider, models, _us(MAY), 1000)
    assert why in (found.why or "")
    assert found.fresh != found.fresh


def test_the_model_that_answered_is_asked_first():
    """The request's model is the second choice."""
    first = prices.rates("openai", ("gpt-4o", "gpt-5-mini"), _us(MAY), 0)
    second = prices.rates("openai", ("unheard-of", "gpt-5-mini"), _us(MAY), 0)
    assert (first.source, second.source) == ("openai/gpt-4o", "openai/gpt-5-mini")


def test_a_longer_prompt_costs_more_in_all_its_tokens():
    """Beyond 200,000 tokens Claude Sonnet 4.5 costs twice as much to read."""
    model = ("claude-sonnet-4-5",)
    short, long = (prices.rates("anthropic", model, _us(MAY), tokens) for tokens in (200_000, 200_001))
    assert short.fresh * 1e6 == pytest.approx(3)
    assert long.fresh * 1e6 == pytest.approx(6)
    assert 200_000 in prices.tiers()


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch):
    """A price is found while no connection can be made, in a process that has loaded nothing yet."""
    code = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse\n"
        "from argus_lab.measures import prices\n"
        "assert prices.rates('openai', ('gpt-4o',), 1_777_900_000_000_000, 10).why is None\n"
        "import threading\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    monkeypatch.setattr(socket.socket, "connect", None)
    assert prices.rates("openai", ("gpt-4o-mini",), _us(MAY), 7).why is None
