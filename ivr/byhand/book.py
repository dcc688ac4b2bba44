"""The campaigns that people handle, with what their tasks need: read once, and again when a row has changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document as load_flow
from ivr.campaigns.rules import rules_of
from ivr.model import Campaign, CampaignState, FlowVersion, HandledBy, PeopleMode
from ivr.policy.policy import CampaignRules
from ivr.strategy import Strategy, default_strategy
from ivr.strategy import load_document as load_strategy
from ivr.strategy.hours import Hours
from ivr.strategy.learning import hours_for
from ivr.strategy.split import arm_of

KEPT_FLOWS = 64
_RUNNING = select(Campaign).where(
    Campaign.state == CampaignState.RUNNING,
    Campaign.handled_by == HandledBy.PEOPLE,
    Campaign.people_mode == bindparam("mode", type_=Campaign.people_mode.type),
)


@dataclass(frozen=True, slots=True)
class ByHand:
    """One campaign."""

    id: int
    name: str
    mode: PeopleMode
    teams: frozenset[str]  # whose people handle it; empty: everybody's
    rules: CampaignRules
    strategy: Strategy
    hours: Hours
    flow_version_id: int
    ends_at: datetime | None

    def is_for(self, team: str | None) -> bool:
        return not self.teams or team in self.teams


class Book:
    """Keep one for as long as the process lives: documents are parsed once."""

    def __init__(self) -> None:
        self._lock = Lock()  # transactions run in threads: what they read is parsed by one of them
        self._campaigns: dict[int, tuple[tuple[Any, ...], ByHand]] = {}
        self._flows: dict[int, Flow] = {}

    def open_for(self, session: Session, team: str | None, mode: PeopleMode) -> tuple[ByHand, ...]:
        """The running campaigns of that mode whose tasks that team's people may have, the most urgent first."""
        with self._lock:
            every = [self._of(session, row) for row in session.scalars(_RUNNING, {"mode": mode})]
        found = [one for one in every if one.is_for(team)]
        return tuple(sorted(found, key=lambda one: (one.strategy.spec.priority, one.id)))

    def campaign(self, session: Session, campaign_id: int) -> ByHand:
        with self._lock:
            return self._of(session, session.get_one(Campaign, campaign_id))

    def flow(self, session: Session, flow_version_id: int) -> Flow:
        """A version of a flow, which never changes."""
        with self._lock:
            return self._flow(session, flow_version_id)

    def _of(self, session: Session, row: Campaign) -> ByHand:
        campaign_id = row.id
        key = (
            (row.flow_version_id, row.policy, row.strategy),
            (row.people_mode, tuple(row.teams), row.ends_at, row.name),
        )
        known = self._campaigns.get(campaign_id)
        if known is not None and known[0] == key:
            return known[1]
        strategy = load_strategy(row.strategy) if row.strategy else default_strategy()
        found = ByHand(
            id=campaign_id,
            name=row.name,
            mode=row.people_mode or PeopleMode.PREVIEW,
            teams=frozenset(row.teams),
            rules=rules_of(session, campaign_id),
            strategy=strategy,
            hours=hours_for(session, strategy),
            flow_version_id=row.flow_version_id,
            ends_at=row.ends_at,
        )
        self._campaigns[campaign_id] = (key, found)
        return found

    def _flow(self, session: Session, flow_version_id: int) -> Flow:
        if flow_version_id not in self._flows:
            if len(self._flows) >= KEPT_FLOWS:
                self._flows.clear()
            self._flows[flow_version_id] = load_flow(session.get_one(FlowVersion, flow_version_id).source)
        return self._flows[flow_version_id]

    def version_for(self, session: Session, campaign: ByHand, phone: str) -> int:
        """The version of the flow that the number's script is: of an A/B test its arm's."""
        arm = arm_of(campaign.strategy, phone)
        if arm is None or arm.flow_version is None:
            return campaign.flow_version_id
        own = session.get_one(FlowVersion, campaign.flow_version_id)
        wanted = select(FlowVersion.id).where(
            FlowVersion.flow == own.flow, FlowVersion.version == arm.flow_version
        )
        return session.scalars(wanted).one()
