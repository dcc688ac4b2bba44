"""report.xlsx: the results as a workbook with three sheets, in one language: summary, attempts, answers.

Written row by row, so that a long campaign doesn't fill memory. Whatever callees, lists or networks said is
text: a spreadsheet runs none of it as a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from ivr.i18n import translate_into
from ivr.report.labels import answer_label, label
from ivr.results import AttemptResult, Results, Summary
from ivr.spreadsheets import safe_text

TEXT = "@"
RATE = "0.0%"
SECONDS = "0.0"
MAX_CELL_CHARS = 32_767  # what a cell holds

_ALL_ATTEMPTS = "Attempts not listed here (all of them: ivr campaign export NAME FILE --kind attempts)"
_HEADER = Font(bold=True, color="FFFFFF")
_HEADER_FILL = PatternFill("solid", fgColor="1F3A5F")
_SECTION = Font(bold=True)
_WRAPPED = Alignment(vertical="top", wrap_text=True)


@dataclass(frozen=True, slots=True)
class _Column:
    title: str  # English; translated when written
    width: int  # characters
    format: str | None = None


@dataclass(frozen=True, slots=True)
class _Figure:
    """One line of the summary: a title and a value; a title alone begins a section."""

    title: str
    value: str | int | float | None = None
    format: str | None = None


ATTEMPT_COLUMNS = (
    _Column("Phone", 18, TEXT),
    _Column("Try", 6),
    _Column("Outcome", 14),
    _Column("Result", 16),
    _Column("Intention", 16),
    _Column("Started after (s)", 14, SECONDS),
    _Column("Ringing (s)", 12, SECONDS),
    _Column("Talk time (s)", 13, SECONDS),
    _Column("Hung up by", 12),
    _Column("Opted out", 10),
    _Column("Path", 60),
    _Column("Cause", 34),
    _Column("Trunk", 14),
    _Column("Caller ID", 18, TEXT),
    _Column("Recording", 30),
    _Column("Attempt", 38, TEXT),
)
ANSWER_COLUMNS = (
    _Column("Phone", 18, TEXT),
    _Column("Try", 6),
    _Column("Question", 20),
    _Column("Answer", 16, TEXT),
    _Column("Given by", 12),
    _Column("Transcript", 40),
    _Column("Confidence", 12, "0.00"),
    _Column("Reaction (ms)", 14),
    _Column("To be confirmed", 16),
    _Column("Attempt", 38, TEXT),
)


def write_xlsx(results: Results, path: Path, language: str = "zh-CN") -> None:
    """Write `results` to `path` as a workbook in `language`. Raises OSError when `path` can't be written."""
    book = Workbook(write_only=True)
    writer = _Writer(book, language)
    writer.summary(results.summary, results.attempts_left_out)
    writer.table("Attempts", ATTEMPT_COLUMNS, map(writer.attempt, results.attempts))
    writer.table("Answers", ANSWER_COLUMNS, writer.answers(results.attempts))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


class _Writer:
    """One workbook in one language."""

    def __init__(self, book: Workbook, language: str) -> None:
        self._book = book
        self._language = language

    def summary(self, summary: Summary, left_out: int) -> None:
        sheet = self._sheet("Summary", (34, 30))
        rows = 0
        for figure in self._figures(summary, left_out):
            section = figure.value is None
            title = self._cell(sheet, figure.title, font=_SECTION if section else None)
            sheet.append([title] if section else [title, self._cell(sheet, figure.value, figure.format)])
            rows += 1
        if summary.outcomes:
            self._outcome_chart(sheet, rows, len(summary.outcomes))

    def _figures(self, summary: Summary, left_out: int) -> Iterator[_Figure]:
        say, language = self._say, self._language
        yield _Figure(say("Campaign"), summary.campaign)
        yield _Figure(say("Flow"), f"{summary.flow} ({summary.flow_version[:12]})")
        yield _Figure(say("Language"), summary.language)
        yield _Figure(say("Recognizer"), summary.recognizer or say("keys alone"))
        yield _Figure(say("Finished"), self._yes(summary.finished))
        yield _Figure(say("Contacts"), summary.contacts)
        yield _Figure(say("Rows left out"), summary.rejected_rows)
        yield _Figure(say("Attempts"), summary.attempts)
        yield _Figure(say("Connected"), summary.connected)
        yield _Figure(say("Contact rate"), summary.contact_rate, RATE)
        yield _Figure(say("Talk time (s)"), summary.talk_s, SECONDS)
        yield _Figure(say("Mean talk time (s)"), summary.mean_talk_s, SECONDS)
        yield _Figure(say("Returned calls"), summary.returned)
        yield _Figure(say("Successes in returned calls (gross)"), summary.returned_successes)
        yield _Figure(say("Successes (gross)"), summary.successes)
        yield _Figure(say("Successes (confirmed)"), summary.confirmed_successes)
        yield _Figure(say("Successes not confirmed yet"), summary.unconfirmed_successes)
        yield _Figure(say("Opted out"), summary.opted_out)
        if left_out:
            yield _Figure(say(_ALL_ATTEMPTS), left_out)
        yield _Figure(say("Answers"))
        for question, counts in summary.answers.items():
            for value, count in counts.items():
                asked = label("question", question, language)
                yield _Figure(f"{asked}: {answer_label(question, value, language)}", count)
        for name, count in summary.modalities.items():
            yield _Figure(f"{say('Given by')}: {label('modality', name, language)}", count)
        yield _Figure(say("Intentions"))
        yield from (_Figure(label("intention", name, language), n) for name, n in summary.intentions.items())
        yield _Figure(say("Results"))
        yield from (_Figure(label("disposition", name, language), n) for name, n in summary.dispositions.items())
        # Last, because the chart takes its rows from the end.
        yield _Figure(say("Outcomes"))
        yield from (_Figure(label("outcome", name, language), n) for name, n in summary.outcomes.items())

    def _outcome_chart(self, sheet: Any, last_row: int, bars: int) -> None:
        chart = BarChart()
        chart.type = "bar"
        chart.title = self._say("Outcomes")
        chart.legend = None
        chart.y_axis.delete = chart.x_axis.delete = False
        chart.x_axis.scaling.orientation = "maxMin"  # the most frequent on top
        first_row = last_row - bars + 1
        chart.add_data(Reference(sheet, min_col=2, min_row=first_row, max_row=last_row))
        chart.set_categories(Reference(sheet, min_col=1, min_row=first_row, max_row=last_row))
        sheet.add_chart(chart, "D2")

    def table(self, title: str, columns: Sequence[_Column], rows: Iterable[Sequence[Any]]) -> None:
        """A sheet with a header that stays in sight and can be filtered."""
        sheet = self._sheet(title, tuple(column.width for column in columns))
        sheet.freeze_panes = "B2"
        header = [self._cell(sheet, self._say(column.title), font=_HEADER) for column in columns]
        for cell in header:
            cell.fill = _HEADER_FILL
        sheet.append(header)
        last_row = 1
        for row in rows:
            pairs = zip(columns, row, strict=True)
            sheet.append([self._cell(sheet, value, column.format) for column, value in pairs])
            last_row += 1
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{last_row}"

    def attempt(self, attempt: AttemptResult) -> tuple[Any, ...]:
        language = self._language
        return (
            attempt.phone,
            attempt.number,
            label("outcome", attempt.outcome, language),
            label("disposition", attempt.disposition, language),
            label("intention", attempt.intention, language) if attempt.intention else None,
            attempt.started_s,
            attempt.ring_s,
            attempt.talk_s,
            label("hung_up_by", attempt.hung_up_by, language),
            self._yes(attempt.opted_out),
            " → ".join(attempt.path),
            attempt.cause,
            attempt.trunk,
            attempt.caller_id,
            attempt.recording,
            attempt.attempt_id,
        )

    def answers(self, attempts: Iterable[AttemptResult]) -> Iterator[tuple[Any, ...]]:
        for attempt in attempts:
            for question, answer in attempt.answers.items():
                yield (
                    attempt.phone,
                    attempt.number,
                    label("question", question, self._language),
                    answer_label(question, answer.value, self._language),
                    label("modality", answer.modality, self._language),
                    answer.transcript,
                    answer.confidence,
                    answer.reaction_ms,
                    self._yes(answer.pending),
                    attempt.attempt_id,
                )

    def _sheet(self, title: str, widths: Sequence[int]) -> Any:
        sheet = self._book.create_sheet(self._say(title))
        for number, width in enumerate(widths, start=1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        return sheet

    def _cell(self, sheet: Any, value: Any, number_format: str | None = None, font: Font | None = None) -> Any:
        if isinstance(value, str):
            # A number in E.164 begins with + and holds digits alone: harmless, and wanted as it is.
            is_phone = value.startswith("+") and value[1:].isdecimal()
            value = (value if is_phone else safe_text(value))[:MAX_CELL_CHARS]
        cell = WriteOnlyCell(sheet, value=value)
        if isinstance(value, str):
            cell.data_type = "s"  # never a formula, whatever it begins with
            cell.alignment = _WRAPPED
        if number_format:
            cell.number_format = number_format
        if font:
            cell.font = font
        return cell

    def _say(self, template: str) -> str:
        return translate_into(self._language, template)

    def _yes(self, value: bool) -> str:
        return self._say("yes") if value else ""
