"""What every measurement returns, prints and writes: figures beside their limits, with the machine's name."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from bench.titles import title_of
from ivr.i18n import translate


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on one figure: `at_most` or `at_least`."""

    kind: Literal["at_most", "at_least"]
    value: float

    def holds(self, figure: float) -> bool:
        return figure <= self.value if self.kind == "at_most" else figure >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at_most' else '≥'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class BenchResult:
    name: str
    figures: dict[str, float | int | str]
    limits: dict[str, Limit] = field(default_factory=dict)
    details: tuple[str, ...] = ()  # lines printed under the table
    titles: Mapping[str, str] = field(
        default_factory=dict
    )  # of figures, in the reader's language; else those of `bench.titles`

    @property
    def holds(self) -> bool:
        return all(self._holds(name) for name in self.limits)

    def _holds(self, name: str) -> bool:
        figure = self.figures.get(name)
        return isinstance(figure, (int, float)) and self.limits[name].holds(figure)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "machine": machine_name(),
            "figures": self.figures,
            "limits": {name: {limit.kind: limit.value} for name, limit in self.limits.items()},
            "holds": self.holds,
        }

    def print(self, console: Console) -> None:
        table = Table(title=f"{self.name} · {machine_name()}")
        for heading, justify in zip(self.headings(), ("left", "right", "right", "left"), strict=True):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # they are what rich knows
        for row in self.rows():
            table.add_row(*row)
        console.print(table)
        for line in self.details:
            console.print(line, highlight=False)

    @staticmethod
    def headings() -> tuple[str, str, str, str]:
        return translate("figure"), translate("measured"), translate("limit"), translate("holds?")

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """What the table shows: title, figure, limit, verdict. A figure that is missing doesn't hold."""
        unmeasured = dict.fromkeys(self.limits.keys() - self.figures.keys(), "-")
        for name, figure in (self.figures | unmeasured).items():
            limit = self.limits.get(name)
            verdict = "" if limit is None else translate("yes" if self._holds(name) else "NO")
            shown = f"{figure:.4g}" if isinstance(figure, float) else str(figure)
            yield self.titles.get(name) or title_of(name), shown, "" if limit is None else str(limit), verdict


def machine_name() -> str:
    """Processor, cores and Python, enough to compare two tables; no host name."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    return f"{cpu}, {os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}"
