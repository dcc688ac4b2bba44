"""From a call by hand to its result: the same record that a robot's call leaves, written by the same code, so that
grades, follow-ups and reports know no difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flows.flow import Flow
from flows.interpreter import DISPOSITION_INCOMPLETE, DISPOSITION_VOICEMAIL
from flows.results import CallbackBooked, CallEnded, MachineDetected, Played
from flows.waits import CallbackWait
from ivr.byhand.errors import TaskError
from ivr.byhand.script import Entry, Script
from ivr.dialer.store import RecordingFacts
from ivr.model import Intention
from ivr.session.record import CallRecord, Talk
from ivr.session.slots import SlotTimes
from trunk.ports import Cause, DialOutcome, EarlyMedia

OPTED_OUT, COMPLAINT = "opted_out", "complaint"


@dataclass(frozen=True, slots=True)
class Result:
    """What the agent says that the call came to."""

    disposition: str | None = None  # None: what the script came to
    call_back_at: datetime | None = None  # the customer wants another call then


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a disposition stands for."""

    intention: Intention | None = None
    pending: bool = False


_EVERYWHERE: Mapping[str, Meaning] = {
    OPTED_OUT: Meaning(Intention.DECLINED),
    COMPLAINT: Meaning(Intention.DECLINED),
    DISPOSITION_VOICEMAIL: Meaning(Intention.UNREACHABLE),
    DISPOSITION_INCOMPLETE: Meaning(),
}


def dispositions_of(flow: Flow) -> dict[str, Meaning]:
    """What a call of this flow may come to: its own dispositions in their order, and those of every flow."""
    nodes = sorted(flow.walk(), key=lambda one: one[0] != flow.name)
    own = {
        node.disposition: Meaning(Intention(node.intention) if node.intention else None, node.pending)
        for *_, node in nodes
        if node.disposition is not None
    }
    return {**own, **{name: meaning for name, meaning in _EVERYWHERE.items() if name not in own}}


# ---- how the call went, between its end and its result ----------------------------------------------------------


def call_as_json(record: CallRecord, recording: RecordingFacts | None) -> dict[str, Any]:
    """What is known when the call is over, and by nobody but the worker that had it."""
    cause = record.cause
    moments = ("ringing_at", "answered_at", "ended_at")
    return {name: _text(getattr(record, name)) for name in moments} | {
        "talk_s": record.talk_s,
        "talking": bool(record.talks),
        "talks": [[talk.agent, _text(talk.started_at)] for talk in record.talks],
        "abandoned": record.abandoned,
        "failure": record.failure,
        "cause": None
        if cause is None
        else {
            "outcome": cause.outcome.value,
            "raw": cause.raw,
            "by": cause.by,
            "early_media": None if cause.early_media is None else cause.early_media.value,
        },
        "recording": None if recording is None else [recording.file, recording.sha256, recording.seconds],
    }


def recording_of(call: Mapping[str, Any]) -> RecordingFacts | None:
    kept = call.get("recording")
    return None if kept is None else RecordingFacts(*kept)


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that is over: its attempt, and who talked."""

    attempt_id: str
    phone: str
    started_at: datetime
    agent: str
    call: Mapping[str, Any]
    times: SlotTimes


def record_of(over: Finished, script: Script, entries: tuple[Entry, ...], result: Result) -> CallRecord:
    """The call's record. Raises TaskError: the flow knows no such disposition."""
    call = over.call
    answered_at, ended_at = _moment(call.get("answered_at")), _moment(call.get("ended_at"))
    record = CallRecord(
        over.attempt_id,
        over.phone,
        started_at=over.started_at,
        ringing_at=_moment(call.get("ringing_at")),
        answered_at=answered_at,
        ended_at=ended_at,
        talk_s=float(call.get("talk_s", 0.0)),
        cause=_cause(call.get("cause")),
        failure=call.get("failure", ""),
        abandoned=bool(call.get("abandoned")),  # somebody was found, but late
        key_questions=script.flow.key_questions,
    )
    talks = _talks_of(over, ended_at)
    record.talks = talks[:1]  # every answer was given to the agent, whoever talked with them after that
    by: Literal["callee", "us", "network"] = record.cause.by if record.cause else "network"
    script.ended(CallEnded(by=by), ended_at or over.started_at)
    for at, event in script.events:
        record.note(event, at, None)
    record.talks = talks
    record.flow_disposition = record.flow_disposition or DISPOSITION_INCOMPLETE  # also of a script without words
    _note_errands(record, entries, over.times)
    _decide(record, script.flow, result)
    if result.call_back_at is not None:
        record.callback_at = result.call_back_at
    return record


def _talks_of(over: Finished, ended_at: datetime | None) -> list[Talk]:
    """The agent's talk, and that of a supervisor who took the call over, each until the next. Of a process that
    died only that they talked may be known."""
    answered_at = over.call.get("answered_at")
    if answered_at is None or not over.call.get("talking", True):
        return []
    kept = over.call.get("talks") or [[over.agent, answered_at]]
    began = [datetime.fromisoformat(at) for _, at in kept]
    return [Talk(who, at, until) for (who, _), at, until in zip(kept, began, [*began[1:], ended_at], strict=True)]


def _note_errands(record: CallRecord, entries: tuple[Entry, ...], times: SlotTimes) -> None:
    """What the record keeps beside the flow's events."""
    for entry in entries:
        if entry.undone:
            continue
        match entry.result:
            case CallbackBooked(ok=True, at=at) if isinstance(entry.errand, CallbackWait) and at is not None:
                if entry.errand.number in (None, record.phone):  # whoever promised it keeps it: queues or none
                    record.callback_at = times.start_of(at)
            case MachineDetected():
                record.machine = True
            case Played() if entry.errand is None:  # of all that is only said, the agent says so of messages alone
                record.message_left = True


def _decide(record: CallRecord, flow: Flow, result: Result) -> None:
    wanted = result.disposition
    if wanted is None or wanted == record.flow_disposition:
        return
    known = dispositions_of(flow)
    if wanted not in known:
        raise TaskError(
            "There is no disposition {name} in the flow {flow}; there are: {known}.",
            name=wanted,
            flow=flow.name,
            known=", ".join(known),
        )
    if record.opted_out:
        raise TaskError("They want no more calls: the disposition stays {name}.", name=OPTED_OUT)
    meaning = known[wanted]
    record.flow_disposition, record.flow_intention, record.pending = wanted, meaning.intention, meaning.pending
    record.opted_out = wanted == OPTED_OUT
    record.machine = record.machine or wanted == DISPOSITION_VOICEMAIL


def _cause(kept: Mapping[str, Any] | None) -> Cause | None:
    if kept is None:
        return None
    early = None if kept.get("early_media") is None else EarlyMedia(kept["early_media"])
    return Cause(DialOutcome(kept["outcome"]), kept["raw"], kept["by"], early)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
