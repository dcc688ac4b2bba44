"""The database of a capacity run: campaigns of callees before it, what was stored of each call after it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench.capacity.flow import PLAIN, RECORDED, source
from bench.capacity.people import callee
from flows.loader import loads
from ivr.flow_versions import version_row
from ivr.model import (
    Answer,
    Attempt,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    Recording,
    Task,
)
from ivr.policy.loader import default_policy
from ivr.policy.policy import policy_of
from ivr.strategy import loads as load_strategy

SHARE_OF = 10  # contacts for one weight: a strategy's share is at most 1000
# Without shares by size the few that are recorded would get half of the channels.
ONCE = "schema: 1\nstrategy: once\nretry: {{attempts: 1}}\nshare: {share:g}\n"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the platform kept of one callee's call."""

    outcome: str
    hung_up_by: str
    answers: tuple[str, ...]  # values, in their order
    recorded_s: float  # 0: no recording
    file: str = ""  # of the recording


def begin(session: Session, contacts: int, calls: int, record_share: float, longest_call_s: float) -> None:
    """Running campaigns with so many callees between them; those to be recorded are one of their own."""
    people = [callee(number, 0.0, record_share, ()) for number in range(contacts)]
    for name, chosen in (
        (PLAIN, [one.phone for one in people if not one.recorded]),
        (RECORDED, [one.phone for one in people if one.recorded]),
    ):
        if chosen:
            _campaign(session, name, chosen, calls, longest_call_s)


def _campaign(session: Session, name: str, phones: list[str], calls: int, longest_call_s: float) -> None:
    now = datetime.now(UTC)
    flow = loads(source(name, longest_call_s))
    spec = default_policy().spec.model_copy(update={"consent": (), "windows": ()})
    people = ContactList(name=name, created_at=now, created_by="bench")
    session.add(people)
    session.flush()
    campaign = Campaign(
        name=name,
        flow_version_id=version_row(session, flow, "bench", now).id,
        purpose=flow.purpose,
        state=CampaignState.RUNNING,
        concurrency=calls,
        policy=policy_of(spec).document,
        strategy=load_strategy(ONCE.format(share=len(phones) / SHARE_OF).encode()).document,
        recognizer="vosk",
        created_at=now,
        created_by="bench",
    )
    session.add(campaign)
    session.flush()
    session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
    rows = [{"list_id": people.id, "phone": phone, "source_id": "", "attributes": {}} for phone in phones]
    session.execute(insert(Contact), rows)
    ids = session.scalars(select(Contact.id).where(Contact.list_id == people.id).order_by(Contact.id))
    session.add_all(Task(campaign_id=campaign.id, contact_id=contact_id) for contact_id in ids)


def stored(session: Session) -> dict[str, Stored]:
    """By phone; everybody is called once."""
    answers: dict[str, list[str]] = defaultdict(list)
    for attempt_id, value in session.execute(
        select(Answer.attempt_id, Answer.value).order_by(Answer.attempt_id, Answer.number)
    ):
        answers[attempt_id].append(value)
    rows = session.execute(select(Recording.attempt_id, Recording.seconds, Recording.file))
    kept = {attempt_id: (seconds, file) for attempt_id, seconds, file in rows}
    return {
        attempt.phone: Stored(
            outcome=attempt.outcome.value if attempt.outcome else "",
            hung_up_by=attempt.hung_up_by.value if attempt.hung_up_by else "",
            answers=tuple(answers[attempt.id]),
            recorded_s=recorded_s,
            file=file,
        )
        for attempt in session.scalars(select(Attempt))
        for recorded_s, file in (kept.get(attempt.id, (0.0, "")),)
    }
