"""One sheet of style, for what this room shows and nothing else on the page.

Every rule stands under the root's class, named twice so that a notebook's own rules for tables and lists
do not win. Colours are variables: light, dark where the reader's system asks for it, and what JupyterLab,
VS Code or an exported page says about itself before both.
"""

from __future__ import annotations

from functools import cache

from argus_lab.display.markup import Html, element

__all__ = ["ROOT", "sheet"]

ROOT = "argus-lab"

LIGHT = {
    "ground": "#ffffff",
    "raised": "#f7f8fa",
    "ink": "#1c2128",
    "soft": "#5b6572",
    "line": "#dfe3e8",
    "accent": "#1f6feb",
    "pale": "#a9c8f7",
    "grey": "#8b95a3",
    "light-grey": "#c3c9d1",
    "wrong": "#c9302c",
    "wrong-ground": "#fdf1f0",
}
DARK = {
    "ground": "#14181d",
    "raised": "#1b2027",
    "ink": "#dde2e8",
    "soft": "#98a3b0",
    "line": "#2d343d",
    "accent": "#5b9dff",
    "pale": "#2f5183",
    "grey": "#77828f",
    "light-grey": "#47505b",
    "wrong": "#ff7b72",
    "wrong-ground": "#2b1a1b",
}

_BOX = """
& {display:block; box-sizing:border-box; max-width:1120px; margin:2px 0; padding:14px 16px;
 border:1px solid var(--al-line); border-radius:5px; background:var(--al-ground); color:var(--al-ink);
 font:13px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif;
 font-variant-numeric:tabular-nums; text-align:left; overflow-wrap:anywhere; container-type:inline-size}
& * {box-sizing:border-box}
& h3, & h4, & h5, & h6 {margin:0; padding:0; color:inherit; font-weight:600; line-height:1.4; border:0}
& h3 {font-size:15px}
& h4 {font-size:13px; margin:14px 0 4px}
& h5 {font-size:12px; margin:12px 0 4px; color:var(--al-soft)}
& h6 {font-size:13px; margin:8px 0 2px}
& p {margin:4px 0; line-height:inherit}
& a {color:var(--al-accent); text-decoration:none}
& a:hover {text-decoration:underline}
& code, & pre {font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
 font-size:12px; background:none; color:inherit; padding:0; border:0}
& pre {margin:4px 0; white-space:pre-wrap; line-height:1.45; overflow-wrap:anywhere}
& ul, & ol {margin:0; padding:0}
& details {margin:0; padding:0; border:0; background:none}
& summary {cursor:pointer; list-style-position:outside}
& img {display:block; max-width:240px; max-height:160px; margin:4px 0; border:1px solid var(--al-line)}
& hr {border:0; border-top:1px solid var(--al-line); margin:8px 0}
"""

_HEAD = """
& header {display:block; margin:0 0 10px; background:none; position:static}
& .al-sub {margin:1px 0 0; color:var(--al-soft); font-size:12px}
& .al-facts {display:flex; flex-wrap:wrap; gap:6px 26px; margin:10px 0 0; padding:0}
& .al-facts .al-name {display:block; font-size:11px; color:var(--al-soft)}
& .al-facts b {font-weight:400; font-size:14px}
& .al-dot {display:none}
& .al-wrong {color:var(--al-wrong)}
& .al-note, & .al-more {color:var(--al-soft); font-size:12px}
& .al-note {margin:6px 0}
& .al-more {font-style:normal}
& .al-alert {margin:10px 0 0; padding:6px 10px; border-left:2px solid var(--al-wrong);
 background:var(--al-wrong-ground); list-style:none}
& .al-alert li {margin:0; padding:1px 0; list-style:none}
"""

_STEPS = """
& .al-steps {list-style:none; margin:12px 0 0; padding:0; border-top:1px solid var(--al-line)}
& .al-steps > li {list-style:none; margin:0; padding:0; border-bottom:1px solid var(--al-line)}
& .al-steps > li::marker {content:""}
& .al-row {display:grid; grid-template-columns:minmax(170px,36%) minmax(60px,1fr) 84px 104px; gap:0 10px;
 align-items:center; min-height:25px; padding:2px 4px; list-style:none}
& summary.al-row::-webkit-details-marker {display:none}
& summary.al-row::marker {content:""}
& summary.al-row:hover {background:var(--al-raised)}
& details[open] > summary.al-row {background:var(--al-raised)}
& .al-label {display:block; min-width:0; overflow:hidden; text-overflow:ellipsis; white-space:nowrap;
 unicode-bidi:isolate}
& .al-tree {display:none}
& .al-kind {color:var(--al-soft); font-size:11px; margin-left:6px}
& .al-times {display:inline-block; color:var(--al-accent); font-weight:600; margin-right:5px}
& .al-mark {color:var(--al-wrong); font-weight:700; margin-right:4px}
& .al-track {display:block; position:relative; height:9px; overflow:hidden;
 background:linear-gradient(var(--al-line),var(--al-line)) center/100% 1px no-repeat}
& .al-bar, & .al-wait {position:absolute; top:0; height:9px; min-width:2px; border-radius:1px}
& .al-bar {background:var(--al-grey)}
& .al-wait {background:var(--al-pale)}
& .al-bar.al-is-llm {background:var(--al-accent)}
& .al-bar.al-is-outer {background:var(--al-light-grey)}
& .al-bar.al-is-wrong {background:var(--al-wrong)}
& .al-num {display:block; text-align:right; white-space:nowrap}
& .al-tok {display:block; text-align:right; white-space:nowrap; color:var(--al-soft); font-size:12px}
& .al-axis {color:var(--al-soft); font-size:11px}
& .al-ticks {display:flex; justify-content:space-between}
& .al-axis .al-tok {font-size:11px}
& .al-body {padding:4px 12px 12px 14px; margin:0 0 4px 4px; border-left:2px solid var(--al-accent)}
& .al-body.al-is-wrong {border-left-color:var(--al-wrong)}
"""

_CONTENT = """
& .al-pairs {display:grid; grid-template-columns:max-content 1fr; gap:1px 14px; margin:4px 0; padding:0}
& .al-pairs dt {margin:0; padding:0; color:var(--al-soft); font-weight:400; float:none}
& .al-pairs dd {margin:0; padding:0; min-width:0}
& .al-text {padding:6px 9px; background:var(--al-raised); border-radius:3px}
& .al-fold > summary {color:var(--al-soft); padding:2px 0; list-style:none}
& .al-fold > summary::-webkit-details-marker {display:none}
& .al-fold > summary::before, & summary.al-row > .al-label::before {content:"▸"; display:inline-block;
 width:12px; color:var(--al-grey); font-size:11px}
& .al-fold[open] > summary::before, & details[open] > summary.al-row > .al-label::before {content:"▾"}
& .al-axis > .al-label {padding-left:12px}
& .al-fold[open] > summary {color:var(--al-ink)}
& .al-message {margin:6px 0; padding:1px 0 1px 10px; border-left:2px solid var(--al-line)}
& .al-message.al-is-assistant {border-left-color:var(--al-accent)}
& .al-message.al-is-user {border-left-color:var(--al-ink)}
& .al-role {color:var(--al-soft); font-size:11px; margin:0; font-weight:400}
& .al-prose > p:first-child {margin-top:0}
& .al-prose ul, & .al-prose ol {margin:2px 0; padding-left:22px}
& .al-prose pre {padding:6px 9px; background:var(--al-raised)}
& .al-prose blockquote {margin:4px 0; padding:0 0 0 10px; border-left:2px solid var(--al-line);
 color:var(--al-soft); background:none}
& .al-call {margin:3px 0}
& .al-call > b {font-weight:600}
& .al-key {color:var(--al-soft); font-weight:400}
& .al-json ul {list-style:none; margin:0; padding:0 0 0 14px; border-left:1px solid var(--al-line)}
& .al-json > ul {padding-left:0; border-left:0}
& .al-json li {list-style:none; margin:0; padding:0; line-height:1.5}
& .al-string {unicode-bidi:isolate; white-space:pre-wrap}
& .al-media {display:inline-block; padding:0 6px; border:1px solid var(--al-line); border-radius:3px;
 color:var(--al-soft); font-size:12px}
& .al-turn {margin:16px 0 0; padding:0; border-top:1px solid var(--al-line)}
& .al-turn h4 {margin-top:8px}
& h4 .al-kind {font-weight:400}
& .al-rounds {list-style:none; margin:4px 0 4px 12px; padding:0}
& .al-rounds > li {list-style:none; margin:0; padding:1px 0}
& .al-rounds > li > details > summary {padding:2px 0; margin:0}
& .al-rounds > li > p {padding:2px 0 2px 12px; margin:0}
"""

_TABLES = """
& table {display:table; width:auto; margin:8px 0 0; border-collapse:collapse; border:0; font-size:12.5px;
 table-layout:auto}
& table.al-wide {width:100%}
& thead {border-bottom:1px solid var(--al-line); background:none; vertical-align:bottom}
& tbody tr, & tbody tr:nth-child(odd), & tbody tr:nth-child(even) {background:none}
& tbody tr:hover {background:var(--al-raised)}
& th, & td {padding:3px 14px 3px 0; border:0; border-bottom:1px solid var(--al-line); text-align:left;
 vertical-align:top; max-width:420px; white-space:normal; font-weight:400; line-height:1.45}
& thead th {color:var(--al-soft); font-size:11px}
& th.al-right, & td.al-right {text-align:right; white-space:nowrap}
& .al-end {text-align:right}
& .al-middle {text-align:center}
& td.al-keep {white-space:nowrap}
& tr.al-unclear td, & tr.al-unclear th {color:var(--al-soft)}
& .al-interval {display:block; position:relative; width:260px; height:13px; margin-top:3px;
 background:linear-gradient(var(--al-light-grey),var(--al-light-grey)) center/1px 100% no-repeat}
& .al-range {position:absolute; top:5px; height:3px; min-width:1px; background:var(--al-light-grey)}
& .al-point {position:absolute; top:2px; width:3px; height:9px; margin-left:-1px; background:var(--al-grey)}
& .al-clear .al-range {background:var(--al-pale)}
& .al-clear .al-point {background:var(--al-accent)}
& .al-scale {display:flex; justify-content:space-between; width:260px}
"""

_NARROW = """
& .al-row {grid-template-columns:minmax(130px,50%) minmax(40px,1fr) 74px}
& .al-row .al-tok {display:none}
& th, & td {padding-right:8px}
"""

_PRINT = """
& {border:0; padding:0; max-width:none; print-color-adjust:exact; -webkit-print-color-adjust:exact}
& li, & tr {break-inside:avoid}
& .al-prose a::after {content:" (" attr(href) ")"}
"""


@cache
def sheet() -> Html:
    """The style element, the same for every output."""
    light = _variables(LIGHT)
    dark = _variables(DARK)
    rules = [
        f"& {{color-scheme:light; {light}}}",
        f"@media (prefers-color-scheme:dark) {{& {{color-scheme:dark; {dark}}}}}",
        *(f"{page} & {{color-scheme:light; {light}}}" for page in _PAGES_LIGHT),
        *(f"{page} & {{color-scheme:dark; {dark}}}" for page in _PAGES_DARK),
        _BOX,
        _HEAD,
        _STEPS,
        _CONTENT,
        _TABLES,
        f"@container (max-width:620px) {{{_NARROW}}}",
        f"@media print {{{_PRINT}}}",
    ]
    return element("style", Html(" ".join("\n".join(rules).split()).replace("&", f".{ROOT}.{ROOT}")))


_PAGES_LIGHT = ('[data-jp-theme-light="true"]', ".vscode-light", ".vscode-high-contrast-light")
# VS Code calls its light theme of high contrast both.
_PAGES_DARK = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
)


def _variables(colours: dict[str, str]) -> str:
    return "; ".join(f"--al-{name}:{colour}" for name, colour in colours.items())
