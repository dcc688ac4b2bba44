"""`ivr capacity`: what so many calls at once need; whether reports of runs agree; costs of one's own machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr.capacity.costs import SHIPPED, Costs, dump_costs, load_costs
from ivr.capacity.demand import ANSWERS_PER_MIN, Demand
from ivr.capacity.plan import Line, plan
from ivr.capacity.reports import MAY_DIFFER, Compared, Report, compare, fit, read_report
from ivr.cli.run import FILE_IN
from ivr.i18n import translate

SHARE = click.FloatRange(0, 1)


@click.command()
@click.option("--calls", type=click.IntRange(min=1), help=translate("Calls at once."))
@click.option("--speech-share", type=SHARE, default=0.25, help=translate("Share of callees who answer by speech."))
@click.option(
    "--answers-per-min",
    type=click.FloatRange(min=0),
    default=ANSWERS_PER_MIN,
    help=translate("Answers that such a callee says in a minute."),
)
@click.option("--record-share", type=SHARE, default=0.1, help=translate("Share of calls that are recorded."))
@click.option(
    "--setups-per-s",
    type=click.FloatRange(min=0, min_open=True),
    help=translate("Calls placed a second, answered or not; default: each takes a minute of its channel."),
)
@click.option(
    "--cores-per-machine", type=click.IntRange(1, 256), default=8, help=translate("Cores of each call machine.")
)
@click.option(
    "--hours-per-day", type=click.FloatRange(0, 24), default=10.0, help=translate("Hours of dialling a day.")
)
@click.option("--costs", "costs_path", type=FILE_IN, help=translate("Costs measured on another machine (TOML)."))
@click.option(
    "--check",
    "checked",
    type=FILE_IN,
    multiple=True,
    help=translate("Compare a report of ivr bench capacity with what the costs predict; several times."),
)
@click.option(
    "--fit",
    "fitted",
    type=FILE_IN,
    multiple=True,
    help=translate("Fit the costs to a report of ivr bench capacity; several times."),
)
@click.option(
    "--write", type=click.Path(path_type=Path, dir_okay=False), help=translate("Write the fitted costs here.")
)
@click.option("--json", "as_json", is_flag=True, help=translate("The plan as JSON."))
@click.pass_context
def command(
    ctx: click.Context,
    /,
    calls: int | None,
    costs_path: Path | None,
    checked: tuple[Path, ...],
    fitted: tuple[Path, ...],
    write: Path | None,
    as_json: bool,
    **mix: float,
) -> None:
    costs = load_costs(costs_path or SHIPPED)
    if calls is None and not checked and not fitted:
        raise click.UsageError(
            translate("Say for how many calls at once: --calls N, or give reports: --check, --fit.")
        )
    to_fit, others = [read_report(path) for path in fitted], [read_report(path) for path in checked]
    if to_fit:
        costs = _fit(to_fit, costs, write)
    agree = _check([*to_fit, *others], costs)
    if calls is not None:
        demand = Demand(calls, **mix)  # type: ignore[arg-type]  # click has made each of its kind
        _show(demand, costs, plan(demand, costs), as_json=as_json)
    if not agree:
        ctx.exit(1)


def _fit(reports: Sequence[Report], costs: Costs, write: Path | None) -> Costs:
    named = ", ".join(report.name for report in reports)
    costs = fit(reports, costs, f"ivr bench capacity: {named}")
    text = dump_costs(costs)
    if write is None:
        click.echo(text)
    else:
        write.write_text(text, "utf-8")
        click.echo(translate("Costs written to {file}.", file=write))
    return costs


def _check(reports: Sequence[Report], costs: Costs) -> bool:
    """Print each report beside its prediction; whether all agree within MAY_DIFFER."""
    found: list[Compared] = [one for report in reports for one in compare(report, costs)]
    if not found:
        return True
    table = Table(title=translate("Measured and predicted, per call-second (CPU) and in all (memory)"))
    for heading in ("report", "part", "measured", "predicted", "off"):
        table.add_column(translate(heading), justify="left" if heading in ("report", "part") else "right")
    table.add_column(translate("within {most:.0f} %?", most=100 * MAY_DIFFER))
    for one in found:
        table.add_row(
            one.report,
            one.part,
            f"{one.measured:.3g} {one.unit}",
            f"{one.predicted:.3g} {one.unit}",
            f"{100 * one.off:+.0f} %",
            translate("yes" if one.holds else "NO"),
        )
    console = Console()
    console.print(table)
    for report in reports:
        times = report.slowness(costs)
        console.print(
            translate(
                "{report}: the machine took {times:.2f} times as long as in the costs",
                report=report.name,
                times=times,
            ),
            highlight=False,
        )
    return all(one.holds for one in found)


def _show(demand: Demand, costs: Costs, lines: Sequence[Line], *, as_json: bool) -> None:
    if as_json:
        figures = {line.key: {"value": line.value, "unit": line.unit} for line in lines}
        document = {"demand": asdict(demand), "machine": costs.machine, "figures": figures}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    title = translate(
        "{calls} calls at once, {speech:.0f} % of callees speak, {record:.0f} % recorded",
        calls=demand.calls,
        speech=100 * demand.speech_share,
        record=100 * demand.record_share,
    )
    table = Table(title=title)
    table.add_column(translate("what"))
    table.add_column(translate("needed"), justify="right")
    table.add_column("")
    table.add_column(translate("from where"), style="dim", overflow="fold")
    for line in lines:
        table.add_row(
            translate(line.title), _number(line.value), line.unit, translate(line.template, **line.params)
        )
    console = Console()
    console.print(table)
    console.print(translate("Costs measured on: {machine}", machine=costs.machine), highlight=False, markup=False)
    sources = {costs.engine.source, costs.asterisk.source, costs.database.source, costs.recordings.source}
    for source in sorted(sources):
        console.print(f"  {source}", highlight=False, markup=False)


def _number(value: float) -> str:
    """Whole from ten on, three digits below."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"
