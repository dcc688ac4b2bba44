"""What one call leaves behind: built up from the flow's events, handed over once, when the call is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from flows.events import AnswerTaken, DispositionSet, Event, FlowFailed, NodeEntered, OptedOut
from flows.results import Input
from flows.waits import CallbackWait
from ivr.model import Intention
from ivr.strategy.grades import Facts
from trunk.ports import Cause, DialOutcome


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One answer, with what is needed when it is disputed."""

    node: str
    name: str
    input: Input
    given_at: datetime
    prompt_sha256: str | None
    pending: bool = False  # accepted by voice, still to be confirmed by something else
    agent: str | None = None  # who had talked with them before: a rating is of them


@dataclass(frozen=True, slots=True)
class Stretch:
    """Who talked with the callee from when to when: an agent (their number), or the robot (None)."""

    agent: str | None
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True)
class Talk:
    """The callee and an agent; `ended_at` None: they are still talking."""

    agent: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class CallRecord:
    """The facts of one attempt. The session fills it; the store writes it once."""

    attempt_id: str
    phone: str
    started_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk_s: float = 0.0
    cause: Cause | None = None
    machine: bool = False  # an answering machine was on the line
    message_left: bool = False
    failure: str = ""  # our own side failed: why
    path: list[str] = field(default_factory=list)
    answers: list[GivenAnswer] = field(default_factory=list)
    flow_disposition: str | None = None
    flow_intention: Intention | None = None
    pending: bool = False
    opted_out: bool = False
    talks: list[Talk] = field(default_factory=list)  # with agents, in order
    abandoned: bool = False  # they needed a person, and none was found in time
    key_questions: frozenset[str] = frozenset()  # the flow's; grades go by the answers to them
    callback_at: datetime | None = None  # they asked for another call by the robot, at that time

    def note(self, event: Event, at: datetime, prompt_sha256: str | None) -> None:
        """Take what the flow says has happened; `prompt_sha256` is of the audio that was being said."""
        if isinstance(event, NodeEntered):
            self.path.append(event.node)
        elif isinstance(event, AnswerTaken):
            agent = self.talks[-1].agent if self.talks else None
            self.answers.append(GivenAnswer(event.node, event.name, event.input, at, prompt_sha256, agent=agent))
        elif isinstance(event, DispositionSet):
            self.flow_disposition = event.disposition or self.flow_disposition
            self.flow_intention = Intention(event.intention) if event.intention else self.flow_intention
            self.pending = event.pending
            if event.pending and self.answers:
                # What is to be confirmed is what was just said.
                self.answers[-1] = replace(self.answers[-1], pending=True)
        elif isinstance(event, OptedOut):
            self.opted_out = True
        elif isinstance(event, FlowFailed):
            self.failure = self.failure or f"flow: {event.reason}"

    def note_callback(self, wait: CallbackWait, at: datetime | None) -> None:
        """A call back was booked. Those with a queue are people's; other numbers aren't this task's."""
        if wait.queue is None and wait.number in (None, self.phone) and at is not None:
            self.callback_at = at

    @property
    def last_answers(self) -> dict[str, GivenAnswer]:
        """Each question's last answer: the one that counts."""
        return {answer.name: answer for answer in self.answers}

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The call from the answer to its end, cut where it passed from the robot to a person and back."""
        if self.answered_at is None:
            return ()
        end = self.ended_at or self.answered_at
        found: list[Stretch] = []
        since = self.answered_at
        for talk in self.talks:
            until = talk.ended_at or end
            if since < talk.started_at:  # else a person called them: the robot never talked
                found.append(Stretch(None, since, talk.started_at))
            found.append(Stretch(talk.agent, talk.started_at, until))
            since = until
        if since < end or not found:
            found.append(Stretch(None, since, end))
        return tuple(found)

    @property
    def talked(self) -> bool:
        """A person was on the line."""
        return self.answered_at is not None and not self.machine

    @property
    def outcome(self) -> DialOutcome:
        """How the attempt ended: the network's word, corrected by what the session knows better."""
        if self.cause is None:
            return DialOutcome.UNKNOWN
        if self.failure:
            return DialOutcome.FAILED
        if self.machine:
            return DialOutcome.VOICEMAIL
        return self.cause.outcome

    @property
    def disposition(self) -> str:
        """The flow's business result; without one, the outcome's name."""
        return self.flow_disposition or self.outcome.value

    def facts(self, attempts: int) -> Facts:
        """What grades go by; `attempts` of the task, this one included."""
        last = self.last_answers
        return Facts(
            outcome=self.outcome,
            talked=self.talked,
            talk_s=self.talk_s,
            hung_up_by=self.cause.by if self.cause else "network",
            disposition=self.flow_disposition or "",
            intention=self.flow_intention.value if self.flow_intention else "",
            answers={name: answer.input.value for name, answer in last.items()},
            key_answers=tuple(one.input.value for one in last.values() if one.node in self.key_questions),
            opted_out=self.opted_out,
            pending=self.pending,
            transferred=bool(self.talks),
            abandoned=self.abandoned,
            path=tuple(self.path),
            attempts=attempts,
        )
