"""A run's course as one page: calls held, busy share of the machine and of each part, lateness.

Drawn by ECharts, as the reports are; it opens from disk, without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

from bench.capacity.meters import PARTS
from bench.capacity.search import Step
from bench.result import machine_name
from ivr.report.html import ASSETS

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>{title}</title>
<h3>{title}</h3>
<div id="chart" style="width: 1100px; height: 520px"></div>
<script>{echarts}</script>
<script>echarts.init(document.getElementById("chart")).setOption({option});</script>
"""


def write_chart(path: Path, course: Sequence[Step], what: str) -> None:
    """Raises OSError."""
    title = f"ivr bench capacity · {what} · {machine_name()}"
    echarts = (ASSETS / "echarts.simple.min.js").read_text("utf-8")
    option = json.dumps(chart_option(course)).replace("<", "\\u003c")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(title=html.escape(title), echarts=echarts, option=option), "utf-8")


def chart_option(course: Sequence[Step]) -> dict[str, object]:
    """What ECharts is told. Calls and ms on the left, per cent of the machine and of one core on the right."""
    left = {
        "calls held": [step.held for step in course],
        "p99 lateness, ms": [step.late_p99_ms for step in course],
    }
    right = {"machine busy, %": [100 * step.busy_share for step in course]}
    for part in PARTS:
        values = [100 * step.cpu_cores[part] for step in course]
        if any(values):
            right[f"{part}, % of a core"] = values
    series = [
        {"name": name, "type": "line", "yAxisIndex": axis, "showSymbol": False, "data": _points(course, values)}
        for axis, lines in ((0, left), (1, right))
        for name, values in lines.items()
    ]
    return {
        "animation": False,
        "tooltip": {"trigger": "axis"},
        "legend": {"data": [one["name"] for one in series]},
        "xAxis": {"type": "value", "name": "s"},
        "yAxis": [{"type": "value", "name": "calls, ms"}, {"type": "value", "name": "%"}],
        "series": series,
    }


def _points(course: Sequence[Step], values: Sequence[float]) -> list[list[float]]:
    return [[round(step.after_s, 1), round(value, 2)] for step, value in zip(course, values, strict=True)]
