"""A local stand-in for two model servers: OpenAI's chat completions and Ollama's ``/api/chat``.

What it answers depends on the request alone: the model ``nobody`` does not exist; a user who asks about
the weather, where tools are offered, gets a call of the first one; everybody else gets a sentence.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CALL", "CREATED", "OLLAMA_USAGE", "PIECES", "UNKNOWN", "USAGE", "running"]

CREATED = 1_790_000_000
UNKNOWN = "nobody"
PIECES = ("Grüße ", "aus ", "Paris 🌤")
CALL = {"name": "get_weather", "arguments": {"city": "Zürich"}}
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 45,
    "total_tokens": 165,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 20,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
OLLAMA_USAGE = {"prompt_eval_count": 31, "eval_count": 7}


@contextmanager
def running() -> Iterator[str]:
    """The stand-in's address, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests look at what was answered."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"/v1/chat/completions": _openai, "/api/chat": _ollama}.get(self.path)
        status, kind, body = answer(request) if answer else (404, "application/json", b"{}")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _calls_tool(request: dict[str, Any]) -> bool:
    last = request["messages"][-1]
    return bool(request.get("tools")) and last["role"] == "user" and "weather" in str(last["content"])


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _openai(request: dict[str, Any]) -> tuple[int, str, bytes]:
    if request["model"] == UNKNOWN:
        said = {"message": "The model `nobody` does not exist", "type": "invalid_request_error"}
        return 404, "application/json", _json({"error": {**said, "param": None, "code": "model_not_found"}})
    head = {"id": f"chatcmpl-{abs(hash(str(request))):x}", "created": CREATED}
    head |= {"model": f"{request['model']}-2026-05-01", "service_tier": "default"}
    call = {"id": "call_1", "type": "function"}
    call["function"] = {"name": CALL["name"], "arguments": json.dumps(CALL["arguments"])}  # type: ignore[assignment]
    is_call = _calls_tool(request)
    reason = "tool_calls" if is_call else "stop"
    if not request.get("stream"):
        message = {"role": "assistant", "content": None if is_call else "".join(PIECES), "refusal": None}
        message |= {"tool_calls": [call]} if is_call else {}
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        answer = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return 200, "application/json", _json(answer)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += (
        [{"tool_calls": [{"index": 0, **call}]}] if is_call else [{"content": piece} for piece in PIECES]
    )
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (request.get("stream_options") or {}).get("include_usage"):
        chunks.append({"choices": [], "usage": USAGE})  # type: ignore[dict-item]
    lines = [b"data: " + _json({**head, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
    return 200, "text/event-stream", b"\n\n".join([*lines, b"data: [DONE]", b""])


def _ollama(request: dict[str, Any]) -> tuple[int, str, bytes]:
    if request["model"] == UNKNOWN:
        return 404, "application/json", _json({"error": "model 'nobody' not found"})
    head = {"model": request["model"], "created_at": "2026-09-21T13:33:20.123456789Z"}
    is_call = _calls_tool(request)
    said = (
        [{"content": "", "tool_calls": [{"function": CALL}]}] if is_call else [{"content": p} for p in PIECES]
    )
    times = {"total_duration": 9_000_000, "load_duration": 1_000_000, "eval_duration": 5_000_000}
    last = {"done": True, "done_reason": "stop", **times, **OLLAMA_USAGE}
    if not request.get("stream", True):
        whole = said[0] if is_call else {"content": "".join(PIECES)}
        return 200, "application/json", _json({**head, "message": {"role": "assistant", **whole}, **last})
    lines = [{**head, "message": {"role": "assistant", **part}, "done": False} for part in said]
    lines.append({**head, "message": {"role": "assistant", "content": ""}, **last})
    return 200, "application/x-ndjson", b"".join(_json(line) + b"\n" for line in lines)
