"""The report on people as tables and charts in one language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.desk.words import state_word
from ivr.i18n import translate_into
from ivr.metrics import words
from ivr.metrics.metric import Metric
from ivr.metrics.periods import periods
from ivr.metrics.stretches import Stretch
from ivr.model import AgentState as S
from ivr.report.people import OF_STAFF, OF_TIME, SHOWN, Figures, PeopleReport, entries
from ivr.report.ranking import column_of, ranking_sheet
from ivr.report.sheets import Cell, Chart, Column, Sheet
from ivr.report.sheets_out import write_page
from ivr.report.svg import Span, Strips, strips_svg

BRIEF = ("attempts", "contact_rate", "successes", "success_rate", "work_efficiency", "idle_rate", "busy_rate")
COLOURS = {
    S.TALKING: 1, S.DIALING: 1, S.BUSY: 2, S.READY: 3, S.SIGNED_IN: 3, S.AWAY: 4, S.REST: 4, S.WRAP_UP: 5,
    S.PREVIEW: 5, S.RESERVED: 5, S.TRAINING: 6, S.MEETING: 6,
}  # fmt: skip
LEGEND = (S.TALKING, S.READY, S.WRAP_UP, S.BUSY, S.REST, S.MEETING)


class PeopleSheets:
    """`of` one report in one language."""

    def __init__(self, report: PeopleReport, language: str) -> None:
        self._report, self._language = report, language

    @property
    def title(self) -> str:
        say, report = self._say, self._report
        titles = {
            "day": say("Daily report on people"),
            "week": say("Weekly report on people"),
            "month": say("Monthly report on people"),
        }
        days = f"{report.first}" if report.first == report.last else f"{report.first} – {report.last}"
        return f"{titles[report.every]} {days}"

    def all(self) -> tuple[Sheet, ...]:
        sheets = [self._teams(), self._agents(), self._combined(), self._times(self._say("Hour"), "hour")]
        if self._report.days:
            sheets.append(self._times(self._say("Day"), "day"))
        best = (self._report.best_agents, self._report.best_teams)
        sheets += [ranking_sheet(one, self._language) for one in best]
        return tuple(sheets)

    def brief(self) -> tuple[Sheet, ...]:
        """What a terminal is wide enough for."""
        return (self._teams(BRIEF), self._agents(BRIEF, 2), self._times(self._say("Hour"), "hour"))

    def _teams(self, names: Sequence[str] = (*OF_STAFF, *SHOWN)) -> Sheet:
        shown = entries(names)
        rows = [self._row((self._say("all"),), shown, self._report.together)]
        rows += [self._row((team or "–",), shown, figures) for team, figures in self._report.teams.items()]
        columns = (Column(self._say("Team")), *map(self._column, shown))
        successes = replace(self._chart(columns, ("successes",), shown, 1), first_row=1)
        charts = (successes, self._time_chart(columns, shown, 1))
        return Sheet(self._say("Teams"), columns, rows, charts=charts)

    def _agents(self, names: Sequence[str] = SHOWN, heads: int = 3) -> Sheet:
        shown, say = entries(names), self._say
        rows = [
            self._row((agent.number, agent.name, agent.team)[:heads], shown, agent.figures)
            for agent in self._report.agents
        ]
        headings = (Column(say("Agent")), Column(say("Name")), Column(say("Team")))[:heads]
        columns = (*headings, *map(self._column, shown))
        successes = self._chart(columns, ("successes",), shown, heads)
        by_name = [replace(one, label=1) for one in (successes, self._time_chart(columns, shown, heads))]
        return Sheet(say("Agents"), columns, rows, charts=tuple(by_name))

    def _combined(self) -> Sheet:
        """The combinations of S3: three rates ranked; talk time with calls per hour; success value."""
        say = self._say
        three = ("work_efficiency", "idle_rate", "busy_rate")
        said = {
            "short_many": "short talks, many calls",
            "short_few": "short talks, few calls: look at work efficiency",
            "long_many": "long talks, many calls",
            "long_few": "long talks, few calls: look at how talks are led",
        }
        columns = [Column(say("Agent")), Column(say("Name"))]
        for entry in entries(three):
            columns += [self._column(entry), Column(say("Rank"), "count")]
        more = entries(("mean_voice_time", "agent_calls_per_hour", "success_value"))
        columns += [self._column(more[0]), self._column(more[1]), Column(say("Reading"))]
        columns += [self._column(more[2]), Column(say("Rank"), "count")]
        rows: list[tuple[Cell, ...]] = []
        for agent in self._report.agents:
            row: list[Cell] = [agent.number, agent.name]
            for entry in entries(three):
                row += [self._cell(entry, agent.figures), agent.ranks.get(entry.name)]
            row += [self._cell(more[0], agent.figures), self._cell(more[1], agent.figures)]
            row += [say(said[agent.pace]) if agent.pace else None]
            row += [self._cell(more[2], agent.figures), agent.ranks.get("success_value")]
            rows.append(tuple(row))
        note = say("Ranks: much work efficiency, little idle and busy time. Talks and calls against the median.")
        return Sheet(say("Combinations"), tuple(columns), rows, (note,))

    def _times(self, heading: str, by: str) -> Sheet:
        shown = entries(OF_TIME)
        slices = self._report.hours if by == "hour" else self._report.days
        rows = [
            self._row((f"{name}:00" if by == "hour" else name,), shown, figures)
            for name, figures in slices.items()
        ]
        columns = (Column(heading), *map(self._column, shown))
        charts = (
            self._chart(columns, ("attempts",), shown, 1, standing=True),
            self._chart(columns, ("successes",), shown, 1, standing=True),
        )
        notes = []
        if by == "hour" and self._report.variation is not None:
            template = "Variation of calls over the hours (standard deviation / mean): {value}."
            notes.append(self._say(template, value=f"{self._report.variation:.2f}"))
        name = self._say("Course of the day") if by == "hour" else self._say("Day by day")
        return Sheet(name, columns, rows, tuple(notes), charts)

    # ---- parts ------------------------------------------------------------------------------------------------

    def _chart(
        self, columns: Sequence[Column], names: Sequence[str], shown: Sequence[Metric], before: int, *,
        standing: bool = False,
    ) -> Chart:  # fmt: skip
        at = tuple(before + index for index, entry in enumerate(shown) if entry.name in names)
        return Chart(columns[at[0]].heading, 0, at, standing)

    def _time_chart(self, columns: Sequence[Column], shown: Sequence[Metric], before: int) -> Chart:
        names = ("work_efficiency", "busy_rate", "idle_rate")
        chart = self._chart(columns, names, shown, before)
        return Chart(self._say("Signed-in time: talks, busy, idle"), 0, chart.values)

    def _row(self, heads: tuple[Cell, ...], shown: Sequence[Metric], figures: Figures) -> tuple[Cell, ...]:
        return (*heads, *(self._cell(entry, figures) for entry in shown))

    def _column(self, entry: Metric) -> Column:
        return column_of(entry, self._language)

    def _cell(self, entry: Metric, figures: Figures) -> Cell:
        return words.counted(entry, figures.get(entry.name))

    def _say(self, template: str, **params: object) -> str:
        return translate_into(self._language, template, **params)

    # ---- the day ----------------------------------------------------------------------------------------------

    def strips(self, zone: ZoneInfo) -> Strips | None:
        """What each agent did on the day; None: the report is of no single day, or nobody was there."""
        there = {number: some for number, some in self._report.strips.items() if _signed_in(some)}
        if not there:
            return None
        begins = min(one.begins for some in there.values() for one in _signed_in(some))
        ends = max(one.ends for some in there.values() for one in _signed_in(some))
        begins = datetime.combine(begins.astimezone(zone).date(), time(begins.astimezone(zone).hour), zone)
        hours = [(one.begins, one.label) for one in periods(begins.astimezone(UTC), ends, zone, "hour")]
        names = {agent.number: f"{agent.number} {agent.name}" for agent in self._report.agents}

        def say(state: S) -> str:
            return state_word(state).render(lambda template, **params: self._say(template, **params))

        def span(one: Stretch) -> Span:
            local = one.begins.astimezone(zone)
            minutes = timedelta(seconds=round(one.seconds))
            return Span(one.begins, one.ends, COLOURS[one.state], f"{local:%H:%M} {say(one.state)} {minutes}")

        return Strips(
            self._say("The day of each agent"), begins, ends, hours,
            [(names.get(number, number), [span(one) for one in _signed_in(of)]) for number, of in there.items()],
            [(COLOURS[state], say(state)) for state in LEGEND],
        )  # fmt: skip


def _signed_in(some: Sequence[Stretch]) -> list[Stretch]:
    return [one for one in some if one.state is not S.SIGNED_OUT]


def write_people(told: PeopleSheets, path: Path, language: str, zone: ZoneInfo) -> None:
    """The report as one page without scripts, which mail programs show too. Raises OSError."""
    strips = told.strips(zone)
    write_page(told.all(), path, told.title, language, strips_svg(strips) if strips is not None else "")
