"""A run's course as one page: calls held, lateness beside its limit, and who used the machine; its table below.

Drawn as SVG, in the colours of the reports; it opens from disk, without a network and without scripts."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.capacity.meters import PARTS
from bench.capacity.search import Step
from bench.result import BenchResult, machine_name
from ivr.i18n import current_language, translate
from ivr.report.html import ASSETS

WIDTH, LEFT, RIGHT = 980, 60, 190  # of a panel in all, for its figures, and for its names
HEIGHT, TOP, BOTTOM = 190, 26, 24
ELSEWHERE = "elsewhere"
LEAST_PERCENT = 0.1  # of the machine: less isn't drawn
PART_TITLES = {
    "engine": "engine",
    "decoding": "decoding",
    "encoding": "encoding recordings",
    "asterisk": "Asterisk",
    "generator": "load generator",
    "database": "PostgreSQL",
    ELSEWHERE: "others on the machine",
}
PAGE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<style>{tokens}
body {{ margin: 24px; max-width: 1020px }} h1 {{ font-size: 18px }} h2 {{ font-size: 14px; margin: 20px 0 0 }}
svg {{ width: 100%; height: auto }} text {{ font: 12px var(--font); fill: var(--ink-2) }}
table {{ border-collapse: collapse }} td, th {{ padding: 2px 14px 2px 0; text-align: right }}
td:first-child, th:first-child {{ text-align: left }} .bad {{ color: var(--bad); font-weight: 600 }}
.grid {{ stroke: var(--line) }} .limit {{ stroke: var(--bad); stroke-dasharray: 5 4 }}
.held {{ fill: var(--surface-2) }}
</style></head><body><h1>{title}</h1><p>{machine}</p>{panels}<h2>{figures}</h2>{table}</body></html>
"""


def write_chart(path: Path, course: Sequence[Step], result: BenchResult, held_s: tuple[float, float]) -> None:
    """`held_s`: when all calls were there, s since the first one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(course, result, held_s), "utf-8")


def page(course: Sequence[Step], result: BenchResult, held_s: tuple[float, float]) -> str:
    calls, seconds = result.figures["calls_asked"], result.figures["seconds"]
    title = translate(
        "ivr bench capacity: {calls} calls, held for {seconds} s", calls=calls, seconds=f"{seconds:g}"
    )
    return PAGE.format(
        language=current_language(),
        title=html.escape(title),
        machine=html.escape(machine_name()),
        tokens=(ASSETS / "tokens.css").read_text("utf-8"),
        panels="".join(_panels(course, result, held_s)),
        figures=html.escape(translate("Figures and limits")),
        table=_table(result),
    )


@dataclass(frozen=True, slots=True)
class _Axes:
    """One panel's: seconds across, figures up to `most`."""

    until_s: float
    most: float
    held_s: tuple[float, float]

    def x(self, at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at_s / self.until_s

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.most

    def frame(self) -> list[str]:
        """The stretch in which all calls were there, and the figures at both axes."""
        begin, end = (self.x(min(at_s, self.until_s)) for at_s in self.held_s)
        parts = [_rectangle(begin, end, TOP, HEIGHT - BOTTOM, 'class="held"')] if end > begin else []
        for nth in range(5):
            value, at_s = self.most * nth / 4, self.until_s * nth / 4
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(_text(LEFT - 8, y + 4, f"{value:.3g}", "end"))
            parts.append(_text(self.x(at_s), HEIGHT - 6, f"{at_s:.0f} s", "middle"))
        return parts


def _panels(course: Sequence[Step], result: BenchResult, held_s: tuple[float, float]) -> list[str]:
    if not course:
        return [f"<p>{html.escape(translate('No call came: there is nothing to draw.'))}</p>"]
    until_s = max(course[-1].after_s, held_s[1])
    times = [step.after_s for step in course]
    late = result.limits.get("late_p99_ms")
    limit_ms = late.value if late is not None else 0.0
    most_ms = max(2 * limit_ms, *(step.late_p99_ms for step in course), 1.0)
    held = _Axes(until_s, max(1.0, *(step.held for step in course)), held_s)
    ms, busy = _Axes(until_s, most_ms, held_s), _Axes(until_s, 100.0, held_s)
    shares = _shares(course)
    parts = [*ms.frame(), _line(ms, times, [step.late_p99_ms for step in course], "4")]
    if limit_ms:
        y, x = ms.y(limit_ms), WIDTH - RIGHT
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{x}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(x + 8, y + 4, translate("limit: {ms:g} ms", ms=limit_ms)))
    panels = (
        (translate("Calls held"), [*held.frame(), _line(held, times, [step.held for step in course], "1")]),
        (translate("Frames late, p99, ms"), parts),
        (translate("Machine busy, %, and by whom"), [*busy.frame(), *_stack(busy, times, shares)]),
    )
    return [f"<h2>{html.escape(title)}</h2>{_svg(drawn)}" for title, drawn in panels]


def _shares(course: Sequence[Step]) -> dict[str, list[float]]:
    """Of the machine, by part, in per cent; what no part used is what others did."""
    cores = os.cpu_count() or 1
    shares = {part: [100 * step.cpu_cores[part] / cores for step in course] for part in PARTS}
    used = [sum(values) for values in zip(*shares.values(), strict=True)]
    others = [max(0.0, 100 * step.busy_share - ours) for step, ours in zip(course, used, strict=True)]
    return {part: values for part, values in (shares | {ELSEWHERE: others}).items() if max(values) > LEAST_PERCENT}


def _stack(axes: _Axes, times: Sequence[float], shares: Mapping[str, Sequence[float]]) -> list[str]:
    """The parts on top of each other, each with its name at the right."""
    parts, below = [], [0.0] * len(times)
    titles = {part: translate(title) for part, title in PART_TITLES.items()}
    for nth, (part, values) in enumerate(shares.items(), start=1):
        above = [low + value for low, value in zip(below, values, strict=True)]
        corners = [*_points(axes, times, above), *reversed(_points(axes, times, below))]
        colour = f"var(--chart-{(nth - 1) % 6 + 1})" if part != ELSEWHERE else "var(--line-strong)"
        parts.append(f'<polygon points="{" ".join(corners)}" style="fill:{colour}"/>')
        y = HEIGHT - BOTTOM - 18 * nth + 8
        parts.append(_rectangle(WIDTH - RIGHT + 8, WIDTH - RIGHT + 18, y, y + 10, f'style="fill:{colour}"'))
        parts.append(_text(WIDTH - RIGHT + 24, y + 9, f"{titles[part]} {sum(values) / len(values):.0f} %"))
        below = above
    return parts


def _line(axes: _Axes, times: Sequence[float], values: Sequence[float], colour: str) -> str:
    style = f'style="fill:none;stroke:var(--chart-{colour});stroke-width:2.5"'
    dots = (point.split(",") for point in _points(axes, times, values))
    marks = "".join(f'<circle cx="{x}" cy="{y}" r="3" style="fill:var(--chart-{colour})"/>' for x, y in dots)
    return f'<polyline points="{" ".join(_points(axes, times, values))}" {style}/>{marks}'


def _points(axes: _Axes, times: Sequence[float], values: Sequence[float]) -> list[str]:
    return [f"{axes.x(at_s):.1f},{axes.y(value):.1f}" for at_s, value in zip(times, values, strict=True)]


def _rectangle(left: float, right: float, top: float, bottom: float, style: str) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" {style}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _table(result: BenchResult) -> str:
    rows = [[html.escape(cell) for cell in row] for row in result.rows()]
    bad = translate("NO")
    body = ""
    for row in rows:
        kind = ' class="bad"' if row[-1] == bad else ""
        body += f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in result.headings())
    return f"<table><tr>{head}</tr>{body}</table>"
