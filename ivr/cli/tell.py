"""Tells one call while it goes on, a line for each thing that happens."""

from __future__ import annotations

import time
from collections.abc import Callable

from ivr.flow_queues import missing_queue
from ivr.i18n import current_language, translate
from ivr.report.labels import answer_label, label
from ivr.session.progress import (
    CallOver,
    CallPlaced,
    NodeReached,
    NoQueue,
    ProgressEvent,
    PromptBegan,
    RunBegan,
    StateChanged,
    Understood,
    masked,
)
from ivr.session.states import CallState

MAX_CHARS = 160  # of a prompt


class Teller:
    """Hand `observe` to the run; `say` takes each line."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._began_s = time.monotonic()
        self._state: CallState | None = None

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case RunBegan():
                self._say(
                    translate("{flow}; recogniser {recognizer}", flow=event.flow, recognizer=event.recognizer)
                )
            case CallPlaced():
                self._began_s = time.monotonic()
                self._line(translate("dialling {number}", number=masked(event.phone)))
            case StateChanged():
                self._tell_state(event.state)
            case NodeReached():
                self._line(f"[{event.node}]")
            case PromptBegan():
                text = event.text if len(event.text) <= MAX_CHARS else event.text[: MAX_CHARS - 1] + "…"
                self._line(translate("says: {text}", text=text))
            case Understood():
                self._line(_understood(event))
            case NoQueue():
                missing = missing_queue(event.queue, event.known)
                self._line(translate(missing.template, **missing.params))
            case CallOver():
                self._tell_end(event)
            case _:
                pass

    def _tell_state(self, state: CallState) -> None:
        before, self._state = self._state, state
        if state is CallState.RINGING:
            self._line(translate("it rings"))
        elif state is CallState.TALKING and before in (None, CallState.RINGING):
            self._line(translate("answered"))
        elif state in (CallState.TRANSFERRING, CallState.BRIDGED, CallState.TAKEN):
            self._line(translate(state.value))

    def _tell_end(self, event: CallOver) -> None:
        record, language = event.record, current_language()
        outcome = label("outcome", record.outcome.value, language)
        cause = record.cause.raw if record.cause else ""
        talked = translate("{seconds} s of talk", seconds=round(record.talk_s)) if record.talk_s else ""
        who = label("hung_up_by", record.cause.by, language) if record.cause else ""
        ended = translate("hung up by {who}", who=who) if record.talk_s else ""
        parts = [part for part in (outcome, talked, ended, cause) if part]
        self._line(translate("over: {what}", what=" · ".join(parts)))
        for name, answer in record.last_answers.items():
            value = answer_label(name, answer.input.value, language)
            modality = label("modality", answer.input.modality.value, language)
            self._line(f"{label('question', name, language)} = {value} ({modality})")

    def _line(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._began_s:6.1f} s  {text}")


def _understood(event: Understood) -> str:
    language = current_language()
    how = label("modality", event.modality, language) if event.modality else ""
    if event.transcript:
        return translate(
            "heard: “{said}” → {meaning} ({how})", said=event.transcript, meaning=event.meaning, how=how
        )
    return translate("understood: {meaning} ({how})", meaning=event.meaning, how=how or "–")
