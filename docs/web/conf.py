"""How the site is built: what Sphinx reads before it reads the pages that docs/website.py laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_lab import __version__
from docs.docstrings import restructured, with_whole_terms

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def palette(**colours: str) -> dict[str, str]:
    """The theme's variables from six colours: one of them the accent, the others a scale of grey."""
    roles = {
        "ground": ["background-primary", "sidebar-background", "api-background", "sidebar-search-background"],
        "raised": ["background-secondary", "code-background", "inline-code-background", "background-hover"],
        "ink": [
            *["foreground-primary", "content-foreground", "code-foreground", "api-name", "api-pre-name"],
            *["api-overall", "sidebar-link-text", "sidebar-link-text--top-level"],
        ],
        "soft": ["foreground-secondary", "foreground-muted", "api-paren", "sidebar-caption-text"],
        "line": ["background-border", "foreground-border", "sidebar-background-border", "table-border"],
        "accent": ["brand-primary", "brand-content", "brand-visited", "api-keyword", "link", "link--visited"],
    }
    named = {f"color-{role}": colours[colour] for colour, uses in roles.items() for role in uses}
    return named | {f"argus-{name}": value for name, value in colours.items()}


project = "Argus Lab"
version = release = __version__
language = "en_GB"
root_doc = "index"
exclude_patterns = ["files"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]

# Pages are plain Markdown as GitHub shows it; headings get the anchors that GitHub gives them.
myst_heading_anchors = 4
myst_enable_extensions: list[str] = []

# Signatures show what is typed when calling; the text says what is meant.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
add_module_names = False
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Argus Lab"
html_static_path = ["static"]
html_css_files = ["argus.css"]
html_favicon = "static/argus.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
templates_path = ["templates"]
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": palette(
        ground="#ffffff", raised="#f7f8fa", ink="#1c2128", soft="#5b6572", line="#dfe3e8", accent="#1a62d6"
    ),
    "dark_css_variables": palette(
        ground="#14181d", raised="#1b2027", ink="#dde2e8", soft="#98a3b0", line="#2d343d", accent="#6ba6ff"
    ),
}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def setup(app: Sphinx) -> None:
    """Read docstrings as the measures' pages read them."""
    app.connect("autodoc-process-docstring", _restructured)


def _restructured(app: Sphinx, what: str, name: str, *told: Any) -> None:
    lines = told[-1]
    lines[:] = restructured("\n".join(with_whole_terms(lines)))
    page = f"measures/{name.rpartition('.')[2]}"
    if what == "function" and page in app.env.found_docs:
        lines += [f"Columns, formulas and examples: :doc:`/{page}`.", ""]
