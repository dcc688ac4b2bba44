"""What keeps a whole campaign from calling anybody now, whatever the policy says of a number: for `ivr why`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.model import AuditEntry, Campaign, CampaignState, EmergencyStop


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of ours inside another one, or a person's own words (no template: `text` as it is)."""

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)
    ours: bool = True

    def render(self, translate: Any) -> str:
        return str(translate(self.text, **self.params)) if self.ours else self.text


@dataclass(frozen=True, slots=True)
class Held:
    """Why nobody of the campaign is called now. `params` may have words and moments inside."""

    template: str
    params: Mapping[str, object]


def held(session: Session, campaign: Campaign, now: datetime) -> Held | None:
    """None: the campaign calls, as far as it goes."""
    name = {"campaign": campaign.name}
    if campaign.state is CampaignState.FINISHED or (campaign.ends_at is not None and campaign.ends_at <= now):
        over = campaign.finished_at or campaign.ends_at or now
        return Held("{campaign}: is over since {over}, nobody is called any more", {**name, "over": over})
    stop = session.scalars(
        select(EmergencyStop).where(EmergencyStop.lifted_at.is_(None)).order_by(EmergencyStop.id.desc()).limit(1)
    ).first()
    if stop is not None:
        said = {**name, "at": stop.at, "who": stop.by, "why": stop.why}
        return Held("{campaign}: nobody is called: {who} stopped all dialling at {at}: {why}", said)
    if campaign.state is CampaignState.PAUSED:
        at, who, why = _pause(session, campaign)
        return Held("{campaign}: is paused since {at} by {who}: {why}", {**name, "at": at, "who": who, "why": why})
    if campaign.state is not CampaignState.RUNNING:
        return Held("{campaign}: isn't started yet, nobody is called", name)
    if campaign.needs_approval and campaign.approved_sha256 is None:
        return Held("{campaign}: its approval is gone, nobody is called before it is given again", name)
    if campaign.starts_at is not None and campaign.starts_at > now:
        return Held("{campaign}: begins at {begins}", {**name, "begins": campaign.starts_at})
    return None


def _pause(session: Session, campaign: Campaign) -> tuple[object, str, object]:
    """When, who and why, by the audit trail."""
    rows = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject == campaign.name, AuditEntry.action.in_(("campaign.pause", "campaign.edit")))
        .order_by(AuditEntry.id.desc())
    )
    row = next((one for one in rows if one.details.get("to") == CampaignState.PAUSED.value), None)
    if row is None:
        return "–", "–", campaign.paused_why or "–"
    template = row.details.get("template")
    if template:
        return row.at, row.who, Sentence(template, row.details.get("params") or {})
    return row.at, row.who, Sentence(row.details.get("why") or campaign.paused_why or "–", ours=False)
