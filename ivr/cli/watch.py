"""Shows a run while it goes on: a live table on a terminal, plain lines where there is none.

A `Watcher` is an observer of `ivr.session.progress`; it draws at most eight times a second of real time, from
within the events, so that no thread of its own competes with the media clock."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ivr.errors import IvrError
from ivr.flow_queues import missing_queue
from ivr.i18n import current_language
from ivr.i18n import translate as _
from ivr.report.labels import answer_label, label
from ivr.session.progress import (
    CallOver,
    CallPlaced,
    NodeReached,
    NoQueue,
    PaceChanged,
    ProgressEvent,
    PromptBegan,
    RunBegan,
    ScriptReached,
    StateChanged,
    TasksSkipped,
    TrunkChanged,
    Understood,
    masked,
)
from trunk.ports import TrunkError

REDRAW_S = 0.125
MAX_ROWS = 16  # calls in the table; the newest stay
MAX_CHARS = 28  # of what was said or heard
# heading -> share of the width that is left; None: as wide as its content, which must not be cut
COLUMNS = {"number": None, "try": None, "state": None, "node": None, "said": 3, "understood": 2, "result": 3}

TRUNK_STATES = {
    "in_service": "in service",
    "trial": "on trial, one call at a time",
    "out_of_service": "out of service",
}
TRUNK_NEWS = {  # by trunk.routing.breaker.Reason
    "unlinked": "Trunk {trunk} is out of service: it doesn't answer; calls go on when it does.",
    "failures": "Trunk {trunk} is out of service for {rest} s: too many of its calls have failed.",
    "trial_failed": "Trunk {trunk} stays out of service for {rest} s: the call that tried it has failed.",
    "linked": "Trunk {trunk} answers again: one call at a time, until some have gone well.",
    "rested": "Trunk {trunk} has rested: one call at a time, until some have gone well.",
    "proven": "Trunk {trunk} is in service again.",
}

PACE_NEWS = {  # by ivr.session.progress.Stance
    "nobody": "Nobody is there to take calls: none is placed until somebody is.",
    "learning": "One call per free agent: too few have been seen to predict from.",
    "unproven": "One call per free agent: {abandoned} of {needed} callees in need of a person were abandoned, "
    "which may be up to {upper} %; the cap is {at_most} %.",
    "over_cap": "One call per free agent: {abandoned} of {needed} callees in need of a person were abandoned, "
    "more than the cap of {at_most} %.",
    "open": "More calls than free agents from now on: {abandoned} of {needed} callees in need of a person were "
    "abandoned, at most {upper} %; the cap is {at_most} %.",
}


@dataclass(slots=True)
class _Row:
    phone: str
    number: int
    state: str = "dialing"
    node: str = ""
    said: str = ""
    heard: str = ""
    result: str = ""


class Watcher:
    """Use it as a context manager, and hand `observe` to the run."""

    def __init__(self, console: Console, trunks: Sequence[str] = ()) -> None:
        self._trunks = dict.fromkeys(trunks, "in_service")
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self.began = False  # whether anybody was to be called
        self._warned: set[str] = set()  # sentences: each is said once
        self._title = ""
        self._drawn_at_s = 0.0

    def __enter__(self) -> Watcher:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)
            self._live.stop()

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case RunBegan():
                self._begin(event)
            case CallPlaced():
                self._rows[event.attempt_id] = _Row(masked(event.phone), event.number)
                while len(self._rows) > MAX_ROWS:
                    self._rows.popitem(last=False)
            case StateChanged() | NodeReached() | PromptBegan() | ScriptReached() | Understood():
                self._note(event)
            case CallOver():
                self._end(event)
            case NoQueue():
                self._warn(missing_queue(event.queue, event.known))
            case TasksSkipped():
                self._counts["skipped"] += event.count
            case TrunkChanged():
                self._trunks[event.trunk] = event.state
                rest = round(event.rest_s or 0)
                sentence = _(TRUNK_NEWS[event.reason], trunk=event.trunk, rest=rest)
                self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)
            case PaceChanged():
                shares = {"upper": f"{event.upper:g}", "at_most": f"{event.at_most:g}"}
                sentence = _(
                    PACE_NEWS[event.stance.value], needed=event.needed, abandoned=event.abandoned, **shares
                )
                self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)
            case _:
                return
        if self._live is not None and time.monotonic() - self._drawn_at_s >= REDRAW_S:
            self._live.update(self._picture(), refresh=True)
            self._drawn_at_s = time.monotonic()

    def _begin(self, event: RunBegan) -> None:
        self.began = True
        self._title = f"{event.campaign} · {event.flow} · {event.recognizer}"
        if event.resumed:
            line = _("Going on with {campaign}.", campaign=event.campaign)
        else:
            line = _(
                "{campaign}: {contacts} to call, {rejected} rows left out; recogniser {recognizer}.",
                campaign=event.campaign,
                contacts=event.contacts,
                rejected=event.rejected_rows,
                recognizer=event.recognizer,
            )
        self._console.print(line, highlight=False, markup=False)
        if event.unknown_words:
            sentence = "The recogniser doesn't know these words, so nobody can answer with them: {words}."
            self._console.print(_(sentence, words=", ".join(event.unknown_words)), highlight=False, markup=False)

        for warning in event.warnings:
            self._warn(warning)

    def _warn(self, warning: TrunkError | IvrError) -> None:
        sentence = f"{_('warning')}: {_(warning.template, **warning.params)}"
        if sentence in self._warned:
            return
        self._warned.add(sentence)
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _note(self, event: StateChanged | NodeReached | PromptBegan | ScriptReached | Understood) -> None:
        row = self._rows.get(event.attempt_id)
        if row is None:
            return
        match event:
            case StateChanged():
                row.state = event.state.value
            case NodeReached():
                row.node = event.node
            case PromptBegan():
                row.said = event.text
            case ScriptReached():
                row.node, row.said = event.node, event.text
            case Understood():
                row.heard = f"{event.transcript} → {event.meaning}" if event.transcript else event.meaning

    def _end(self, event: CallOver) -> None:
        record = event.record
        self._counts["calls"] += 1
        self._outcomes[record.outcome.value] += 1
        if event.again_at is not None:
            self._counts["again"] += 1
        language = current_language()
        answers = " ".join(
            f"{label('question', name, language)}={answer_label(name, answer.input.value, language)}"
            f"({label('modality', answer.input.modality.value, language)})"
            for name, answer in record.last_answers.items()
        )
        parts = [label("disposition", record.disposition, language), answers]
        parts += [f"{record.talk_s:.0f} s"] if record.talk_s else []
        result = " ".join(part for part in parts if part)
        row = self._rows.get(event.attempt_id)
        if row is not None:
            row.state, row.node, row.said = "ended", "", ""
            row.result = result
        if self._live is None:
            when = f"{record.started_at:%m-%d %H:%M:%S}"
            line = f"{when} {masked(record.phone)} {label('outcome', record.outcome.value, language)}: {result}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _picture(self) -> Group:
        table = Table(title=self._title or None, expand=True)
        for heading, share in COLUMNS.items():
            table.add_column(_(heading), no_wrap=True, overflow="ellipsis", ratio=share)
        for row in self._rows.values():
            said, heard = _cut(row.said), _cut(row.heard)
            cells = (row.phone, str(row.number), _(row.state), row.node, said, heard, row.result)
            table.add_row(*(Text(cell) for cell in cells))
        counts = self._counts
        parts = [_("calls {count}", count=counts["calls"])]
        language = current_language()
        parts += [f"{label('outcome', name, language)} {count}" for name, count in self._outcomes.most_common()]
        parts += [f"{_(name)} {counts[name]}" for name in ("again", "skipped") if counts[name]]
        lines: list[RenderableType] = [table, Text(" · ".join(parts))]
        if len(self._trunks) > 1:
            states = [f"{name}: {_(TRUNK_STATES[state])}" for name, state in self._trunks.items()]
            lines.append(Text(" · ".join(states)))
        return Group(*lines)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1] + "…"
