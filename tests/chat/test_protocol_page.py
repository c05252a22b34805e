"""The page about the protocol says what the code does."""

from __future__ import annotations

import re

import msgspec

from argus_lab.chat import wire
from argus_lab.chat.failures import CODES
from argus_lab.settings import ROWS
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "reference" / "chat-protocol.md").read_text(encoding="utf-8")
REQUESTS = (wire.Chat, wire.Cancel, wire.Resume, wire.Models, wire.Pull)
EVENTS = (wire.Started, wire.Delta, wire.Done, wire.Error, wire.ModelList, wire.Progress)


def test_every_code_is_listed_with_its_meaning():
    """And no other."""
    table = PAGE[PAGE.index("| code | meaning |") :].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    assert dict(rows) == CODES


def test_every_message_is_listed_with_its_fields():
    """Each type of both sides, with every field it has."""
    for kind in (*REQUESTS, *EVENTS):
        (row,) = re.findall(rf"^\| `{kind.__struct_config__.tag}` \| .+$(?:\n\| \| .+$)?", PAGE, re.MULTILINE)
        named = set(re.findall(r"`(\w+)`", row))
        assert set(kind.__struct_fields__) <= named, kind


def test_every_part_is_described():
    """The fields of messages, tool calls, usage, timings and models stand on the page."""
    named = set(re.findall(r"[`\"](\w+)[`\"]", PAGE))
    for kind in (wire.Message, wire.ToolCall, wire.Usage, wire.Timings, wire.Model):
        assert set(kind.__struct_fields__) <= named, kind


def test_every_setting_of_chats_is_explained():
    """What limits a chat is named where a client's author reads."""
    for row in ROWS:
        if row.name.startswith("chat_"):
            assert f"`{row.name}`" in PAGE, row.name


def test_a_message_of_the_page_is_one():
    """The example's own message is read by the definition."""
    sent = '{"type": "chat", "id": "call-1", "model": "llama3.2", "messages": [], "project": "my-bot"}'
    assert wire.decoded_request(sent) == msgspec.convert(
        {"id": "call-1", "model": "llama3.2", "project": "my-bot"} | {"type": "chat"}, wire.Chat
    )
