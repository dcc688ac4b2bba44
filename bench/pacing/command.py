"""`ivr bench pacing`: the same days with every way to pace calls by people, and the limits that ours must keep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

import click

import ivr.pacing
from bench.pacing.compare import DayOf, against, summary
from bench.pacing.day import compared_day
from bench.pacing.ways import CURVES, OURS, RIVALS, WAYS, Way
from bench.pacing.world import World
from bench.result import BenchResult, Limit
from ivr.i18n import translate

WORSE_POINTS = -0.5  # so much, of the talk share in points, is noise of the interval over the days


def measure(way: Way, agents: int, hours: float, seed: int) -> DayOf:
    """One day with one way."""
    world = World(compared_day(agents, hours, seed))
    seen = world.run(way.pacer(world))
    return DayOf(agents, seed, way.name, way.kind, seen.talk_share, seen.needed, seen.abandoned)


@cache
def code() -> str:
    """Of the sources that a day comes from: days of other code are simulated again."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(ivr.pacing.__file__).parent):
        for path in sorted(folder.glob("*.py")):
            digest.update(f"{path.parent.name}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class Kept:
    """Days that were simulated before by the same code, a line of JSON each; new ones are added at once."""

    def __init__(self, path: Path | None, hours: float) -> None:
        self._path, self._hours = path, hours
        self._days: dict[tuple[int, int, str], DayOf] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                if (found.pop("code", ""), found.pop("hours")) == (code(), hours):
                    day = DayOf(**found)
                    self._days[day.agents, day.seed, day.way] = day

    def day(self, way: Way, agents: int, seed: int) -> DayOf:
        key = agents, seed, way.name
        if key not in self._days:
            self._days[key] = day = measure(way, agents, self._hours, seed)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"code": code(), "hours": self._hours, **asdict(day)}) + "\n")
        return self._days[key]

    def near(self, ours: DayOf) -> list[DayOf]:
        """The rivals' settings between those of `WAYS` that abandon about as many as ours on that day."""

        def abandoned(way: Way) -> float:
            return self.day(way, ours.agents, ours.seed).abandoned_share

        ways = [way for curve in CURVES for way in curve.near(ours.abandoned_share, abandoned)]
        return [self.day(way, ours.agents, ours.seed) for way in ways]


def _figures(
    agents: int, days: dict[str, list[DayOf]], near: list[DayOf]
) -> tuple[dict[str, float | int | str], dict[str, Limit], list[str]]:
    """Of one number of agents; `days` by way, `near` those of settings between, for the comparison alone."""
    ours = days[OURS]
    figures: dict[str, float | int | str] = {}
    titles = (
        "agents",
        "way",
        "talk share",
        "worst day",
        "abandoned",
        "worst day",
        "days over the cap",
        "by bound",
    )
    rows = [" · ".join(translate(title) for title in titles)]
    for name, some in days.items():
        of = summary(some)
        shares = of.talk_share, of.talk_worst, of.abandoned, of.abandoned_worst
        shown = " ".join(f"{100 * share:6.2f} %" for share in shares)
        rows.append(f"{agents:4d} {name:24s} {shown} {of.days_over:4d} {of.days_bound_over:4d}")
    of = summary(ours)
    prefix = f"agents_{agents}.{OURS}"
    figures[f"{prefix}.talk_percent"] = round(100 * of.talk_share, 2)
    figures[f"{prefix}.abandoned_percent"] = round(100 * of.abandoned, 2)
    figures[f"{prefix}.abandoned_percent_worst_day"] = round(100 * of.abandoned_worst, 2)
    figures[f"{prefix}.days_over_cap"] = of.days_over
    figures[f"{prefix}.days_bound_over_cap"] = of.days_bound_over
    limits = {f"{prefix}.days_bound_over_cap": Limit("at_most", 0)}
    for kind in RIVALS:
        theirs = [day for some in (*days.values(), near) for day in some if day.kind == kind]
        found = against(ours, theirs)
        name = f"agents_{agents}.points_above.{kind}"
        figures[name] = round(100 * found.mean, 2)
        figures[f"{name}.low"], figures[f"{name}.high"] = round(100 * found.low, 2), round(100 * found.high, 2)
        limits[f"{name}.low"] = Limit("at_least", WORSE_POINTS)
    return figures, limits, rows


def _numbers(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    convert: Callable[[str], int] = int
    try:
        found = tuple(convert(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(translate("write numbers with commas between them, such as 20,100")) from None
    if not all(2 <= one <= 1000 for one in found):
        raise click.BadParameter(translate("between 2 and 1000 agents"))
    return found


@click.command(
    help=translate(
        "Days with calls that end at people, the same callees for every way to pace them: how long people talk, "
        "and how many callees are abandoned; ours beside ratio dialling and VICIdial's published methods."
    )
)
@click.option(
    "--agents",
    default="20,100",
    show_default=True,
    callback=_numbers,
    help=translate("People who take calls: one number, or several with commas."),
)
@click.option(
    "--days",
    type=click.IntRange(2, 365),
    default=10,
    show_default=True,
    help=translate("Days to simulate, each with an answer rate that drifts between 15 and 60 %."),
)
@click.option(
    "--hours",
    type=click.FloatRange(0.5, 24.0),
    default=8.0,
    show_default=True,
    help=translate("Length of each simulated day; below six hours breaks are shorter, too."),
)
@click.option(
    "--seed", default=1, show_default=True, help=translate("Draws the first day; the next has the next.")
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, dir_okay=False),
    help=translate("Keep what each day came to here: another run takes what is there and goes on."),
)
def command(agents: tuple[int, ...], days: int, hours: float, seed: int, keep: Path | None) -> BenchResult:
    kept = Kept(keep, hours)
    figures: dict[str, float | int | str] = {"days": days, "hours": hours}
    limits: dict[str, Limit] = {}
    details: list[str] = []
    for number in agents:
        by_way = {way.name: [kept.day(way, number, one) for one in range(seed, seed + days)] for way in WAYS}
        of = _figures(number, by_way, [day for ours in by_way[OURS] for day in kept.near(ours)])
        figures |= of[0]
        limits |= of[1]
        details += of[2]
    return BenchResult("pacing", figures, limits, tuple(details))
