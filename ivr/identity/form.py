"""The agent's form: a person has asked for name, address, ID or password, and says what it came to.

What the customer said is nobody's to write down: the form takes a method and a result. Before the agent asks, the
page calls `begin_identity_check`: the recording pauses until the result is recorded, two minutes at most."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.config import IdentitySettings
from ivr.errors import IvrError
from ivr.identity.rows import wrong_entries
from ivr.model import (
    Agent,
    Attempt,
    IdentityCheck,
    IdentityResult,
    Supervision,
    SupervisionKind,
    SupervisionState,
)

METHODS = ("password", "name_address", "id")
RESULTS = (
    IdentityResult.VERIFIED,
    IdentityResult.FAILED,
    IdentityResult.REFUSED,
    IdentityResult.NO_INPUT,
    IdentityResult.UNAVAILABLE,
)
MOST_TRIES = 10
QUIET_FOR = timedelta(minutes=2)  # a form that nobody finishes
_NUMBER = re.compile(r"\d{1,8}")


class IdentityError(IvrError):
    """The check can't be recorded as given."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an agent says: how they checked, what it came to, in how many tries."""

    method: str
    result: IdentityResult
    agent: str  # their number
    tries: int = 1
    node: str | None = None  # of the script


def begin_identity_check(session: Session, attempt_id: str, agent: str, now: datetime) -> None:
    """The agent is about to ask: don't record the call meanwhile. Raises IdentityError."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.ended_at is not None or attempt.worker is None:
        raise IdentityError("The call {attempt} isn't on now.", attempt=attempt_id)
    _must_be_agent(session, agent)
    session.add(
        Supervision(
            attempt_id=attempt_id,
            worker=attempt.worker,
            kind=SupervisionKind.HUSH,
            state=SupervisionState.ASKED,
            who=agent,
            agent=agent,
            told=True,
            asked_at=now,
            until=now + QUIET_FOR,
        )
    )


def record_identity_check(
    session: Session, attempt_id: str, judgement: Judgement, settings: IdentitySettings, now: datetime
) -> None:
    """Keep what an agent's check came to. Raises IdentityError, one sentence, for what can't be."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise IdentityError("There is no call {attempt}.", attempt=attempt_id)
    if judgement.method not in METHODS:
        raise IdentityError(
            "{method} is no way to check who a customer is; there are {methods}.",
            method=judgement.method,
            methods=", ".join(METHODS),
        )
    if judgement.result not in RESULTS:
        raise IdentityError(
            "{result} is no result of an agent's check; there are {results}.",
            result=judgement.result.value,
            results=", ".join(RESULTS),
        )
    if not 0 <= judgement.tries <= MOST_TRIES:
        raise IdentityError("Tries are 0 to {most}, not {tries}.", most=MOST_TRIES, tries=judgement.tries)
    _must_be_agent(session, judgement.agent)
    if judgement.method == "password" and judgement.result is IdentityResult.VERIFIED:
        _must_be_open(session, attempt.phone, settings, now)
    session.execute(
        update(Supervision)
        .where(
            Supervision.attempt_id == attempt_id,
            Supervision.kind == SupervisionKind.HUSH,
            Supervision.ended_at.is_(None),
        )
        .values(stopping=True)
    )
    session.add(
        IdentityCheck(
            attempt_id=attempt_id,
            at=now,
            method=judgement.method,
            result=judgement.result,
            tries=judgement.tries,
            node=judgement.node,
            agent=judgement.agent,
        )
    )


def _must_be_agent(session: Session, number: str) -> None:
    known = select(Agent.id).where(Agent.number == number)
    if not _NUMBER.fullmatch(number) or session.scalar(known) is None:
        raise IdentityError("There is no agent {number}; see: ivr desk show", number=number)


def _must_be_open(session: Session, phone: str, settings: IdentitySettings, now: datetime) -> None:
    wrong = wrong_entries(session, phone, now - timedelta(hours=settings.locked_h))
    if wrong >= settings.wrong_at_most:
        raise IdentityError(
            "The password of this number is locked after {wrong} wrong entries; check by name and address, or ID.",
            wrong=wrong,
        )
