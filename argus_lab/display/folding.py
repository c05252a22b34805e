"""Which steps of a tree are shown: all of a small one; of a large one what matters, the rest folded by label.

Errors, the longest parts of the path that the time went, and the first of each kind stay; other siblings of
one label become one line that says how many it stands for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

__all__ = ["OTHERS", "Line", "Tree", "lines"]

DEEPEST_GUIDE = 14
FOLDS_A_PARENT = 6
LONGEST_OF_A_LABEL = 3
OTHERS = "other steps"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the tree: a step, or ``times`` siblings of one label, which hide ``spans`` steps in all."""

    place: int
    depth: int
    label: str
    folded: tuple[int, ...] = ()
    spans: int = 1
    guides: str = ""

    @property
    def times(self) -> int:
        """How many siblings the line stands for."""
        return len(self.folded) or 1


class Tree:
    """Steps in reading order: who stands below whom, what each is called, when it was, which failed.

    Parameters
    ----------
    depths
        0 for a root.
    labels
        What each is called.
    ends
        When each starts and ends.
    wrong
        Those that failed.
    """

    def __init__(
        self, depths: list[int], labels: list[str], ends: list[tuple[float, float]], wrong: list[int]
    ) -> None:
        self.depths = depths
        self.labels = labels
        self.ends = ends
        self.wrong = wrong
        self.parent = _parents(depths)
        self.children: dict[int, list[int]] = defaultdict(list)
        for place, above in enumerate(self.parent):
            self.children[above].append(place)

    @cached_property
    def path(self) -> list[int]:
        """Where the time went: the steps that the end waited for, the longest first, a few of each label."""
        seen: Counter[str] = Counter()
        found: list[int] = []
        for place in sorted(_path(self), key=lambda place: self.ends[place][0] - self.ends[place][1]):
            seen[self.labels[place]] += 1
            if seen[self.labels[place]] <= LONGEST_OF_A_LABEL:
                found.append(place)
        return found

    def below(self, place: int) -> range:
        """The step and all below it, which is a stretch of the reading order."""
        end, depth = place + 1, self.depths[place]
        while end < len(self.depths) and self.depths[end] > depth:
            end += 1
        return range(place, end)

    def kept(self, wishes: Iterable[int], most: int, kept: set[int]) -> None:
        """Keep these steps with everything above them, until there are ``most``."""
        for place in wishes:
            if len(kept) >= most:
                return
            while place >= 0 and place not in kept:
                kept.add(place)
                place = self.parent[place]  # noqa: PLW2901  the way up


def lines(tree: Tree, most: int) -> list[Line]:
    """The lines of a tree of steps: all if they are no more than ``most``, else about so many.

    Examples
    --------
    >>> tree = Tree([0] + [1] * 500, ["run"] + ["search"] * 500, [(0, 1)] * 501, [7])
    >>> found = lines(tree, 40)
    >>> [(line.label, line.place, line.times) for line in found if line.place in (0, 7) or line.times > 1]
    [('run', 0, 1), ('search', 2, 498), ('search', 7, 1)]
    """
    count = len(tree.labels)
    if count <= most:
        return _guided([Line(place, tree.depths[place], tree.labels[place]) for place in range(count)])
    kept: set[int] = set()
    tree.kept(tree.wrong, most // 4, kept)
    tree.kept(tree.path, most // 4 + min(len(kept), most // 4), kept)
    tree.kept(_first_of_each(tree), most * 2 // 3, kept)
    return _guided(list(_folded(tree, kept)))


def _folded(tree: Tree, kept: set[int]) -> Iterator[Line]:
    """The kept steps in order; below each, its other children by label where the first of them stood."""
    waiting = [iter(_level(tree, kept, -1))]
    while waiting:
        line = next(waiting[-1], None)
        if line is None:
            waiting.pop()
            continue
        yield line
        if not line.folded:
            waiting.append(iter(_level(tree, kept, line.place)))


def _level(tree: Tree, kept: set[int], above: int) -> list[Line]:
    """The children of one step as lines."""
    labels = tree.labels
    made: list[Line] = []
    hidden: dict[str, list[int]] = defaultdict(list)
    children = tree.children.get(above, [])
    counted = Counter(labels[place] for place in children if place not in kept)
    common = {label for label, _ in counted.most_common(FOLDS_A_PARENT)}
    for place in children:
        depth = tree.depths[place]
        if place in kept:
            made.append(Line(place, depth, labels[place]))
            continue
        label = labels[place] if labels[place] in common else OTHERS
        if label not in hidden:
            made.append(Line(place, depth, label))
        hidden[label].append(place)
    return [line if line.place in kept else _fold(tree, line, hidden[line.label]) for line in made]


def _fold(tree: Tree, line: Line, places: list[int]) -> Line:
    """The line of these siblings; one that stands alone and has nothing below it is a step like others."""
    spans = _size(tree, places)
    if spans == 1:
        return replace(line, label=tree.labels[line.place])
    return replace(line, folded=tuple(places), spans=spans)


def _size(tree: Tree, places: list[int]) -> int:
    return sum(len(tree.below(place)) for place in places)


def _first_of_each(tree: Tree) -> Iterator[int]:
    """From the roots down, a level at a time: the first child of each label, in the order they stand."""
    level = [-1]
    while level:
        below: list[int] = []
        for above in level:
            first: dict[str, int] = {}
            for place in tree.children.get(above, ()):
                first.setdefault(tree.labels[place], place)
            below += islice(first.values(), FOLDS_A_PARENT * 2)
        yield from below
        level = below


def _path(tree: Tree) -> Iterator[int]:
    """Where the time went: from the end of a step back, the child that finished last, and so on in it."""
    ends, waiting = tree.ends, list(tree.children.get(-1, ()))
    while waiting:
        place = waiting.pop()
        yield place
        moment = ends[place][1]
        for child in sorted(tree.children.get(place, ()), key=lambda child: ends[child][1], reverse=True):
            if ends[child][1] <= moment and ends[child][0] < moment:
                waiting.append(child)
                moment = ends[child][0]


def _parents(depths: list[int]) -> list[int]:
    found: list[int] = []
    above: list[int] = []
    for place, depth in enumerate(depths):
        del above[depth:]
        found.append(above[-1] if above else -1)
        above.append(place)
    return found


def _guided(found: list[Line]) -> list[Line]:
    """The lines with the strokes of the tree before them."""
    made: list[Line] = []
    going_on: set[int] = set()
    for line in reversed(found):
        depth = min(line.depth, DEEPEST_GUIDE)
        if depth:
            strokes = "".join("│  " if level in going_on else "   " for level in range(1, depth))
            strokes += "├─ " if depth in going_on else "└─ "
            line = replace(line, guides=strokes)  # noqa: PLW2901  the same line, told in full
        going_on = {level for level in going_on if level < depth} | {depth}
        made.append(line)
    return made[::-1]
