"""Plots as PNG files, and one HTML file that holds them all and needs no other file."""

import base64
import html
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from espnet_atat.atomic import atomic_dir, atomic_write
from espnet_atat.graph.work import check_own
from espnet_atat.metrics.printing import Grid
from espnet_atat.report.grids import grids, legend, notes

STYLE = """
body{font-family:system-ui,sans-serif;margin:2em auto;max-width:80em;padding:0 1em;color:#222}
table{border-collapse:collapse;font-size:.85em;margin:1em 0}
th,td{border-bottom:1px solid #ccc;padding:.25em .7em .25em 0;text-align:left;vertical-align:top}
.wide{overflow-x:auto}
figure{margin:2.5em 0}
img{max-width:100%;height:auto}
figcaption{max-width:55em}
code{font-size:.85em;overflow-wrap:anywhere}
"""


@dataclass(frozen=True)
class Plot:
    """A drawn figure and what a reader should know about it; its PNG and its place in the page are called ``name``."""

    name: str
    title: str
    caption: str
    sources: Sequence[str]
    figure: Figure


def write_page(content: Mapping[str, Any], plots: Iterable[Plot], path: Path) -> None:
    """Write a table with its plots as HTML, and the PNGs into a folder beside it, ``<name>_plots``, replaced."""
    sections, links = [], []
    pictures = path.with_name(f"{path.stem}_plots")
    check_own(pictures, {".": [picture.name for picture in pictures.glob("*.png")]})
    with atomic_dir(pictures) as folder:
        for plot in plots:
            picture = _png(plot.figure)
            (folder / f"{plot.name}.png").write_bytes(picture)
            sections.append(_section(plot, picture))
            links.append(f'<li><a href="#{plot.name}">{html.escape(plot.title)}</a></li>')
    title = html.escape(content["title"])
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{STYLE}</style></head>",
        f"<body><h1>{title}</h1>",
        *map(_paragraph, filter(None, [content.get("note")])),
        *map(_table, grids(content)),
        *map(_paragraph, (*content.get("remarks", ()), legend(content), *notes(content))),
        f"<nav><h2>Plots</h2><ul>{''.join(links)}</ul></nav>",
        *sections,
        "</body></html>",
    ]
    with atomic_write(path) as handle:
        handle.write("\n".join(parts) + "\n")


def _paragraph(text: str) -> str:
    """A sentence of the Markdown table in HTML."""
    text = re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(text))
    return f"<p>{re.sub(r'[*](.+?)[*]', r'<em>\1</em>', text)}</p>"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the version of the library: the same figure gives the same file.
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _section(plot: Plot, picture: bytes) -> str:
    title = html.escape(plot.title)
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<figure id="{plot.name}"><h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{data}">'
        f"<figcaption><p>{html.escape(plot.caption)}</p>{_sources(plot.sources)}</figcaption></figure>"
    )


def _sources(sources: Sequence[str]) -> str:
    names = [f"<code>{html.escape(name)}</code>" for name in sources]
    if len(names) <= 2:
        return f"<p>Drawn from {' and '.join(names)}.</p>"
    items = "".join(f"<li>{name}</li>" for name in names)
    return f"<details><summary>Drawn from {len(names)} files</summary><ul>{items}</ul></details>"


def _table(grid: Grid) -> str:
    heads, *lines = grid
    rows = [_line("th", heads), *(_line("td", line) for line in lines)]
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def _line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
