"""What somebody may write into a trace to do something to whoever looks at it."""

from __future__ import annotations

import json
from typing import Any

MARK = "window.marker=1"

PAYLOADS = (
    f"<script>{MARK}</script>",
    f"</style><script>{MARK}</script><style>",
    f"</pre></details></div><img src=x onerror={MARK}>",
    f'"><svg/onload={MARK}>',
    f"' onmouseover='{MARK}' x='",
    f'" autofocus onfocus="{MARK}" tabindex="1',
    f"<iframe srcdoc='<script>parent.{MARK}</script>'></iframe>",
    f"<svg><animate onbegin={MARK} attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={MARK}></style></mglyph></table></mtext></math>",
    f"<a href=javascript:{MARK}>x</a>",
    f"[click](javascript:{MARK})",
    f"[click](JaVaScRiPt:{MARK})",
    f"[click](java\tscript:{MARK})",
    "[click](data:text/html;base64,PHNjcmlwdD4=) [x](vbscript:x) [file](file:///etc/passwd)",
    f"<javascript:{MARK}>",
    f"![x](https://evil.example/pixel.png?{MARK})",
    f'![x](x "onerror={MARK}")',
    f"[a]: javascript:{MARK}\n\n[a]",
    f'[a](https://ok.example/ "\' onclick={MARK} ")',
    f"| a | b |\n|---|---|\n| <img src=x onerror={MARK}> | ok |",
    f"```html\n<script>{MARK}</script>\n```",
    f"`<b onclick={MARK}>`",
    f"&lt;script&gt;{MARK}&lt;/script&gt;",
    f"&#x3C;script&#x3E;{MARK}&#x3C;/script&#x3E;",
    f"<!--><script>{MARK}</script>-->",
    f"<![CDATA[<script>{MARK}</script>]]>",
    f"<?xml version='1.0'?><script>{MARK}</script>",
    f'<div style="background:url(javascript:{MARK});width:expression({MARK})">',
    "url(https://evil.example/x) expression(alert(1)) @import 'https://evil.example/x.css';",
    "<link rel=stylesheet href=https://evil.example/x.css><base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    f"<form action=https://evil.example/><button formaction=javascript:{MARK}>go</button></form>",
    f"<template><script>{MARK}</script></template><noscript><p title='</noscript><script>{MARK}</script>'>",
    f"<img src='data:image/svg+xml,<svg onload={MARK} xmlns=http://www.w3.org/2000/svg/>'>",
    "data:image/png;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    f"{{{{constructor.constructor('{MARK}')()}}}} ${{{MARK}}} <%= {MARK} %>",
    "invoice\u202efdp.exe \u2066hidden\u2069 \u200fmark\u061c",
    "plain \U000e0049\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065 text",
    "nul \x00 bell \x07 backspace \x08\x08\x08 form \x0c del \x7f c1 \x9b31m",
    "\x1b[2J\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "half of a pair \ud800 and \udfff the other",
    "line\rcarriage\u2028separator\u2029paragraph\x85next",
    "[" * 3000,
    "> " * 3000,
    "*_" * 3000 + "a",
    "(" * 2000 + "[x](" * 500,
    "[" * 400 + "]" * 400,
    "x" * 1_000_000,
    "A" * 700 + "=" * 3,
)


LONG = 10_000


def in_json(payload: str) -> dict[str, Any]:
    """The payload in every text that messages, arguments and results have; a long one in one message."""
    if len(payload) > LONG:
        said = [{"role": "user", "parts": [{"type": "text", "content": payload}]}]
        return {"input": json.dumps(said), "output": json.dumps({"result": payload})}
    parts: list[Any] = [
        {"type": "text", "content": payload},
        {"type": "reasoning", "content": payload},
        {"type": "tool_call", "id": payload, "name": payload, "arguments": {payload[:500]: payload}},
        {"type": "tool_call_response", "id": payload, "response": [payload, {"content": payload}]},
        {"type": "blob", "mime_type": payload, "content": payload, "sha256": payload, "modality": payload},
        {"type": "uri", "uri": payload, "mime_type": payload},
        {"type": "file", "file_id": payload, "size": -1},
        {"type": payload, "content": payload},
        payload,
    ]
    messages = [{"role": role, "parts": parts} for role in ("system", "user", "assistant", "tool", payload)]
    tools = [{"name": payload, "description": payload}, {"function": {"name": payload}}, payload]
    made = {
        "input": messages,
        "output": [*messages, {"role": "assistant", "content": payload, "finish_reason": payload}],
        "tool_definitions": tools,
        "attributes": {payload[:500]: payload, "server.address": payload, "db.query.text": payload},
        "events": [{"name": payload, "attributes": {"a": payload}}],
        "links": [{"trace_id": payload}],
        "metadata": payload,
    }
    return {name: json.dumps(value) for name, value in made.items()}
