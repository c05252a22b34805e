"""What model calls cost by list price: genai-prices' bundled table, as of a moment. Nothing is fetched.

The table comes with the installed ``genai-prices``; a newer release of that package brings newer prices.
Prices change with time, for some models with the time of day, and for some with the length of the prompt:
a prompt over a threshold costs more in all its tokens. Discounts of batches and of service tiers are not
looked for, since spans do not say which one a call got.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

__all__ = ["LOCAL", "Rates", "period_us", "rates", "tiers"]

LOCAL = frozenset({"ollama", "vllm", "sglang", "llama_cpp", "llama.cpp", "llamafile", "lm_studio"})
"""Providers that run models on machines of one's own: those have a cost, but no list price."""

PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""OpenTelemetry's provider names, and genai-prices' where they differ."""

DAY_US = 86_400_000_000
MINUTES_A_DAY = 24 * 60
MILLION = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for one token of each sort, and for the request itself; or why nobody knows."""

    source: str | None = None
    """The entry of the price table: provider/model."""
    why: str | None = None
    """Why there is no price."""
    fresh: float = math.nan
    cache_read: float = math.nan
    cache_write: float = math.nan
    output: float = math.nan
    reasoning: float = math.nan
    request: float = math.nan
    reasoning_is_apart: bool = False
    """Whether reasoning tokens have a price of their own."""


@cache
def rates(provider: str | None, models: tuple[str | None, ...], moment_us: int, input_tokens: int) -> Rates:
    """The price of a call's tokens.

    Parameters
    ----------
    provider
        OpenTelemetry's name of the provider; where it is null the model's name has to tell.
    models
        Names of the model, the best first: the one that answered, then the one asked for.
    moment_us
        When the call began: microseconds since 1970.
    input_tokens
        How long the prompt was, for models that cost more beyond a threshold.

    Examples
    --------
    >>> then = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp() * 1e6)
    >>> found = rates("anthropic", ("claude-sonnet-4-5-20250929",), then, 1000)
    >>> found.source, round(found.fresh * 1e6, 2), round(found.output * 1e6, 2)
    ('anthropic/claude-sonnet-4-5', 3.0, 15.0)
    >>> rates("ollama", ("qwen3:8b",), then, 1000).why
    'ollama runs models on machines of your own: there is no list price'
    """
    names = tuple(dict.fromkeys(name for name in models if name))
    found = _entry(provider, names)
    if isinstance(found, str):
        return Rates(why=found)
    owner, model = found
    prices = model.get_prices(EPOCH + timedelta(microseconds=moment_us))
    source = f"{owner.id}/{model.id}"
    if prices.input_mtok is None and prices.output_mtok is None:
        return Rates(source, why=f"{source} is not priced by tokens")
    return _rates(source, prices, input_tokens)


@cache
def tiers() -> tuple[int, ...]:
    """Lengths of prompts beyond which some model costs more."""
    prices = (price for model in _models() for price in _prices(model) for price in vars(price).values())
    return tuple(sorted({tier.start for price in prices for tier in getattr(price, "tiers", ())}))


@cache
def period_us() -> int:
    """The longest stretch of UTC time, counted from midnight, within which no price changes."""
    minutes = MINUTES_A_DAY
    for model in _models():
        for limit in _limits(model):
            for at in (limit.start_time, limit.end_time):
                minutes = math.gcd(minutes, _utc_minute(at))
    return minutes * 60 * MILLION


def _rates(source: str, prices: ModelPrice, input_tokens: int) -> Rates:
    def dollars(price: Decimal | TieredPrices | None, otherwise: float = 0.0) -> float:
        return otherwise if price is None else _dollars(price, input_tokens)

    fresh, output = dollars(prices.input_mtok), dollars(prices.output_mtok)
    return Rates(
        source=source,
        fresh=fresh,
        # What has no price of its own costs what the whole costs that it is a part of.
        cache_read=dollars(prices.cache_read_mtok, fresh),
        cache_write=dollars(prices.cache_write_mtok, fresh),
        output=output,
        reasoning=dollars(prices.output_reasoning_mtok, output),
        request=dollars(prices.requests_kcount) * 1000,  # priced by thousands of requests
        reasoning_is_apart=prices.output_reasoning_mtok is not None,
    )


def _dollars(price: Decimal | TieredPrices, input_tokens: int) -> float:
    reached = [tier.price for tier in getattr(price, "tiers", ()) if input_tokens > tier.start]
    per_million: Any = reached[-1] if reached else getattr(price, "base", price)
    return float(per_million) / MILLION


@cache
def _entry(provider: str | None, names: tuple[str, ...]) -> tuple[Provider, ModelInfo] | str:
    """The price table's entry, or why there is none."""
    if provider is not None and provider.lower() in LOCAL:
        return f"{provider} runs models on machines of your own: there is no list price"
    if not names:
        return "the span names no model"
    known = None if provider is None else PROVIDERS.get(provider, provider)
    for name in names:
        try:
            return _table().find_provider_model(name, None, known, None)
        except LookupError:
            continue
    offered = f" of {provider}" if provider else ""
    return f"the price table has no model {' or '.join(names)}{offered}"


@cache
def _table() -> DataSnapshot:
    # Loaded here, since it takes a second; a table of our own, so that nothing replaces it behind our back.
    from genai_prices import data
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=data.providers, from_auto_update=False)


def _models() -> Iterator[ModelInfo]:
    for provider in _table().providers:
        yield from provider.models


def _prices(model: ModelInfo) -> list[ModelPrice]:
    return [each.prices for each in model.prices] if isinstance(model.prices, list) else [model.prices]


def _limits(model: ModelInfo) -> Iterator[Any]:
    """Times of day between which a price holds."""
    for each in model.prices if isinstance(model.prices, list) else ():
        if hasattr(each.constraint, "end_time"):
            yield each.constraint


def _utc_minute(at: Any) -> int:
    offset = at.utcoffset() or timedelta()
    seconds = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second) - offset
    if seconds % timedelta(minutes=1):
        return 1  # no whole minute: prices are looked up minute by minute
    return int(seconds / timedelta(minutes=1)) % MINUTES_A_DAY
