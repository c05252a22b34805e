"""Which rows a tree of many spans is drawn in: repeated siblings share one, small ones are summed up.

Every span is in exactly one row, so that nothing is lost, however few rows there are.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Row", "parents_of", "rows"]

NONE = -1
TWICE = 2
"""From so many on something is repeated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a waterfall."""

    form: Literal["span", "collapsed", "rest"]
    depth: int
    members: list[int]
    """Places of the spans that this row stands for. Of a ``rest`` those below them are among them."""


@dataclass(slots=True)
class _Node:
    members: list[int]
    depth: int
    children: list[_Node] = field(default_factory=list)


def parents_of(depths: Sequence[int]) -> list[int]:
    """By place the place of the parent, from the depths in reading order.

    Examples
    --------
    >>> parents_of([0, 1, 2, 1, 0])
    [-1, 0, 1, 0, -1]
    """
    above: list[int] = []
    found = []
    for place, depth in enumerate(depths):
        del above[depth:]
        found.append(above[-1] if above else NONE)
        above.append(place)
    return found


def rows(
    depths: Sequence[int], labels: Sequence[str], weights: Sequence[float], *, max_rows: int
) -> list[Row]:
    """The rows for spans in reading order, ``max_rows`` at most.

    A tree that fits is drawn span by span. Else siblings of one label share a row, those that are repeated
    most first, with all that is below them; and if that is still too much, the lightest branches of each row
    are summed up in a row ``rest``.

    Parameters
    ----------
    depths, labels
        Of each span, in reading order.
    weights
        How much each span deserves a row of its own, such as its duration.
    max_rows
        At least 3.

    Examples
    --------
    >>> found = rows([0, 1, 1, 1, 1], ["run", "search", "search", "chat", "search"], [1] * 5, max_rows=4)
    >>> [(row.form, row.depth, row.members) for row in found]
    [('span', 0, [0]), ('collapsed', 1, [1, 2, 4]), ('span', 1, [3])]
    """
    below: dict[int, list[int]] = defaultdict(list)
    for place, parent in enumerate(parents_of(depths)):
        below[parent].append(place)
    repeated = max((len(siblings) for siblings in below.values()), default=0) + 1
    roots = _tree(below, labels, repeated, max_rows)
    while roots is None and repeated > TWICE:
        repeated = max(TWICE, repeated // 2)
        roots = _tree(below, labels, repeated, max_rows)
    roots = _tree(below, labels, TWICE, len(depths)) or [] if roots is None else roots
    return _emitted(roots, _chosen(roots, weights, max_rows))


def _tree(below: dict[int, list[int]], labels: Sequence[str], repeated: int, most: int) -> list[_Node] | None:
    """The spans as nodes; siblings of one label are one node where there are ``repeated`` or more.

    None as soon as there are more than ``most``.
    """
    roots = _siblings(below[NONE], labels, repeated, 0)
    ahead = list(roots)
    made = len(roots)
    while ahead and made <= most:
        node = ahead.pop()
        places = [child for member in node.members for child in below.get(member, ())]
        if not places:
            continue
        # What is below a collapsed row is collapsed too: there is no single parent to stand under.
        least = 1 if len(node.members) > 1 else repeated
        node.children = _siblings(places, labels, least, node.depth + 1)
        ahead += node.children
        made += len(node.children)
    return roots if made <= most else None


def _siblings(places: list[int], labels: Sequence[str], repeated: int, depth: int) -> list[_Node]:
    alike: dict[str, list[int]] = defaultdict(list)
    for place in places:
        alike[labels[place]].append(place)
    groups = [
        group
        for members in alike.values()
        for group in ([members] if len(members) >= repeated else [[member] for member in members])
    ]
    return [_Node(sorted(group), depth) for group in sorted(groups, key=min)]


def _walked(roots: Sequence[_Node]) -> Iterator[_Node]:
    """All nodes, each before its children, in order."""
    ahead = list(reversed(roots))
    while ahead:
        node = ahead.pop()
        yield node
        ahead += reversed(node.children)


def _chosen(roots: list[_Node], weights: Sequence[float], max_rows: int) -> set[int]:
    """The nodes (by ``id``) with a row: the heaviest, each after its parent, until rows are used up."""
    top = _Node([], NONE, roots)
    heap = [(-_weight(node, weights), order, node, top) for order, node in enumerate(roots)]
    heapq.heapify(heap)
    chosen: set[int] = set()
    waiting = {id(top): len(roots)}  # a row with children that wait needs a row for the rest
    used, order = int(bool(roots)), len(roots)
    while heap:
        _, _, node, parent = heapq.heappop(heap)
        more = 1 + bool(node.children) - (waiting[id(parent)] == 1)
        if used + more > max_rows:
            break
        used += more
        chosen.add(id(node))
        waiting[id(parent)] -= 1
        waiting[id(node)] = len(node.children)
        for child in node.children:
            order += 1
            heapq.heappush(heap, (-_weight(child, weights), order, child, node))
    return chosen


def _weight(node: _Node, weights: Sequence[float]) -> float:
    return sum(weights[member] for member in node.members)


def _emitted(roots: list[_Node], chosen: set[int]) -> list[Row]:
    found: list[Row] = []
    ahead: list[_Node | Row] = _ordered(roots, chosen, 0)
    while ahead:
        item = ahead.pop()
        if isinstance(item, Row):
            found.append(item)
            continue
        found.append(Row("span" if len(item.members) == 1 else "collapsed", item.depth, item.members))
        ahead += _ordered(item.children, chosen, item.depth + 1)
    return found


def _ordered(siblings: list[_Node], chosen: set[int], depth: int) -> list[_Node | Row]:
    """Siblings with a row and one row for the others, last first."""
    shown: list[_Node | Row] = [node for node in siblings if id(node) in chosen]
    hidden = [node for node in siblings if id(node) not in chosen]
    members = [member for node in _walked(hidden) for member in node.members]
    if members:
        shown.append(Row("rest", depth, sorted(members)))
    return shown[::-1]
