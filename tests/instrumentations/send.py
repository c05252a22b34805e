"""Run one instrumentation against a stand-in for the model and export its spans: ``send.py NAME URL``.

Runs in the environment of the instrumentations. Where the spans go and which project they belong to is
said in OpenTelemetry's own variables. Each thing that is done stands below a span of its own, the scenario.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

Scenario = Callable[[str], AbstractContextManager[Any]]

MODEL, UNKNOWN = "gpt-5-mini", "nobody"
ASKED = [{"role": "system", "content": "Sei kurz."}, {"role": "user", "content": "Hallo, wie geht es?"}]
WEATHER = [{"role": "user", "content": "Wie ist das weather in Zürich? 🌦"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {
        "type": "function",
        "function": {"name": "get_weather", "description": "Das Wetter", "parameters": PARAMETERS},
    }
]


def _provider() -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def _openai(url: str, scenario: Scenario) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    create = client.chat.completions.create
    with scenario("plain"):
        create(model=MODEL, temperature=0.2, max_completion_tokens=500, messages=ASKED)
    with scenario("tool"):
        create(model=MODEL, messages=WEATHER, tools=TOOLS)
    with scenario("stream"):
        for _ in create(model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}):
            pass
    with scenario("error"):
        try:
            create(model=UNKNOWN, messages=ASKED)
        except openai.NotFoundError:
            return
        raise AssertionError("the stand-in knows a model that nobody has")


def _ollama(url: str, scenario: Scenario) -> None:
    import ollama

    client = ollama.Client(host=url)
    with scenario("plain"):
        client.chat(model="qwen3", messages=ASKED, options={"temperature": 0.2})
    with scenario("tool"):
        client.chat(model="qwen3", messages=WEATHER, tools=TOOLS)
    with scenario("stream"):
        for _ in client.chat(model="qwen3", messages=ASKED, stream=True):
            pass
    with scenario("error"):
        try:
            client.chat(model=UNKNOWN, messages=ASKED)
        except ollama.ResponseError:
            return
        raise AssertionError("the stand-in knows a model that nobody has")


def _langchain(url: str, scenario: Scenario) -> None:
    import openai
    from langchain.agents import create_agent
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_ollama import ChatOllama
    from langchain_openai import ChatOpenAI

    def get_weather(city: str) -> str:
        """Das Wetter."""
        return f"sonnig in {city}"

    model = ChatOpenAI(
        model=MODEL, base_url=f"{url}/v1", api_key="none", temperature=0.2, max_retries=0, stream_usage=True
    )
    prompt = ChatPromptTemplate.from_messages([("system", "Sei kurz."), ("user", "{question}")])
    with scenario("chain"):
        (prompt | model | StrOutputParser()).invoke({"question": "Hallo, wie geht es?"})
    with scenario("stream"):
        for _ in model.stream("Hallo, wie geht es?"):
            pass
    with scenario("agent"):
        create_agent(model, tools=[get_weather], name="wetterfrosch").invoke({"messages": WEATHER})
    with scenario("ollama"):
        ChatOllama(model="qwen3", base_url=url).invoke("Hallo, wie geht es?")
    with scenario("error"):
        try:
            ChatOpenAI(model=UNKNOWN, base_url=f"{url}/v1", api_key="none", max_retries=0).invoke("Hallo?")
        except openai.NotFoundError:
            return
        raise AssertionError("the stand-in knows a model that nobody has")


def openinference_openai(url: str) -> None:
    """OpenInference for the OpenAI client."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provider())
    _openai(url, _spans())


def traceloop_openai(url: str) -> None:
    """OpenLLMetry for the OpenAI client."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provider())
    _openai(url, _spans())


def opentelemetry_openai(url: str) -> None:
    """OpenTelemetry's own instrumentation of the OpenAI client."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provider())
    _openai(url, _spans())


def traceloop_ollama(url: str) -> None:
    """OpenLLMetry for the Ollama client."""
    from opentelemetry.instrumentation.ollama import OllamaInstrumentor

    OllamaInstrumentor().instrument(tracer_provider=_provider())
    _ollama(url, _spans())


def openinference_langchain(url: str) -> None:
    """OpenInference for LangChain and for the OpenAI client below it: every call has two spans."""
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    provider = _provider()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    _langchain(url, _spans())


def traceloop_langchain(url: str) -> None:
    """OpenLLMetry for LangChain, and for the clients below it."""
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor
    from opentelemetry.instrumentation.ollama import OllamaInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    provider = _provider()
    for instrumentor in (LangchainInstrumentor(), OpenAIInstrumentor(), OllamaInstrumentor()):
        instrumentor.instrument(tracer_provider=provider)
    _langchain(url, _spans())


def pydantic_ai(_url: str) -> None:
    """Pydantic AI with its own test model, which calls every tool and then answers."""
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.test import TestModel

    answer = "Grüße aus Paris 🌤"
    Agent.instrument_all(InstrumentationSettings(tracer_provider=_provider()))
    agent = Agent(name="wetterfrosch", system_prompt="Sei kurz.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Das Wetter."""
        return f"sonnig in {city}"

    @agent.tool_plain(retries=0)
    def broken() -> str:
        """Nichts."""
        raise ValueError("kein Netz")

    with _spans()("agent"):
        model = TestModel(call_tools=["get_weather"], custom_output_text=answer)
        agent.run_sync("Wie ist das weather in Zürich? 🌦", model=model)
    with _spans()("error"):
        try:
            agent.run_sync("Hallo?", model=TestModel(call_tools=["broken"]))
        except ValueError:
            return
        raise AssertionError("the tool works")


def mlflow(url: str) -> None:
    """MLflow's own tracing of the OpenAI client, exported with OTLP."""
    import mlflow as ml

    ml.openai.autolog()
    _openai(url, ml.start_span)
    ml.flush_trace_async_logging()


def _spans() -> Scenario:
    return trace.get_tracer("scenario").start_as_current_span


SENDERS = {
    sender.__name__: sender
    for sender in (
        openinference_openai,
        traceloop_openai,
        opentelemetry_openai,
        traceloop_ollama,
        openinference_langchain,
        traceloop_langchain,
        pydantic_ai,
        mlflow,
    )
}

if __name__ == "__main__":
    os.environ.setdefault("TRACELOOP_TRACE_CONTENT", "true")
    SENDERS[sys.argv[1]](sys.argv[2])
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()
