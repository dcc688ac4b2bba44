"""A campaign's report as sheets, in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from ivr.i18n import translate_into
from ivr.metrics import words
from ivr.metrics.book import metric
from ivr.metrics.statistics import wilson
from ivr.report.arms import MEASURED
from ivr.report.campaign import CampaignReport
from ivr.report.labels import Kind, answer_label, label
from ivr.report.sheets import Cell, Column, Sheet
from ivr.report.uplift import Group, Uplift

_KINDS: dict[str, Kind] = {
    "outcomes": "outcome",
    "dispositions": "disposition",
    "intentions": "intention",
    "modalities": "modality",
}
SLICE_TITLES = {
    "hour": "Hour",
    "attempt": "Attempt number",
    "segment": "Segment",
    "trunk": "Trunk",
    "day": "Day",
    "week": "Week from",
    "month": "Month",
    "weekday": "Weekday (0 is Sunday)",
    "arm": "Arm",
    "grade": "Grade",
    "campaign": "Campaign",
    "organisation": "Organisation",
    "agent": "Agent",
    "team": "Team",
}


def campaign_sheets(report: CampaignReport, language: str) -> tuple[Sheet, ...]:
    """Figures, answers, who answers, uplift, arms, confirmations: those that there is something to say of."""
    return tuple(_Sheets(report, language).all())


class _Sheets:
    def __init__(self, report: CampaignReport, language: str) -> None:
        self._report = report
        self._language = language
        self._zone = ZoneInfo(report.timezone)

    def all(self) -> Iterator[Sheet]:
        yield self._figures()
        yield self._distributions()
        yield from self._structure()
        if self._report.uplift is not None:
            yield self._uplift(self._report.uplift)
        if self._report.arms:
            yield self._arms()
        if self._report.words:
            yield self._words()

    def _say(self, template: str, **params: object) -> str:
        return translate_into(self._language, template, **params)

    def _figures(self) -> Sheet:
        report, language = self._report, self._language
        rows: list[tuple[Cell, ...]] = []
        for name, value in report.figures.items():
            entry = metric(name)
            shown = words.shown(value, entry.unit, language)
            rows.append(
                (words.title(entry, language), shown, words.sentence(entry.formula, report.spans, language))
            )
        about = {
            "campaign": report.campaign,
            "flow": f"{report.flow} {report.flow_version}",
            "at": f"{report.as_of.astimezone(self._zone):%Y-%m-%d %H:%M}",
        }
        columns = (self._column("Figure"), self._column("Value"), self._column("Formula"))
        return Sheet(
            self._say("Figures"), columns, rows, (self._say("{campaign}, flow {flow}, as of {at}", **about),)
        )

    def _distributions(self) -> Sheet:
        rows: list[tuple[Cell, ...]] = []
        for name, counts in self._report.distributions.items():
            total = sum(counts.values())
            kind = words.title(metric(name), self._language)
            for key, count in counts.items():
                whole = total if name != "answers" else self._answers_to(key)
                rows.append((kind, self._label(name, key), count, count / whole if whole else None))
        columns = (self._column("What"), self._column("Value"), self._column("Count", "count"),
                   self._column("Share", "share"))  # fmt: skip
        return Sheet(self._say("Results and answers"), columns, rows)

    def _answers_to(self, key: str) -> int:
        question = key.partition("=")[0]
        answers = self._report.distributions["answers"]
        return sum(count for other, count in answers.items() if other.partition("=")[0] == question)

    def _label(self, name: str, key: str) -> str:
        if name == "answers":
            question, _, value = key.partition("=")
            return (
                f"{label('question', question, self._language)}: {answer_label(question, value, self._language)}"
            )
        return label(_KINDS[name], key, self._language) if name in _KINDS and key else key or "–"

    def _structure(self) -> Iterator[Sheet]:
        for by, rows in self._report.structure.items():
            if len(rows) < 2 and by != "hour":
                continue  # all calls alike: nothing to tell apart
            cells: list[tuple[Cell, ...]] = [
                (
                    row.name or "–", row.attempts, row.connected.value, words.span(row.interval),
                    row.won.value, words.of(row.won),
                )
                for row in rows
            ]  # fmt: skip
            columns = (
                Column(self._say(SLICE_TITLES[by])), self._column("Call attempts", "count"),
                self._column("Connection rate", "share"), self._column("95 % interval"),
                self._column("Customers won (gross)", "share"), self._column("of customers dialled"),
            )  # fmt: skip
            yield Sheet(self._say("Who answers: {by}", by=self._say(SLICE_TITLES[by])), columns, cells)

    def _uplift(self, uplift: Uplift) -> Sheet:
        def row(name: str, group: Group) -> tuple[Cell, ...]:
            return (
                name, group.numbers, group.called, group.open, words.of(group.paid), group.paid.value,
                words.span(wilson(group.paid)),
            )  # fmt: skip

        rows = [row(self._say("could be called"), uplift.treated), row(self._say("held out"), uplift.held_out)]
        columns = (
            self._column("Group"), self._column("Numbers", "count"), self._column("Called", "count"),
            self._column("Days not over", "count"), self._column("Paid"), self._column("Payment rate", "share"),
            self._column("95 % interval"),
        )  # fmt: skip
        notes = [
            self._say(
                "Draw {draw}; paid within {days} days of being entered, called or not (intention to treat).",
                draw=uplift.draw, days=f"{uplift.days:g}",
            )
        ]  # fmt: skip
        if not self._report.payments_known:
            notes.append(self._say("No payment has been taken in yet: there is nothing to compare."))
        elif uplift.difference.value is not None:
            notes.append(
                self._say(
                    "Uplift: {points} percentage points, 95 % interval {interval}: {verdict}.",
                    points=f"{uplift.difference.value * 100:+.1f}",
                    interval=words.points(uplift.difference.interval),
                    verdict=words.verdict(uplift.difference, self._language),
                )
            )
        else:
            notes.append(self._say("Nobody's days are over on one of the sides: there is nothing to compare yet."))
        return Sheet(self._say("Uplift of payments"), columns, rows, tuple(notes))

    def _arms(self) -> Sheet:
        arms = self._report.arms
        rows: list[tuple[Cell, ...]] = []
        for name in MEASURED:
            title = words.title(metric(name), self._language)
            for arm in arms:
                one = arm.figures[name]
                told: tuple[Cell, ...] = ("–", self._say("compared with"))
                if one.difference is not None:
                    told = (words.points(one.difference.interval), words.verdict(one.difference, self._language))
                interval = words.span(wilson(one.share))
                rows.append((title, arm.name, one.share.value, interval, words.of(one.share), *told))
        columns = (
            self._column("Figure"), self._column("Arm"), self._column("Value", "share"),
            self._column("95 % interval"), self._column("Count"), self._column("Difference (points)"),
            self._column("Verdict"),
        )  # fmt: skip
        notes = [self._say("Each arm is compared with {first}, contact by contact.", first=arms[0].name)]
        if len(arms) > 2:
            notes.append(
                self._say(
                    "{count} comparisons at once: each interval is widened, so that all of them together hold in "
                    "95 % of tests. Choosing the best of many figures afterwards proves nothing; test it anew.",
                    count=len(arms) - 1,
                )
            )
        return Sheet(self._say("Arms of the test"), columns, rows, tuple(notes))

    def _words(self) -> Sheet:
        report = self._report
        rows: list[tuple[Cell, ...]] = [
            (
                one.at.astimezone(self._zone), self._state(one.state), self._state(one.by), one.who, one.note,
                one.attempt_id,
            )
            for one in report.words
        ]  # fmt: skip
        columns = (
            self._column("At"), self._column("State"), self._column("By"), self._column("Who"),
            self._column("Why"), self._column("Call"),
        )  # fmt: skip
        notes: tuple[str, ...] = ()
        if report.words_total > len(report.words):
            notes = (
                self._say("The newest {shown} of {total}.", shown=len(report.words), total=report.words_total),
            )
        return Sheet(self._say("Confirmations"), columns, rows, notes)

    def _state(self, value: str) -> str:
        said: dict[str, Callable[[], str]] = {
            "confirmed": lambda: self._say("confirmed"),
            "rejected": lambda: self._say("rejected"),
            "sms_reply": lambda: self._say("text message"),
            "inspection": lambda: self._say("inspection"),
            "person": lambda: self._say("a person"),
        }
        return said[value]() if value in said else value

    def _column(self, title: str, kind: str = "text") -> Column:
        return Column(self._say(title), kind)
