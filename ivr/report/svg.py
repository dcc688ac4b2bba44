"""Charts as drawings in a page without scripts: what a mail program shows too. Pure: sheets in, SVG out.

The colours are those of the other reports (`assets/tokens.css`), so both schemes hold."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from ivr.report.sheets import Cell, Chart, Sheet, cell_text

WIDTH = 720
ROW = 24  # of a lying bar, with what lies between
LABEL = 150  # for names at the left
LABEL_CELLS = 20  # of a name in LABEL: half as many Chinese characters
FIGURE = 70  # for figures at the right
HEIGHT = 200  # of standing columns
LEGEND = 22
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a strip, in the colour of that number."""

    begins: datetime
    ends: datetime
    colour: int
    title: str


@dataclass(frozen=True, slots=True)
class Strips:
    """What went on when: one strip for each name, from `begins` to `ends`, with a mark at each of `hours`."""

    title: str
    begins: datetime
    ends: datetime
    hours: Sequence[tuple[datetime, str]]
    rows: Sequence[tuple[str, Sequence[Span]]]
    legend: Sequence[tuple[int, str]]


def chart_svg(sheet: Sheet, chart: Chart) -> str:
    """One of a sheet's charts, from the sheet's own rows. Cells that hold no number are drawn as nothing."""
    rows = sheet.rows[chart.first_row :]
    labels = [str(row[chart.label]) for row in rows]
    series = [[_number(row[column]) for row in rows] for column in chart.values]
    names = [sheet.columns[column].heading for column in chart.values]
    if not labels:
        return ""
    body = _columns(labels, series) if chart.standing else _bars(sheet, chart, labels, series)
    return _figure(chart.title, body, list(enumerate(names, start=1)) if len(names) > 1 else [])


def strips_svg(strips: Strips) -> str:
    """A strip for each name over the same time."""
    whole = (strips.ends - strips.begins).total_seconds()

    def x(at: datetime) -> float:
        return LABEL + (WIDTH - LABEL) * (at - strips.begins).total_seconds() / whole

    height = ROW * len(strips.rows) + 18
    parts = []
    for at, hour in strips.hours:
        parts.append(f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" y2="{height - 18}" {_stroke()}/>')
        if x(at) < WIDTH - 16:
            parts.append(_text(x(at) + 2, height - 5, hour, "ink-3"))
    for number, (name, spans) in enumerate(strips.rows):
        y = number * ROW
        parts.append(_text(0, y + 15, _short(name), "ink-2"))
        for span in spans:
            width = x(span.ends) - x(span.begins)
            parts.append(
                f'<rect x="{x(span.begins):.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 8}" '
                f"{_fill(span.colour)}><title>{html.escape(span.title)}</title></rect>"
            )
    return _figure(strips.title, (height, "".join(parts)), strips.legend)


def _bars(sheet: Sheet, chart: Chart, labels: Sequence[str], series: Sequence[Sequence[float]]) -> tuple[int, str]:
    """Lying bars, several series one after the other in the same bar; the sum of one series at the right."""
    sums = [sum(values[index] for values in series) for index in range(len(labels))]
    scale = (WIDTH - LABEL - FIGURE) / max(*sums, 1e-9)
    parts = []
    for index, label in enumerate(labels):
        y, x = index * ROW, float(LABEL)
        parts.append(_text(0, y + 15, _short(label), "ink-2"))
        for colour, values in enumerate(series, start=1):
            width = max(0.0, values[index]) * scale
            parts.append(f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 8}" {_fill(colour)}/>')
            x += width
        if len(series) == 1:
            cell: Cell = sheet.rows[chart.first_row + index][chart.values[0]]
            parts.append(_text(x + 6, y + 15, cell_text(cell, sheet.columns[chart.values[0]]), "ink"))
    return ROW * len(labels), "".join(parts)


def _columns(labels: Sequence[str], series: Sequence[Sequence[float]]) -> tuple[int, str]:
    """Standing columns, several series stacked."""
    sums = [sum(values[index] for values in series) for index in range(len(labels))]
    scale = (HEIGHT - 34) / max(*sums, 1e-9)
    step = WIDTH / len(labels)
    parts = []
    for index, label in enumerate(labels):
        x, y = index * step, float(HEIGHT - 18)
        for colour, values in enumerate(series, start=1):
            height = max(0.0, values[index]) * scale
            y -= height
            parts.append(
                f'<rect x="{x + step * 0.16:.1f}" y="{y:.1f}" width="{step * 0.68:.1f}" height="{height:.1f}" '
                f"{_fill(colour)}/>"
            )
        if step > 20:
            parts.append(_text(x + step / 2, HEIGHT - 4, label[-5:], "ink-3", "middle"))
        if sums[index] and step > 26:
            parts.append(_text(x + step / 2, y - 4, f"{sums[index]:,.0f}", "ink-2", "middle"))
    return HEIGHT, "".join(parts)


def _figure(title: str, body: tuple[int, str], legend: Sequence[tuple[int, str]]) -> str:
    height, drawn = body
    said, x = "", 0
    for colour, name in legend:
        said += f'<rect x="{x}" y="{height + 8}" width="10" height="10" {_fill(colour)}/>'
        said += _text(x + 14, height + 17, name, "ink-2")
        x += 34 + 13 * len(name) if not name.isascii() else 30 + 7 * len(name)
    height += LEGEND if legend else 0
    name = html.escape(title)
    return (
        f'<figure class="rep-card"><figcaption><h3>{name}</h3></figcaption>'
        f'<svg viewBox="0 0 {max(WIDTH, x)} {height}" role="img" aria-label="{name}" style="width:100%">'
        f"{drawn}{said}</svg></figure>"
    )


def _short(name: str) -> str:
    """What of a name fits at the left."""
    return name if cell_len(name) <= LABEL_CELLS else set_cell_size(name, LABEL_CELLS - 1).rstrip() + "…"


def _text(x: float, y: float, text: str, ink: str, anchor: str = "start") -> str:
    style = f"fill:var(--{ink});font:12px var(--font)"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{html.escape(text)}</text>'


def _fill(colour: int) -> str:
    return f'style="fill:var(--chart-{(colour - 1) % COLOURS + 1})"'


def _stroke() -> str:
    return 'style="stroke:var(--line)"'


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
