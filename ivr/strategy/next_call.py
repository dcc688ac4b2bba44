"""What follows an attempt: the next call with its moment and its reason, or the end of the task with its reason.

Pure. Calls are counted in rounds: a conversation ends a round, so that who was reached once and is followed up
gets the retries that a first call gets. What never rang uses up no try (a trunk's refusal, our own failure), but
each outcome has a bound of its own, so that nothing goes on for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.model import CallWhy
from ivr.policy.facts import NOT_REACHED
from ivr.strategy.day_parts import Times, another_part
from ivr.strategy.schema import AgainSpec, Grade, duration_of
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of a task."""

    outcome: DialOutcome
    started: datetime  # aware
    disposition: str
    rang: bool = True
    ring_s: float = 0.0  # from the first ringing to the answer or the end
    talked: bool = False  # a person was on the line, even if the call failed afterwards
    failed_over: bool = False
    why: CallWhy | None = None

    @property
    def reached(self) -> bool:
        """It reached for the phone: limits count it. A call back is the customer's own."""
        if self.why is CallWhy.RETURN:
            return False
        return self.rang or not (self.failed_over or self.outcome in NOT_REACHED)

    @property
    def uses_up(self) -> bool:
        """It uses up one of the round's tries; ending a call ourselves doesn't."""
        return self.reached and self.outcome is not DialOutcome.CANCELLED


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of a task when an attempt has ended."""

    tried: Sequence[Tried]  # all of them in order; the last one has just ended
    at: datetime
    grade: Grade
    unfinished: bool = False  # the conversation broke off before what the flow is about
    opted_out: bool = False
    message_left: bool = False
    callback_at: datetime | None = None  # the customer asked the robot for a call then

    @property
    def last(self) -> Tried:
        return self.tried[-1]

    def made_for(self, why: CallWhy) -> int:
        """How many calls were made for this reason."""
        return sum(one.why is why for one in self.tried)

    @property
    def round(self) -> list[Tried]:
        """The attempts since the last conversation."""
        talks = [index for index, one in enumerate(self.tried) if one.talked]
        return list(self.tried[talks[-1] + 1 :] if talks else self.tried)


class EndWhy(StrEnum):
    """Why nobody calls again."""

    OPTED_OUT = "opted_out"
    RESULT = "result"  # they were talked to, and nothing follows
    MESSAGE_LEFT = "message_left"
    NOT_RETRIED = "not_retried"  # the strategy never calls again after this outcome
    TRIES_USED_UP = "tries_used_up"


@dataclass(frozen=True, slots=True)
class Next:
    """`rule` is what says so, as the file has it: "retry.busy", "follow_ups.B"."""

    at: datetime
    why: CallWhy
    rule: str
    avoids: frozenset[str | None] = frozenset()  # parts of the day that it must not be moved into


@dataclass(frozen=True, slots=True)
class Case:
    """Whom the question is about."""

    strategy: Strategy
    purpose: str
    times: Times
    most_attempts: int | None = None  # the policy's

    def after(self, ended: Ended) -> Next | EndWhy:
        """What follows."""
        for rule in _RULES:
            found = rule(self, ended)
            if found is not None:
                return found
        return _retry(self, ended)


def _opted_out(case: Case, ended: Ended) -> EndWhy | None:
    del case
    return EndWhy.OPTED_OUT if ended.opted_out else None


def _bounded(case: Case, ended: Ended) -> EndWhy | None:
    most = case.most_attempts
    if most is None or sum(one.reached for one in ended.tried) < most:
        return None
    return EndWhy.RESULT if ended.last.talked else EndWhy.TRIES_USED_UP


def _callback(case: Case, ended: Ended) -> Next | None:
    spec = case.strategy.spec.callbacks
    if ended.callback_at is None or not spec.keep or ended.made_for(CallWhy.CALLBACK) >= spec.at_most:
        return None
    at = case.times.opening(max(ended.callback_at, ended.at))
    return Next(at, CallWhy.CALLBACK, "callbacks")


def _by_disposition(case: Case, ended: Ended) -> Next | EndWhy | None:
    disposition = ended.last.disposition
    rule = case.strategy.spec.retry.dispositions.get(disposition)
    if rule is None:
        return None
    same = [one for one in ended.tried if one.disposition == disposition]
    return _again(case, ended, rule, same, f"retry.dispositions.{disposition}")


def _unfinished(case: Case, ended: Ended) -> Next | None:
    rule = case.strategy.spec.unfinished
    if not ended.unfinished or rule is None or ended.made_for(CallWhy.UNFINISHED) >= rule.at_most:
        return None
    earliest = ended.at + duration_of(rule.wait)
    if not rule.other_part_of_day:
        return Next(case.times.opening(earliest), CallWhy.UNFINISHED, "unfinished")
    parts = [case.times.part_of(ended.last.started)]
    return _elsewhen(case, earliest, parts, CallWhy.UNFINISHED, "unfinished")


def _follow_up(case: Case, ended: Ended) -> Next | None:
    rule = case.strategy.spec.follow_ups.get(ended.grade)
    if not ended.last.talked or rule is None or case.purpose not in rule.purposes:
        return None
    if ended.made_for(CallWhy.FOLLOW_UP) >= rule.at_most:
        return None
    return Next(
        case.times.opening(ended.at + duration_of(rule.wait)), CallWhy.FOLLOW_UP, f"follow_ups.{ended.grade}"
    )


def _conversation(case: Case, ended: Ended) -> EndWhy | None:
    del case
    if ended.message_left:
        return EndWhy.MESSAGE_LEFT
    return EndWhy.RESULT if ended.last.talked else None


_RULES: tuple[Callable[[Case, Ended], Next | EndWhy | None], ...] = (
    _opted_out,
    _bounded,
    _callback,
    _by_disposition,
    _unfinished,
    _follow_up,
    _conversation,
)


def _retry(case: Case, ended: Ended) -> Next | EndWhy:
    outcome = _kind(case.strategy, ended.last)
    rule = case.strategy.spec.retry.outcomes.get(outcome.value)
    if rule is None:
        return EndWhy.NOT_RETRIED
    same = [one for one in ended.round if _kind(case.strategy, one) is outcome and not one.failed_over]
    return _again(case, ended, rule, same, f"retry.outcomes.{outcome.value}")


def _again(case: Case, ended: Ended, rule: AgainSpec, same: Sequence[Tried], name: str) -> Next | EndWhy:
    """By a rule of waits and counts; `same` are the attempts that it has met, this one included."""
    if rule.at_most == 1:
        return EndWhy.RESULT if ended.last.talked else EndWhy.NOT_RETRIED
    used = sum(one.uses_up for one in ended.round)
    if len(same) >= rule.at_most or used >= case.strategy.spec.retry.attempts:
        return EndWhy.RESULT if ended.last.talked else EndWhy.TRIES_USED_UP
    wait: timedelta = duration_of(rule.waits[min(len(same), len(rule.waits)) - 1])
    earliest = ended.at + wait
    if not rule.other_part_of_day:
        return Next(case.times.opening(earliest), CallWhy.RETRY, name)
    parts = [case.times.part_of(one.started) for one in same]
    return _elsewhen(case, earliest, parts, CallWhy.RETRY, name)


def _elsewhen(case: Case, earliest: datetime, parts: Sequence[str | None], why: CallWhy, name: str) -> Next:
    """In another part of the day."""
    at = another_part(case.times, earliest, parts)
    avoids = frozenset(parts) if case.times.part_of(at) not in parts else frozenset(parts[-1:])
    return Next(at, why, name, avoids)


def _kind(strategy: Strategy, one: Tried) -> DialOutcome:
    """The outcome; a "busy" that followed long ringing was a person's own doing."""
    ring_s = strategy.spec.retry.rejected_after_ring_s
    if one.outcome is DialOutcome.BUSY and ring_s is not None and one.rang and one.ring_s >= ring_s:
        return DialOutcome.REJECTED
    return one.outcome
