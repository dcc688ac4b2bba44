"""The agent's form: a person has asked for name, address, ID or password, and says what it came to.

What the customer said is nobody's to write down: the form takes a method and a result. While the customer says or
keys it the recording is to be paused (`ivr.supervision`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.config import IdentitySettings
from ivr.errors import IvrError
from ivr.identity.rows import wrong_entries
from ivr.model import Agent, Attempt, IdentityCheck, IdentityResult

METHODS = ("password", "name_address", "id")
RESULTS = (
    IdentityResult.VERIFIED,
    IdentityResult.FAILED,
    IdentityResult.REFUSED,
    IdentityResult.NO_INPUT,
    IdentityResult.UNAVAILABLE,
)
MOST_TRIES = 10
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
    known = select(Agent.id).where(Agent.number == judgement.agent)
    if not _NUMBER.fullmatch(judgement.agent) or session.scalar(known) is None:
        raise IdentityError("There is no agent {number}; see: ivr desk show", number=judgement.agent)
    if judgement.method == "password" and judgement.result is IdentityResult.VERIFIED:
        _must_be_open(session, attempt.phone, settings, now)
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


def _must_be_open(session: Session, phone: str, settings: IdentitySettings, now: datetime) -> None:
    wrong = wrong_entries(session, phone, now - timedelta(hours=settings.locked_h))
    if wrong >= settings.wrong_at_most:
        raise IdentityError(
            "The password of this number is locked after {wrong} wrong entries; check by name and address, or ID.",
            wrong=wrong,
        )
