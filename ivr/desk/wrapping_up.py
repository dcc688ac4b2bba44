"""The end of a wrap-up: what the agent says their talk came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.loader import load_document
from ivr.byhand.finishing import dispositions_of
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, find, move, presence_of
from ivr.model import AgentState, Attempt, Campaign, FlowVersion, Handoff


@dataclass(frozen=True, slots=True)
class Said:
    """The disposition, and who says so."""

    disposition: str
    by: str


def wrap_up(session: Session, number: str, said: Said, now: datetime) -> AgentState:
    """Keep what the agent's last talk came to, and let them go on. Returns what they do now.

    Raises DeskError: they aren't wrapping up a talk that was handed to them, or the campaign's flow has no such
    disposition."""
    agent = find(session, number)
    presence = presence_of(session, agent.id, now)
    newest = (
        select(Handoff)
        .where(Handoff.attempt_id == presence.attempt_id, Handoff.agent == agent.number)
        .order_by(Handoff.number.desc())
        .limit(1)
    )
    talk = session.scalars(newest).first() if presence.state is AgentState.WRAP_UP else None
    if talk is None:
        raise DeskError("Agent {number} isn't wrapping up a talk that was handed to them.", number=number)
    known = _known(session, talk.attempt_id)
    if said.disposition not in known:
        raise DeskError("The campaign's flow has no disposition {disposition}; it has: {known}",
                        disposition=said.disposition, known=", ".join(known))  # fmt: skip
    talk.disposition = said.disposition
    return move(session, agent.id, Change(AgentState.READY, said.by), now)


def _known(session: Session, attempt_id: str) -> tuple[str, ...]:
    """What calls of the attempt's campaign may come to."""
    source = session.scalars(
        select(FlowVersion.source)
        .join(Campaign, Campaign.flow_version_id == FlowVersion.id)
        .join(Attempt, Attempt.campaign_id == Campaign.id)
        .where(Attempt.id == attempt_id)
    ).one_or_none()
    return tuple(dispositions_of(load_document(source))) if source else ()
