"""A flow as an agent's script: the interpreter walks it, and the agent's entries are the answers. Pure.

A script is what came into it, in order: replaying the entries gives the same session, so it survives any crash,
and going back is leaving the last ones out. What only has to be said is passed by at once: the agent sees it
together with the next question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from flows.conditions import compile_condition
from flows.events import Event, NodeEntered
from flows.findings import FlowError
from flows.flow import Flow
from flows.interpreter import resume, start
from flows.nodes import ApiNode
from flows.results import Input, NoMatch, Played, Result, TransferEnded
from flows.secret_use import expressions
from flows.session import Session, Sprint
from flows.values import Scalar
from flows.waits import AskWait, MessageWait, PlayWait, PromptRef, TransferWait, Wait
from ivr.byhand.masking import (
    LOST_DIGIT,
    UNKNOWN_DIGIT,
    lacks,
    lost_among,
    masked_errand,
    masked_reply,
    shown_event,
    shown_prompt,
    without_lost,
)

_RESULT: TypeAdapter[Any] = TypeAdapter(Result)
_WAIT: TypeAdapter[Any] = TypeAdapter(Wait)


class LostSecretError(FlowError):
    """The script would go on by digits that are kept nowhere."""


class UnreadableEntryError(FlowError):
    """What is kept of an entry is none: damaged, or of another version of the program."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the script is begun with: the list's values with the number, and where (None: at the flow's start)."""

    contact: Mapping[str, Scalar]
    entry: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"contact": dict(self.contact), "entry": self.entry}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Start:
        return cls(kept["contact"], kept.get("entry"))


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that came into the script: from the agent, or (`errand`: for that wait) from the platform."""

    at: datetime
    result: Result
    errand: Wait | None = None
    secret: bool = False  # its digits aren't kept
    undone: bool = False  # the agent went back beyond it; what it had done outside stays done

    def as_json(self) -> dict[str, Any]:
        kept = self.result
        if self.secret and isinstance(kept, Input):
            kept = kept.model_copy(update={"value": UNKNOWN_DIGIT * len(kept.value), "transcript": None})
        more = {"secret": self.secret, "undone": self.undone}
        return {
            "at": self.at.isoformat(),
            "result": kept.model_dump(mode="json"),
            "errand": None if self.errand is None else self.errand.model_dump(mode="json"),
        } | {name: True for name, holds in more.items() if holds}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Entry:
        """Raises UnreadableEntryError."""
        try:
            errand = kept.get("errand")
            return cls(
                datetime.fromisoformat(kept["at"]),
                _RESULT.validate_python(kept["result"]),
                None if errand is None else _WAIT.validate_python(errand),
                bool(kept.get("secret")),
                bool(kept.get("undone")),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableEntryError(
                "What was entered can't all be read any more. Finish the task with a result: ivr task finish"
            ) from error


@dataclass(frozen=True, slots=True)
class Said:
    """What the agent is to say at one node."""

    node: str
    prompts: tuple[PromptRef, ...]


@dataclass
class Script:
    """Where a script stands. `wait` is what it waits for: the agent, or an errand; None: the call has ended it."""

    flow: Flow
    session: Session
    wait: Wait | None
    events: list[tuple[datetime, Event]] = field(default_factory=list)
    page: list[Said] = field(default_factory=list)  # since the agent's last entry
    secrets: set[str] = field(default_factory=set, repr=False)  # digits that the flow has now, and nothing keeps
    fault: FlowError | None = None  # why it doesn't go on from here, or couldn't begin

    @classmethod
    def begin(cls, flow: Flow, begun_with: Start, at: datetime) -> Script:
        """Raises FlowError: the contact lacks something that the flow needs."""
        first = start(flow, begun_with.contact, entry=begun_with.entry)
        script = cls(flow, first.session, first.wait)
        script._take(first, at)
        return script

    @classmethod
    def without_words(cls, flow: Flow, fault: FlowError) -> Script:
        """That of a contact who lacks what the flow needs: it says and asks nothing."""
        nothing = Session(flow=flow.name, version=flow.version, seed="", node=flow.spec.start, wait=None)
        return cls(flow, nothing, None, fault=fault)

    def enter(self, entry: Entry, *, kept: bool = False) -> None:
        """Go on with it; `kept`: as it was written, without any secret's digits. Raises FlowError
        (WrongResultError) where the script doesn't wait for such a thing."""
        node, attempt = (self.wait.node, getattr(self.wait, "attempt", 0)) if self.wait is not None else ("", 0)
        result = entry.result
        if entry.secret and isinstance(result, Input) and kept:
            result = result.model_copy(update={"value": LOST_DIGIT * len(result.value)})
        elif entry.secret and isinstance(result, Input):
            self.secrets.add(result.value)
        sprint = self._resumed(result)
        if entry.errand is None:
            self.page.clear()
        self._take(sprint, entry.at)
        again = self.wait if isinstance(result, NoMatch) else None
        if isinstance(again, AskWait) and again.node == node and again.attempt > attempt:
            self.enter(entry, kept=kept)  # a person has asked as often as it takes

    def ended(self, result: Result, at: datetime) -> None:
        """The call is over: the flow's last words count. Harmless when it has ended by itself."""
        if self.wait is not None:
            self._take(resume(self.flow, self.session, result), at)

    def _resumed(self, result: Result) -> Sprint:
        """Raises LostSecretError where that would go on by digits that nobody knows any more."""
        sprint = resume(self.flow, self.session, result)
        now = sprint.session.variables
        lost = lost_among(self.session.variables) | lost_among(now)
        for event in sprint.events if lost else ():
            if isinstance(event, NodeEntered):
                for _, source, target in expressions(self.flow.node(event.node)):
                    used = compile_condition(source).variables & lost
                    if used and (target is None or not lost_among({target: now.get(target)})):
                        raise LostSecretError(
                            "{node} goes by a secret, whose digits are kept nowhere; finish the call with what it "
                            "came to: ivr task finish --disposition",
                            node=event.node,
                        )
        return sprint

    def _take(self, sprint: Sprint, at: datetime) -> None:
        """Note what has happened, and pass by what only has to be said."""
        while True:
            self.session = sprint.session
            self.wait = wait = None if sprint.wait is None else without_lost(sprint.wait)
            self.events += [(at, shown_event(event)) for event in sprint.events]
            if isinstance(wait, (PlayWait, AskWait, MessageWait)) and wait.prompts:
                self.page.append(Said(wait.node, tuple(shown_prompt(one) for one in wait.prompts)))
            if not isinstance(wait, PlayWait):
                return
            sprint = self._resumed(Played())

    @property
    def lacks_secret(self) -> bool:
        """Whether what the script waits for is an errand with digits that nobody knows any more."""
        return self.session.wait is not None and lacks(self.session.wait)

    def done(self, errand: Wait, result: Result, at: datetime) -> Entry:
        """Go on with what an errand brought. Returns the entry to keep: without the digits of any secret."""
        self.enter(Entry(at, result, errand=errand))
        node = self.flow.node(errand.node)
        saved = frozenset(node.call_api.save.values()) if isinstance(node, ApiNode) else frozenset()
        return Entry(at, masked_reply(result, self.secrets, saved), errand=masked_errand(errand, self.secrets))


def replay(flow: Flow, begun_with: Start, begun_at: datetime, entries: Sequence[Entry]) -> Script:
    """The script after these entries, or as far as it goes: its `fault` says why not to their end. A call must
    come to its result whatever has become of its script."""
    try:
        script = Script.begin(flow, begun_with, begun_at)
    except FlowError as fault:
        return Script.without_words(flow, fault)
    try:
        for entry in entries:
            if not entry.undone:
                script.enter(entry, kept=True)
    except FlowError as fault:
        script.fault = fault
    return script


def replay_kept(
    flow: Flow, begun_with: Start, begun_at: datetime, kept: Sequence[Mapping[str, Any]]
) -> tuple[Script, tuple[Entry, ...]]:
    """`replay` of what is kept, with the entries: those before the first that can't be read, a fault."""
    entries: list[Entry] = []
    unreadable: FlowError | None = None
    try:
        for one in kept:
            entries.append(Entry.of(one))
    except UnreadableEntryError as fault:
        unreadable = fault
    script = replay(flow, begun_with, begun_at, entries)
    script.fault = script.fault or unreadable
    return script, tuple(entries)


def without_last(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """One step back: without the agent's last entry and what followed from it. Errands that were done stay on
    record as undone, so that they aren't done twice. The same, when there is nothing to go back to."""
    kept = list(entries)
    last = next((at for at in reversed(range(len(kept))) if kept[at].errand is None and not kept[at].undone), None)
    if last is None:
        return tuple(entries)
    after = [
        Entry(one.at, one.result, one.errand, one.secret, undone=True)
        for one in kept[last + 1 :]
        if one.errand is not None
    ]
    return (*kept[:last], *after)


def done_before(entries: Sequence[Entry], errand: Wait) -> Result | None:
    """What this very errand brought before the agent went back beyond it; None for one that holds a secret, whose
    digits may be others now."""
    return next((one.result for one in reversed(entries) if one.undone and one.errand == errand), None)


def talked(agent: str) -> TransferEnded:
    """The flow wants to hand the customer to a person: the agent is one, and has talked with them."""
    return TransferEnded(status="answered", agent=agent)


def is_for_agent(wait: Wait | None) -> bool:
    """Whether the script waits for the agent, and not for the platform or for the call's end."""
    return isinstance(wait, (AskWait, TransferWait, MessageWait))
