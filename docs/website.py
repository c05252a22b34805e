"""Build the site: the pages as they stand in the repository, and a reference made from the docstrings.

    python docs/website.py              into build/site
    python docs/website.py FOLDER       into that folder

The pages are copied to a temporary folder, where Sphinx reads them: README.md becomes the front page,
docs/howto/x.md becomes howto/x, and links are changed accordingly, so that the same files read well where
they lie. What a page links to and is no page (a licence, a program) lies beside the site as a file. The
order of the navigation is that of the links under the README's last heading.

Nothing of the site comes from the network, neither while it is built nor when it is read, and a warning
is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from docs import reference_pages

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
HOME = PurePosixPath("README.md")
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
NAVIGATION = "## Read on"


@dataclass
class Layout:
    """Where each file of the repository lies in the site; grows while pages are read."""

    pages: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    files: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)

    def place(self, source: PurePosixPath, linked_from: PurePosixPath) -> PurePosixPath:
        """Where ``source`` lies in the site; a file that no page had linked to gets its place now."""
        if source in self.pages:
            return self.pages[source]
        if (ROOT / source).is_dir():
            raise SystemExit(f"{linked_from} links to the folder {source}: link to a file in it.")
        if not (ROOT / source).is_file():
            raise SystemExit(f"{linked_from} links to {source}, which is not there.")
        if source.suffix == ".md":
            return self.pages.setdefault(source, _page_place(source))
        return self.files.setdefault(source, _file_place(source))


def build(target: Path) -> None:
    """Write the site into ``target``, whose content it replaces."""
    with tempfile.TemporaryDirectory(prefix="argus-site-") as folder:
        laid_out = Path(folder) / "pages"
        lay_out(laid_out)
        made = Path(folder) / "html"
        command = [sys.executable, "-m", "sphinx", "--builder", "html", "--fail-on-warning", "--quiet"]
        options = ["--conf-dir", str(ROOT / "docs" / "web"), "--doctree-dir", str(Path(folder) / "read")]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "server"), str(ROOT / "docs" / "web")])
        run = subprocess.run(  # noqa: S603  our own arguments
            [*command, *options, str(laid_out), str(made)],
            env=os.environ | {"PYTHONPATH": paths},
            check=False,
        )
        if run.returncode:
            raise SystemExit("The site was not built; what is wrong stands above.")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)


def lay_out(folder: Path) -> None:
    """Write every page into ``folder`` as Sphinx is to read it, and what the pages link to."""
    layout = Layout()
    for path in [ROOT / HOME, *sorted((ROOT / "docs").rglob("*.md"))]:
        source = PurePosixPath(path.relative_to(ROOT).as_posix())
        layout.pages[source] = _page_place(source)
    reference = reference_pages.pages()
    texts: dict[PurePosixPath, str] = {}
    while ahead := layout.pages.keys() - texts.keys():  # a page may link to one outside docs
        for source in sorted(ahead):
            texts[source] = moved((ROOT / source).read_text(encoding="utf-8"), source, layout)
    for source, text in texts.items():
        _write(folder / layout.pages[source], with_contents(source, text, layout, reference))
    for name, text in reference.items():
        _write(folder / name, text)
    for source, place in layout.files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / place)


def moved(text: str, source: PurePosixPath, layout: Layout) -> str:
    """The page's text with each relative link leading to where its target lies in the site."""

    def led(match: re.Match[str]) -> str:
        target, mark, anchor = match[0].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        found = PurePosixPath(os.path.normpath(source.parent / target))
        here = layout.pages[source].parent
        place = os.path.relpath(layout.place(found, source), here)
        return f"{PurePosixPath(place)}{mark}{anchor}"

    parts = CODE.split(text)
    return "".join(part if CODE.fullmatch(part) else LINK.sub(led, part) for part in parts)


def with_contents(source: PurePosixPath, text: str, layout: Layout, reference: Iterable[str]) -> str:
    """The page with what the navigation needs: a front page and overviews name the pages below them."""
    places = set(layout.pages.values())
    if source == HOME:
        trees = [*_captions(text, places), ("API", [PurePosixPath(name) for name in reference])]
        return text + "".join(_tree(pages, caption) for caption, pages in trees)
    if source.parts[0] != "docs":
        return f"---\norphan: true\n---\n{text}"
    if source.name == HOME.name:
        here = layout.pages[source].parent
        lists = "\n".join(line for line in text.splitlines() if line.startswith(("-", "|")))
        beside = [place for place in (*_linked(lists, here), *_linked(text, here)) if place.parent == here]
        return text + _tree(_pages_of(beside, places, {here}))
    return text


def _captions(text: str, places: set[PurePosixPath]) -> list[tuple[str, list[PurePosixPath]]]:
    """The paragraphs under the last heading, ``How to: [..](..) · [..](..)``, and the pages of each."""
    found = []
    for paragraph in text.partition(NAVIGATION)[2].strip().split("\n\n"):
        caption, _, links = paragraph.partition(":")
        linked = _linked(links, PurePosixPath())
        folders = {place.parent for place in linked if place.name != "index.md"}
        found.append((caption, _pages_of(linked, places, folders)))
    return found


def _linked(text: str, here: PurePosixPath) -> list[PurePosixPath]:
    """The pages that a text links to, in order."""
    targets = [link.partition("#")[0] for link in LINK.findall(text)]
    return [PurePosixPath(os.path.normpath(here / target)) for target in targets if target.endswith(".md")]


def _pages_of(
    linked: list[PurePosixPath], places: set[PurePosixPath], folders: set[PurePosixPath]
) -> list[PurePosixPath]:
    """The linked pages, once each, and the others of their folders, which no link named."""
    inside = [place for place in linked if place.parent in folders or place.name == "index.md"]
    rest = sorted(place for place in places if place.parent in folders and place.name != "index.md")
    return list(dict.fromkeys([*inside, *rest]))


def _tree(pages: list[PurePosixPath], caption: str = "") -> str:
    named = f":caption: {caption}\n" if caption else ""
    lines = "\n".join(f"/{page.with_suffix('')}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n{named}\n{lines}\n```\n"


def _page_place(source: PurePosixPath) -> PurePosixPath:
    inside = source.relative_to("docs") if source.parts[0] == "docs" else source
    return inside.with_name("index.md") if inside.name == HOME.name else inside


def _file_place(source: PurePosixPath) -> PurePosixPath:
    return source.relative_to("docs") if source.parts[0] == "docs" else PurePosixPath("files", source)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Build into the folder that is named, else into build/site."""
    target = Path(arguments[0]) if arguments else ROOT / "build" / "site"
    build(target)
    print(f"{target / 'index.html'}: {sum(1 for _ in target.rglob('*.html'))} pages")


if __name__ == "__main__":
    main(sys.argv[1:])
