"""Campaigns as people look at them: what one is, who has signed it, what has happened to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ivr.campaigns.actors import place_of
from ivr.campaigns.approval import Demand, Signed, signed
from ivr.campaigns.changing import ACTION, find_campaign
from ivr.campaigns.deciding import paper_of
from ivr.campaigns.hashing import feeds_of
from ivr.campaigns.size import numbers_on
from ivr.config import ApprovalSettings
from ivr.model import (
    Approval,
    ApprovalStage,
    Attempt,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    ContactList,
    FlowVersion,
    HandledBy,
    PeopleMode,
    ProjectType,
    Task,
    TaskState,
)
from ivr.policy.loader import load_document as load_policy
from ivr.strategy import load_document as load_strategy

MOST_TOLD = 200  # lines of history, the newest


@dataclass(frozen=True, slots=True)
class ListView:
    id: int
    name: str
    numbers: int  # that are on it now


@dataclass(frozen=True, slots=True)
class SignatureView:
    submission: int
    stage: ApprovalStage
    approved: bool
    by: str
    at: datetime
    form: str
    note: str | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One thing that happened. `template` and `params`: the reason, when it is a sentence of ours."""

    at: datetime
    who: str
    event: str
    state: str | None  # afterwards
    why: str | None
    template: str | None
    params: Mapping[str, Any]
    stage: str | None = None  # of a signature
    before: str | None = None  # the state
    parts: tuple[str, ...] = ()  # that an edit changed: words of ivr.campaigns.words.PARTS


@dataclass(frozen=True, slots=True)
class Progress:
    contacts: int
    done: int
    live: int  # calls that are on


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """`demand` and `missing` of what is submitted now."""

    needed: bool
    holds: bool
    sha256: str | None
    demand: Demand | None
    missing: Signed | None
    signatures: tuple[SignatureView, ...]


@dataclass(frozen=True, slots=True)
class CampaignDetails:
    id: int
    name: str
    state: CampaignState
    paused_why: HistoryLine | None  # what paused it, when it did so by itself
    flow: str
    flow_version: int
    content_hash: str
    purpose: str
    project_type: ProjectType | None
    organisation: str | None
    owner: str
    created_at: datetime
    lists: tuple[ListView, ...]
    feeds: tuple[str, ...]
    policy: str | None
    strategy: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str
    trunks: tuple[str, ...]
    concurrency: int
    max_per_day: int | None
    max_total: int | None
    statistics: tuple[str, ...]
    people_mode: PeopleMode | None  # None: the robot talks
    teams: tuple[str, ...]
    progress: Progress
    approval: ApprovalView
    history: tuple[HistoryLine, ...]


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One row of the list of campaigns."""

    id: int
    name: str
    state: CampaignState
    flow: str
    owner: str
    progress: Progress
    ends_at: datetime | None


def show_campaign(session: Session, name: str, settings: ApprovalSettings) -> CampaignDetails:
    """Everything about one campaign. Raises CampaignError when there is none of that name."""
    campaign = find_campaign(session, name)
    version = session.get_one(FlowVersion, campaign.flow_version_id)
    place = place_of(session, campaign.organisation_id)
    told = history_of(session, name)
    pauses = [line for line in told if line.state == CampaignState.PAUSED]
    return CampaignDetails(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        paused_why=pauses[-1] if campaign.state is CampaignState.PAUSED and pauses else None,
        flow=version.flow,
        flow_version=version.version,
        content_hash=version.content_hash,
        purpose=campaign.purpose,
        project_type=campaign.project_type,
        organisation=None if place is None else place.name,
        owner=campaign.created_by,
        created_at=campaign.created_at,
        lists=_lists(session, campaign.id),
        feeds=tuple(name for name, _ in feeds_of(session, campaign.id)),
        policy=load_policy(campaign.policy).name if campaign.policy else None,
        strategy=load_strategy(campaign.strategy).name if campaign.strategy else None,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        timezone=campaign.timezone,
        trunks=tuple(campaign.trunks),
        concurrency=campaign.concurrency,
        max_per_day=campaign.max_per_day,
        max_total=campaign.max_total,
        statistics=tuple(campaign.statistics),
        people_mode=campaign.people_mode if campaign.handled_by is HandledBy.PEOPLE else None,
        teams=tuple(campaign.teams),
        progress=_progress(session, [campaign.id])[campaign.id],
        approval=_approval(session, campaign, settings),
        history=told,
    )


def list_campaigns(session: Session, limit: int) -> tuple[CampaignLine, ...]:
    """The newest campaigns first."""
    rows = session.execute(
        select(Campaign, FlowVersion.flow)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .order_by(Campaign.id.desc())
        .limit(limit)
    ).all()
    progress = _progress(session, [campaign.id for campaign, _ in rows])
    return tuple(
        CampaignLine(row.id, row.name, row.state, flow, row.created_by, progress[row.id], row.ends_at)
        for row, flow in rows
    )


def history_of(session: Session, name: str) -> tuple[HistoryLine, ...]:
    """What has happened to the campaign, in order; of a long history the newest part."""
    rows = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject == name, AuditEntry.action.startswith(ACTION))
        .order_by(AuditEntry.id.desc())
        .limit(MOST_TOLD)
    )
    return tuple(_line(row) for row in reversed(rows.all()))


def _line(row: AuditEntry) -> HistoryLine:
    details = row.details
    return HistoryLine(
        at=row.at,
        who=row.who,
        event=row.action.removeprefix(ACTION),
        state=details.get("to"),
        why=details.get("why"),
        template=details.get("template"),
        params=details.get("params") or {},
        stage=details.get("stage"),
        before=details.get("from"),
        parts=tuple(details.get("parts") or ()),
    )


def _lists(session: Session, campaign_id: int) -> tuple[ListView, ...]:
    rows = session.scalars(
        select(ContactList)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .where(CampaignList.campaign_id == campaign_id)
        .order_by(ContactList.id)
    )
    return tuple(ListView(row.id, row.name, numbers_on(session, (row.id,))) for row in rows.all())


def _progress(session: Session, ids: list[int]) -> dict[int, Progress]:
    done = func.sum(case((Task.state == TaskState.DONE, 1), else_=0))
    tasks = {
        campaign_id: (contacts, int(finished))
        for campaign_id, contacts, finished in session.execute(
            select(Task.campaign_id, func.count(), done)
            .where(Task.campaign_id.in_(ids))
            .group_by(Task.campaign_id)
        )
    }
    calls = session.scalars(
        select(Attempt.campaign_id).where(Attempt.campaign_id.in_(ids), Attempt.ended_at.is_(None))
    )
    live = Counter(calls)
    return {one: Progress(*tasks.get(one, (0, 0)), live[one]) for one in ids}


def _approval(session: Session, campaign: Campaign, settings: ApprovalSettings) -> ApprovalView:
    rows = session.scalars(select(Approval).where(Approval.campaign_id == campaign.id).order_by(Approval.id)).all()
    paper = None
    if campaign.needs_approval and campaign.submitted_at is not None:
        paper = paper_of(session, campaign, settings)
    missing = None
    if paper is not None and campaign.state is CampaignState.SUBMITTED:
        missing = signed(paper.signatures, paper.demand.approvers)
    return ApprovalView(
        needed=campaign.needs_approval,
        holds=campaign.approved_sha256 is not None,
        sha256=campaign.approved_sha256,
        demand=None if paper is None else paper.demand,
        missing=missing,
        signatures=tuple(
            SignatureView(row.submission, row.stage, row.approved, row.by, row.at, row.form, row.note)
            for row in rows
        ),
    )
