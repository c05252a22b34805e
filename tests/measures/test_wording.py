"""Normalised messages: what differs from time to time goes, what tells errors apart stays."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from argus_lab.measures.wording import LONGEST, normalised


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("no answer within 5 s", "no answer within <n> s"),
        ("Limit 30,000, used 29,999.5.", "Limit <n>, used <n>."),
        ("trace 4bf92f3577b34da6a3ce929d0e0e4736 lost", "trace <uuid> lost"),
        ("job 550e8400-e29b-41d4-a716-446655440000", "job <uuid>"),
        ("at 0x7ffee3 in deadbeef42", "at <hex> in <hex>"),
        ("request req_8f3a2b of org-abc123", "request <id> of <id>"),
        ("2026-05-04T12:00:00.5Z too late", "<time> too late"),
        ("GET https://x.example/a?b=1 failed", "GET <url> failed"),
        ("no file /usr/lib/x.py, line 12", "no file <path>, line <n>"),
        (r"no file C:\data\x.csv", "no file <path>"),
        ("203.0.113.3:80 refused", "<address> refused"),
        ("ann@example.com is unknown", "<email> is unknown"),
        ("KeyError: 'order_7'", "KeyError: <text>"),
        ('expected "a", got "b"', "expected <text>, got <text>"),
        ("can't open it, it isn't there", "can't open it, it isn't there"),
        ("gpt-5-mini is overloaded", "gpt-5-mini is overloaded"),
        ("\x1b[31mred\x1b[0m  alert\n  Traceback 5", "red alert"),
        ("\n\n  later line", "later line"),
        ("", ""),
    ],
)
def test_messages(message: str, text: str):
    """One of each sort."""
    assert normalised(message) == text


@given(st.text(max_size=200))
@example("'" * 200)
@example("a-" * 100 + "1")
@example("/" * 200)
def test_any_text(message: str):
    """Never fails, never grows without bound, and normalises its own result to itself but for quotes."""
    text = normalised(message)
    assert len(text) <= LONGEST + 1
    assert text == text.strip()
    assert "\n" not in text


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_make_no_difference(one: int, other: int):
    """Two messages that differ in a number are one error."""
    assert normalised(f"no row {one} in 3 tables") == normalised(f"no row {other} in 3 tables")


def test_hostile_text_takes_no_time():
    """A hundred thousand characters made to go back and forth over."""
    for piece in ("'a", "a-1_", "/a", "1.", '"', "aA0", "a@b.", "0-"):
        assert len(normalised(piece * (100_000 // len(piece)))) <= LONGEST + 1
