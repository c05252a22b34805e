"""A figure that becomes another one where it stands: what is built alike stays, and says what the other says.

A browser takes a third of a second to make a figure of a hundred parts, and a tenth of that to draw other
numbers in one that is there. So figures are made anew only where they are built otherwise: another kind of
axis, another number of groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from bokeh.model import Model
from bokeh.models import ColumnDataSource, DataRange1d, Selection
from bokeh.models.annotations import BoxAnnotation, Title
from bokeh.models.text import BaseText

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from contextlib import AbstractContextManager

    from bokeh.document import Document

    from argus_lab.figures.drawings import Drawing

__all__ = ["become", "looked_through_once", "say"]

OF_BROWSERS = {"inner_width", "inner_height", "outer_width", "outer_height"}
OF_LISTENERS = {"subscribed_events", "js_event_callbacks", "js_property_callbacks"}
ENDS = {"start", "end"}
TAGS = "tags"

Changes = dict[Model, dict[str, Any]]


class _Unlike(Exception):
    """The two are built otherwise."""


def become(shown: Model, drawn: Model, *, keep_zoom: bool = False) -> bool:
    """Have what is shown say what was drawn, if both are built alike; else nothing changes.

    What was selected is not any more. With ``keep_zoom`` an axis that its reader moved stays where it is.

    Examples
    --------
    >>> from argus_lab.figures import canvas
    >>> shown, drawn, other = canvas.canvas("Before"), canvas.canvas("After"), canvas.nothing("No", "why")
    >>> become(shown, drawn), shown.title.text.text
    (True, 'After')
    >>> become(shown, other), shown.title.text.text
    (False, 'After')
    """
    changes: Changes = {}
    known: dict[Model, Model] = {}
    try:
        _compare(shown, drawn, known, changes)
    except _Unlike:
        return False
    _tell(changes, known, keep_zoom=keep_zoom)
    return True


def say(parts: Collection[Model], drawing: Drawing[Any], *, keep_zoom: bool = False) -> None:
    """Have a figure, built from a drawing that is alike, say what this one says; as :func:`become` does.

    ``parts`` are all that the figure is made of: to look for them takes as long as all the rest.

    Examples
    --------
    >>> import argus_lab as al
    >>> from argus_lab.figures.latencies import over_time_drawing
    >>> spans = al.open(tiny_lake).spans()
    >>> one, all_ = (over_time_drawing(al.latency(s, every="1d"), every="1d") for s in (spans[:1], spans))
    >>> shown = one.build()
    >>> say(shown.references(), all_)
    >>> shown.children[0].title.text.text == all_.texts["title"]
    True
    """
    changes: Changes = {}
    for part in parts:
        name = part.name or ""
        if isinstance(part, ColumnDataSource) and name in drawing.columns:
            changes[part] = {"data": dict(drawing.columns[name])}
            if part.selected.indices:
                changes[part.selected] = {"indices": []}
        elif isinstance(part, Title) and name in drawing.texts:
            _retitle(part, drawing.texts[name], changes)
    _tell(changes, parts, keep_zoom=keep_zoom)


def _retitle(title: Title, words: str, changes: Changes) -> None:
    """Its text says something else where it stands; a title looks at nothing but itself."""
    text = title.text
    assert isinstance(text, BaseText)  # noqa: S101  so it is made, see figures.canvas.said
    if text.text != words:
        changes[text] = {"text": words}
        changes[title] = {TAGS: [] if title.tags else ["drawn again"]}


def _tell(changes: Changes, parts: Collection[Model], *, keep_zoom: bool) -> None:
    document = next(iter(parts)).document
    values = [value for told in changes.values() for value in told.values()]
    with looked_through_once(document) if any(map(_has_text, values)) else nullcontext():
        for model, told in changes.items():
            model.update(**told)
    for model in parts:
        if isinstance(model, DataRange1d) and not keep_zoom:
            # Nothing is followed here, so that says nothing; but a range that is told so looks for its ends.
            model.follow_interval = 1.0 if model.follow_interval != 1.0 else 2.0


def looked_through_once(document: Document | None) -> AbstractContextManager[None]:
    """Bokeh looks through all of a document whenever a part comes or goes: here once, for all that change.

    Within what holds messages back, not around it: what is new has to be known when the browser is told.
    """
    found: AbstractContextManager[None] = nullcontext() if document is None else document.models.freeze()
    return found


def _has_text(value: Any) -> bool:
    """Whether it is a text, or has some: parts of a figure for Bokeh, values for us."""
    parts = value.values() if isinstance(value, Mapping) else [value]
    return any(isinstance(part, BaseText) for part in parts)


def _compare(shown: Model, drawn: Model, known: dict[Model, Model], changes: Changes) -> None:
    """Note what ``shown`` has to be told, and all that it is made of."""
    if shown in known or type(shown) is not type(drawn):
        if known.get(shown) is not drawn:
            raise _Unlike
        return
    known[shown] = drawn
    if isinstance(shown, ColumnDataSource) and shown.selected.indices:
        changes[shown.selected] = {"indices": []}
    if isinstance(shown, BoxAnnotation | Selection):  # what a reader draws with the mouse, and chooses
        return
    told: dict[str, Any] = {}
    for name in _names(shown, drawn):
        before, after = getattr(shown, name), getattr(drawn, name)
        if isinstance(shown, Title) and isinstance(before, BaseText) and isinstance(after, BaseText):
            if not _is_same_text(before, after):
                changes[before] = {"text": after.text}
                told[TAGS] = [] if shown.tags else ["drawn again"]  # a title looks at nothing but itself
            continue
        is_same = _is_same(before, after, known, changes)
        if not is_same and not shown.lookup(name).property.matches(before, after):
            told[name] = dict(after) if isinstance(after, Mapping) else after
    if told:
        changes[shown] = told


def _names(shown: Model, drawn: Model) -> Iterable[str]:
    """The properties that one of them was told."""
    old, new = _told(shown), _told(drawn)
    names = (old | new) - OF_BROWSERS - OF_LISTENERS - {TAGS}
    return names - (ENDS - new) if isinstance(shown, DataRange1d) else names


def _told(model: Model) -> set[str]:
    """Bokeh's own way to ask makes each default anew, which takes longer than a figure."""
    return model._property_values.keys() | model._unstable_default_values.keys()  # noqa: SLF001


def _is_same(before: Any, after: Any, known: dict[Model, Model], changes: Changes) -> bool:
    """Whether nothing has to be told of a value; parts of a figure are looked into, texts are values."""
    if isinstance(before, BaseText) or isinstance(after, BaseText):
        return _is_same_text(before, after)
    if isinstance(before, Model) and isinstance(after, Model):
        _compare(before, after, known, changes)
        return True
    if isinstance(before, Model) or isinstance(after, Model):
        raise _Unlike
    if isinstance(before, Mapping) and _has_text(before):
        return before.keys() == after.keys() and all(_is_same_text(before[at], after[at]) for at in before)
    if isinstance(before, list | tuple) and any(isinstance(each, Model) for each in (*before, *after)):
        if len(before) != len(after):
            raise _Unlike
        return all(_is_same(*both, known, changes) for both in zip(before, after, strict=True))
    return False


def _is_same_text(before: Any, after: Any) -> bool:
    """A text of more lines takes more room, which a figure gives only once."""
    one, other = (getattr(each, "text", each) for each in (before, after))
    if type(before) is not type(after) or one.count("\n") != other.count("\n"):
        raise _Unlike
    return bool(one == other)
