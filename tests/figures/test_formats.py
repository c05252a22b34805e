"""Numbers and other people's texts as figures write them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from argus_lab.figures.formats import count, duration, percent, plain, usd, widened, width

UNITS = {"µs": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def _read(text: str) -> float:
    """Milliseconds that a written duration stands for."""
    pairs = re.findall(r"([\d.,]+) (\S+)", text)
    return sum(float(number.replace(",", "")) * UNITS[unit] for number, unit in pairs)


@given(st.floats(0.001, 1e10))
def test_a_duration_can_be_read_back(ms: float):
    """What is written is what was measured, up to the digits that are shown."""
    assert abs(_read(duration(ms)) - ms) <= 0.055 * ms


@given(st.floats(0.001, 1e10))
def test_a_duration_is_short_and_in_common_notation(ms: float):
    """No exponent, no more than two units, never sixty of the smaller one."""
    text = duration(ms)
    assert len(text) <= 14
    assert "e" not in text
    assert not re.search(r"\b60 (s|min)\b", text)


@given(st.text(max_size=400))
def test_plain_text_is_one_short_line(text: str):
    """No control or format character, no line break, never longer than asked for."""
    line = plain(text, 40)
    assert len(line) <= 40
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", line)


def test_hostile_text_is_shortened():
    """Ten kilobytes, a reversed reading direction and terminal escapes all become a short line."""
    assert plain("x" * 10_000, 50) == "x" * 49 + "…"
    assert plain("\x1b[31mred\u202eevil") == "[31mred evil"


@given(st.text("ab漢", max_size=8), st.booleans())
def test_filling_up_makes_columns(text: str, right: bool):  # noqa: FBT001  hypothesis gives it
    """Filled texts are equally wide, letters of two columns among them."""
    assert width(widened(text, 20, right=right)) == 20


def test_numbers_have_separators_and_signs():
    """Counts, dollars and changes as a report writes them; what is unknown is a dash."""
    assert [count(1234567), usd(0.000123), usd(12345.678), percent(-0.5)] == [
        "1,234,567",
        "$0.000123",
        "$12,345.68",
        "−50.0%",
    ]
    assert {count(None), usd(None), percent(None), duration(None)} == {"–"}
