"""Texts of strangers: what cannot be seen is shown, what is long is shortened, Markdown is tamed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_lab.display import units
from argus_lab.display.json_tree import json_tree
from argus_lab.display.markup import REL, element, link
from argus_lab.display.media import picture_of
from argus_lab.display.prose import ALLOWED, CELLS, SIDES, markdown
from argus_lab.display.visible import brief, fitted, shortened, visible, width
from tests.display.pages import ADDRESS, UNSEEN
from tests.display.payloads import PAYLOADS


class Words(HTMLParser):
    """Elements and links of rendered Markdown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[dict[str, str | None]] = []
        self.said: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.names.add(tag)
        if tag == "a":
            self.links.append(dict(attrs))
        elif tag in CELLS:
            assert attrs in ([], *([("class", side)] for side in SIDES.values())), attrs
        else:
            assert not attrs, (tag, attrs)

    def handle_data(self, data: str) -> None:
        """Text."""
        self.said.append(data)


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>"),
        ("# Title", "<h6>Title</h6>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>"),
        ("[x](https://a.example)", f'<p><a href="https://a.example" rel="{REL}">x</a></p>'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[note]: hidden words", "<p>[note]: hidden words</p>"),
        ("~~gone~~", "<p><s>gone</s></p>"),
    ],
)
def test_markdown_is_rendered_without_its_dangers(source: str, made: str):
    """The usual marks work; HTML, scripts' addresses and hidden definitions are text."""
    assert markdown(source) == made


def test_columns_stand_where_their_writer_wants_them():
    """Cells of ``---:`` and ``:--:`` say their side as a class of ours, the others nothing."""
    made = markdown("|a|b|c|\n|-|-:|:-:|\n|1|2|3|")
    assert re.findall(r"<t[hd]\b[^>]*>\w", made) == [
        f"<{name}{side}>{word}"
        for name, words in (("th", "abc"), ("td", "123"))
        for side, word in zip(("", ' class="al-end"', ' class="al-middle"'), words, strict=True)
    ]


@given(
    st.text()
    | st.lists(st.sampled_from([*"[]()<>!*_`#|\n \"'&:", "javascript:", "https://a.b"])).map("".join)
)
def test_any_markdown_keeps_to_the_allowed_elements(source: str):
    """Whatever is written, only prose comes out, and links go to the web or to mail."""
    found = Words(markdown(source))
    assert found.names <= ALLOWED
    for attributes in found.links:
        assert attributes.keys() <= {"href", "rel"}
        assert attributes["rel"] == REL
        assert "href" not in attributes or ADDRESS.match(attributes["href"] or "")


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_payloads_in_markdown_are_words(payload: str):
    """The corpus gives no element that Markdown does not have, and no picture."""
    assert Words(markdown(shortened(payload, 5_000)[0])).names <= ALLOWED


@given(st.text(st.characters(codec=None)))
def test_nothing_unseen_is_left(value: str):
    """After ``visible`` no control, no turned direction, no half pair; other text is unchanged."""
    shown = visible(value)
    assert not UNSEEN.search(shown)
    if re.fullmatch(r"[\w .,;!?\n]*", value, re.ASCII):
        assert shown == value


@given(st.text(max_size=3_000), st.integers(10, 2_000))
def test_shortened_texts_say_when_something_is_missing(value: str, most: int):
    """A text is whole and says nothing, or is cut and says how much more there is."""
    shown, rest = shortened(value, most)
    if not rest and not re.search(r"[\w+/=-]{400}", value):
        assert shown == visible(value)
    if len(value) > most and not re.search(r"[\w+/=-]{400}", value):
        assert rest.endswith("B")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Mn", "Me", "Mc"])),
    st.integers(2, 40),
)
def test_terminal_cells_are_as_wide_as_they_say(value: str, columns: int):
    """A cell takes its columns exactly, wide characters counted twice."""
    assert width(fitted(value, columns)) == columns


def test_hidden_words_are_read_out():
    """Letters of the tag block, which no screen shows, are told as text; long runs by their length."""
    assert visible("ok" + "".join(chr(0xE0000 + ord(char)) for char in "obey")) == "ok⟨hidden text: obey⟩"
    assert visible("\u202e" * 5_000) == "⟨U+202E⟩⟨×5,000⟩"
    assert brief("a\x00b\n\nc") == "a␀b c"


@pytest.mark.parametrize(
    "address", ["javascript:x", "JAVASCRIPT:x", "data:text/html,x", "//a.b", "http://[", "x"]
)
def test_links_go_to_the_web_or_nowhere(address: str):
    """An address of any other kind is no link."""
    assert "<a" not in link(address, "x")


@pytest.mark.parametrize("name", ["script", "svg", "iframe", "object", "form"])
def test_elements_out_of_the_vocabulary_cannot_be_made(name: str):
    """The writer of a page cannot make what the tests of a page would not allow."""
    with pytest.raises(ValueError, match="vocabulary"):
        element(name)
    with pytest.raises(ValueError, match="vocabulary"):
        element("p", onclick="x")


@pytest.mark.parametrize(
    "sent", ["", "data:image/png;base64,", "data:image/svg+xml;base64,PHN2Zz4=", "iVBOR", "x" * 80_000]
)
def test_what_is_no_small_picture_is_none(sent: str):
    """The first bytes decide, not what the sender says; large ones stay references."""
    assert picture_of(sent) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
        max_leaves=40,
    )
)
def test_any_json_is_a_tree(value: object):
    """Any value gives balanced markup."""
    found = Words(re.sub(r' (?:class|dir)="[a-z- ]*"', "", json_tree(value, 500, "the frame")))
    assert found.names <= {"div", "ul", "li", "b", "code", "span", "pre", "img"}


def test_deep_json_is_cut():
    """Nesting without end is shown as far as one would read."""
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    assert json_tree(deep, 20_000, "the frame").count("<ul>") <= 10
    assert "characters" in json_tree("[" * 500_000, 1_000, "the frame") or "more" in json_tree(
        "[" * 500_000, 1_000, "the frame"
    )


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "x"])
def test_unknown_numbers_are_a_dash(value: object):
    """What is not known is never 0."""
    for told in (units.duration, units.count, units.number, units.usd, units.share):
        assert told(value) == units.UNKNOWN


@given(st.floats(-1e12, 1e12))
def test_durations_round_to_what_they_are(ms: float):
    """The words of a duration, read back, are within three digits of it."""
    found = re.findall(r"([\d.,]+) (ms|s|min|h|d)", units.duration(ms))
    factor = {"ms": 1, "s": 1e3, "min": 6e4, "h": 3.6e6, "d": 8.64e7}
    read = sum(float(number.replace(",", "")) * factor[unit] for number, unit in found)
    assert read == pytest.approx(abs(ms), rel=0.02, abs=0.006)
