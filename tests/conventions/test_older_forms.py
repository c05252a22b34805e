"""Forms of the dialects that no captured sample has: earlier versions, other libraries, odd values."""

from __future__ import annotations

from typing import Any

from tests.conventions.rows import NOW, row_of

USER = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
ANSWER = [{"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}]
NAN = {"$double": "NaN"}


def _said(row: dict[str, Any], *columns: str) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


def test_the_first_generation_of_traceloop():
    """llm.prompts, llm.vendor, llm.usage: before there was a convention."""
    row = row_of(
        attributes={
            "llm.request.type": "completion",
            "llm.vendor": "OpenAI",
            "llm.request.model": "m",
            "llm.prompts.0.role": "user",
            "llm.prompts.0.content": "hi",
            "llm.completions.0.content": "hello",
            "llm.completions.0.finish_reason": "stop",
            "llm.usage.prompt_tokens": 3,
            "llm.usage.completion_tokens": 2,
        }
    )
    assert _said(row, "dialect", "span_type", "provider", "request_model") == (
        "traceloop",
        "llm",
        "openai",
        "m",
    )
    assert _said(row, "input_tokens", "output_tokens", "usage_source") == (3, 2, "llm.usage.prompt_tokens")
    assert row["input"] == USER
    assert _said(row, "output_text", "finish_reason") == ("hello", "stop")


def test_a_vector_database_is_a_retriever_by_its_results():
    """Traceloop writes an event a document."""
    result = {"db.query.result.id": "d1", "db.query.result.document": "Paris", "db.query.result.score": 0.5}
    row = row_of(
        ("db.query.result", result), attributes={"traceloop.workflow.name": "w", "db.system": "chroma"}
    )
    assert row["span_type"] == "retriever"
    assert row["output"] == [{"id": "d1", "score": 0.5, "content": "Paris"}]


def test_completions_of_openinference():
    """Prompts and choices, and the oldest form: a list of prompts."""
    kind = {"openinference.span.kind": "LLM"}
    row = row_of(
        attributes=kind | {"llm.prompts.0.prompt.text": "hi", "llm.choices.0.completion.text": "hello"}
    )
    assert _said(row, "input", "output") == (USER, ANSWER)
    assert row_of(attributes=kind | {"llm.prompts": ["hi"]})["input"] == USER


def test_a_reranker_of_openinference():
    """Query and documents in, documents out; the model that was asked for."""
    row = row_of(
        attributes={
            "openinference.span.kind": "RERANKER",
            "reranker.query": "q",
            "reranker.model_name": "m",
            "reranker.input_documents.0.document.content": "a",
            "reranker.output_documents.0.document.content": "a",
            "reranker.output_documents.0.document.score": 0.5,
        }
    )
    assert _said(row, "span_type", "request_model", "input_text") == ("reranker", "m", "q")
    assert row["input"] == {"query": "q", "documents": [{"content": "a"}]}
    assert row["output"] == [{"content": "a", "score": 0.5}]


def test_fresh_tokens_of_an_old_anthropic_instrumentation_are_all_of_them():
    """The response's own usage says what the flattened count leaves out; a newer count stays."""
    usage = (
        '{"usage": {"input_tokens": 25, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 10}}'
    )
    sent = {"openinference.span.kind": "LLM", "llm.system": "anthropic", "output.value": usage}
    row = row_of(attributes=sent | {"llm.token_count.prompt": 25})
    assert _said(row, "input_tokens", "cache_read_tokens", "cache_write_tokens") == (135, 10, 100)
    assert row["usage_source"] == "llm.token_count.prompt + cache"
    assert row_of(attributes=sent | {"llm.token_count.prompt": 135})["input_tokens"] == 135


def test_schemas_are_no_arguments():
    """tool.parameters is a schema in some versions and arguments in others."""
    kind = {"openinference.span.kind": "TOOL", "tool.name": "t"}
    schema = '{"type": "object", "properties": {"city": {}}}'
    assert row_of(attributes=kind | {"tool.parameters": schema})["input"] is None
    assert row_of(attributes=kind | {"tool.parameters": '{"city": "Paris"}'})["input"] == {"city": "Paris"}


def test_what_was_redacted_is_absent():
    """OpenInference's mark for hidden content is no content."""
    hidden = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    row = row_of(attributes={"openinference.span.kind": "CHAIN", **hidden})
    assert _said(row, "input", "output", "input_text", "output_text") == (None, None, None, None)


def test_version_three_and_four_of_the_ai_sdk():
    """ai.result.*, args for input, and NaN where a stream had no usage."""
    row = row_of(
        attributes={
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.provider": "google.generative-ai",
            "ai.model.id": "m",
            "ai.settings.maxTokens": 9,
            "ai.prompt.messages": '[{"role": "user", "content": "hi"}]',
            "ai.result.text": "hello",
            "ai.result.toolCalls": '[{"toolCallId": "c", "toolName": "f", "args": {"x": 1}}]',
            "ai.finishReason": "stop",
            "ai.usage.promptTokens": NAN,
            "ai.usage.completionTokens": NAN,
        }
    )
    assert _said(row, "span_type", "provider", "request_model", "max_tokens") == ("llm", "gcp.gemini", "m", 9)
    assert _said(row, "input_tokens", "output_tokens", "streaming", "finish_reason") == (
        None,
        None,
        True,
        "stop",
    )
    assert row["unread"] is None
    call = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"x": 1}}
    assert row["output"][0]["parts"] == [ANSWER[0]["parts"][0], call]


def test_providers_of_the_ai_sdk_are_cut_at_the_point():
    """The SDK's own names of packages and of interfaces."""
    for sent, provider in {
        "openai.responses": "openai",
        "anthropic.messages": "anthropic",
        "google.vertex.chat": "gcp.vertex_ai",
        "azure-openai.chat": "azure.ai.openai",
        "amazon-bedrock": "aws.bedrock",
        "mistral.chat": "mistral_ai",
        "xai.chat": "x_ai",
        "my-gateway": "my-gateway",
    }.items():
        row = row_of(attributes={"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": sent})
        assert row["provider"] == provider


def test_the_ai_sdk_leaves_parts_of_the_usage_to_the_provider():
    """Version 4 keeps cached tokens in the provider's metadata only; the outer span stays without."""
    metadata = '{"openai": {"cachedPromptTokens": 4, "reasoningTokens": 1}}'
    sent = {"ai.response.providerMetadata": metadata, "ai.usage.promptTokens": 9}
    inner = row_of(attributes=sent | {"ai.operationId": "ai.generateText.doGenerate"})
    assert _said(inner, "input_tokens", "cache_read_tokens", "reasoning_tokens") == (9, 4, 1)
    outer = row_of(attributes=sent | {"ai.operationId": "ai.generateText"})
    assert _said(outer, "input_tokens", "cache_read_tokens", "usage_source") == (None, None, None)


def test_content_events_of_spring_and_semantic_kernel():
    """gen_ai.content.prompt and .completion carry text or JSON."""
    row = row_of(
        ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "hi"}]'}),
        ("gen_ai.content.completion", {"gen_ai.completion": "hello"}),
        attributes={"gen_ai.operation.name": "chat", "gen_ai.system": "openai"},
    )
    assert _said(row, "dialect", "input", "output", "input_text", "output_text") == (
        "otel_genai_legacy",
        USER,
        ANSWER,
        "hi",
        "hello",
    )


def test_event_per_message_as_the_convention_had_it():
    """Events with text, an assistant's tool calls, and the choice's message as an object."""
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    row = row_of(
        ("gen_ai.user.message", {"content": "hi"}),
        ("gen_ai.assistant.message", {"tool_calls": calls}),
        ("gen_ai.tool.message", {"content": "done", "id": "c"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "hello"}}),
        attributes={"gen_ai.operation.name": "chat", "gen_ai.system": "openai"},
    )
    assert [message["role"] for message in row["input"]] == ["user", "assistant", "tool"]
    assert row["input"][2]["parts"] == [{"type": "tool_call_response", "id": "c", "response": "done"}]
    assert row["output"] == [ANSWER[0] | {"finish_reason": "stop"}]
    assert row["finish_reason"] == "stop"


def test_the_first_chunk_of_a_stream_is_an_event():
    """OpenInference and Traceloop: milliseconds from the span's start; an event before it tells nothing."""
    for name, key, value in (
        ("First Token Stream Event", "openinference.span.kind", "LLM"),
        ("llm.content.completion.chunk", "llm.request.type", "chat"),
    ):
        row = row_of((name, {}), attributes={key: value}, start=1)
        assert _said(row, "time_to_first_token_ms", "streaming") == (0.0, True)
        assert row_of((name, {}), attributes={key: value}, start=NOW)["time_to_first_token_ms"] is None


def test_words_for_no_cap_are_no_caps():
    """-1 and Infinity mean that nothing was set."""
    for value in (-1, "-1", {"$double": "Infinity"}):
        row = row_of(attributes={"gen_ai.system": "openai", "gen_ai.request.max_tokens": value})
        assert _said(row, "max_tokens", "unread") == (None, None)
    assert row_of(attributes={"gen_ai.request.max_tokens": -5})["unread"] == {"max_tokens": -5}


def test_a_failed_call_was_answered_by_nobody():
    """The model that was asked for, repeated as the one that answered, is an echo."""
    models = {"gen_ai.request.model": "m", "gen_ai.response.model": "m"}
    assert row_of(attributes=models, status="ERROR")["response_model"] is None
    assert (
        row_of(attributes=models | {"gen_ai.usage.output_tokens": 1}, status="ERROR")["response_model"] == "m"
    )
    assert row_of(attributes=models)["response_model"] == "m"
