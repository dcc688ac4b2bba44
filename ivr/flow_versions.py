"""Flows as they are reviewed, published, found again and rolled back.

A version is immutable and named by its content hash; publishing the same content twice makes one version. Which
version is active is a row of its own in an append-only history, so that rolling back forgets nothing. Campaigns
point at a version: what is published later never changes a campaign that is there already."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.linter import load_checked
from flows.loader import load_document
from flows.ports import PromptBook
from ivr.database import Database
from ivr.errors import IvrError
from ivr.model import ActivationKind, AuditEntry, FlowActivation, FlowReview, FlowVersion, ReviewState

SHOWN_HASH_CHARS = 12
MIN_HASH_CHARS = 6  # shorter beginnings of a hash could be version numbers


class FlowVersionError(IvrError):
    """The flow can't be published, approved or rolled back as asked."""


@dataclass(frozen=True, slots=True)
class PublishRules:
    """What a flow must pass. Without a book the linter doesn't look at prompts."""

    book: PromptBook | None = None
    reviewed: bool = False  # True: somebody else must have approved this very content


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    flow: str
    version: int
    content_hash: str
    language: str
    purpose: str
    published_at: datetime
    published_by: str
    reviewed_by: str | None
    active: bool  # what new campaigns take


@dataclass(frozen=True, slots=True)
class Review:
    id: int
    flow: str
    content_hash: str
    state: ReviewState
    submitted_by: str
    decided_by: str | None


# ---- publishing ---------------------------------------------------------------------------------------------


async def publish(db: Database, path: Path, by: str, rules: PublishRules = PublishRules()) -> PublishedVersion:
    """Make the flow in `path` the active version. The same content again is the same version.

    Raises FlowLoadError with the linter's errors, FlowVersionError when a review is missing."""
    flow = await _checked(db, path, rules)
    now = db.clock.now()

    def work(session: Session) -> PublishedVersion:
        reviewer = _reviewer(session, flow)
        if rules.reviewed and reviewer is None:
            raise FlowVersionError(
                "this content of {flow} has no approval; submit it for review, and let somebody else approve it",
                flow=flow.name,
            )
        row = version_row(session, flow, by, now)
        row.reviewed_by = row.reviewed_by or reviewer
        active = _active_id(session, flow.name)
        if active != row.id:
            _activate(session, row, ActivationKind.PUBLISH, by, now)
        return _view(row, row.id)

    return await db.run(work)


async def versions(db: Database, flow: str) -> tuple[PublishedVersion, ...]:
    """All versions of a flow, newest first; empty when there is none of that name."""

    def work(session: Session) -> tuple[PublishedVersion, ...]:
        active = _active_id(session, flow)
        rows = session.scalars(
            select(FlowVersion).where(FlowVersion.flow == flow).order_by(FlowVersion.version.desc())
        )
        return tuple(_view(row, active) for row in rows)

    return await db.read(work)


async def flow_names(db: Database) -> tuple[str, ...]:
    """The flows that have a version, by name."""
    names = select(FlowVersion.flow).distinct().order_by(FlowVersion.flow)
    return await db.read(lambda session: tuple(session.scalars(names)))


async def rollback(db: Database, flow: str, version: str, by: str) -> PublishedVersion:
    """Make an older version active again. `version` is its number or the beginning of its hash.

    Raises FlowVersionError when there is none, or when it is active already."""
    now = db.clock.now()

    def work(session: Session) -> PublishedVersion:
        row = _find(session, flow, version)
        if _active_id(session, flow) == row.id:
            raise FlowVersionError("version {version} of {flow} is active already", flow=flow, version=row.version)
        _activate(session, row, ActivationKind.ROLLBACK, by, now)
        return _view(row, row.id)

    return await db.run(work)


async def load(db: Database, flow: str, version: str | None = None) -> Flow:
    """A published flow, to be run; None: the active version.

    Raises FlowVersionError when there is none, or when what is stored isn't what its hash names."""

    def work(session: Session) -> FlowVersion:
        if version is not None:
            return _find(session, flow, version)
        active = _active_id(session, flow)
        if active is None:
            raise FlowVersionError("{flow} was never published; publish it: ivr flow publish FILE", flow=flow)
        return session.get_one(FlowVersion, active)

    row = await db.read(work)
    if hashlib.sha256(row.source.encode()).hexdigest() != row.content_hash:
        raise FlowVersionError(
            "version {version} of {flow} isn't what was published: its content doesn't fit its hash;"
            " roll back to another",
            flow=flow,
            version=row.version,
        )
    return load_document(row.source)


# ---- review -------------------------------------------------------------------------------------------------


async def submit_for_review(db: Database, path: Path, by: str, rules: PublishRules = PublishRules()) -> Review:
    """Show the flow in `path`, as it is now, to somebody else. Raises FlowLoadError when the linter has errors."""
    flow = await _checked(db, path, rules)
    now = db.clock.now()

    def work(session: Session) -> Review:
        row = FlowReview(
            flow=flow.name,
            content_hash=flow.version,
            source=flow.document,
            state=ReviewState.SUBMITTED,
            submitted_at=now,
            submitted_by=by,
        )
        session.add(row)
        session.flush()
        _audit(session, now, by, "flow.submit", flow.name, flow.version)
        return _review(row)

    return await db.run(work)


async def approve(db: Database, review_id: int, by: str) -> Review:
    """Approve what was submitted. Raises FlowVersionError: unknown, decided already, or one's own."""
    return await _decide(db, review_id, by, ReviewState.APPROVED, None)


async def reject(db: Database, review_id: int, by: str, note: str) -> Review:
    """Refuse what was submitted, saying why. Raises as `approve`."""
    return await _decide(db, review_id, by, ReviewState.REJECTED, note)


async def _decide(db: Database, review_id: int, by: str, state: ReviewState, note: str | None) -> Review:
    now = db.clock.now()

    def work(session: Session) -> Review:
        row = session.get(FlowReview, review_id)
        if row is None:
            raise FlowVersionError("there is no review {number}", number=review_id)
        if row.state is not ReviewState.SUBMITTED:
            raise FlowVersionError("review {number} was decided by {who}", number=review_id, who=row.decided_by)
        if row.submitted_by == by:
            raise FlowVersionError("nobody decides on their own flow; ask somebody else")
        row.state, row.decided_at, row.decided_by, row.note = state, now, by, note
        action = "flow.approve" if state is ReviewState.APPROVED else "flow.reject"
        _audit(session, now, by, action, row.flow, row.content_hash)
        return _review(row)

    return await db.run(work)


# ---- rows ---------------------------------------------------------------------------------------------------


async def _checked(db: Database, path: Path, rules: PublishRules) -> Flow:
    return await db.clock.outside(asyncio.to_thread(load_checked, path, rules.book))


def version_of(session: Session, flow: str, version: int) -> FlowVersion | None:
    """The published version with this number; None: there is none."""
    return session.scalars(
        select(FlowVersion).where(FlowVersion.flow == flow, FlowVersion.version == version)
    ).one_or_none()


def version_row(session: Session, flow: Flow, by: str, now: datetime) -> FlowVersion:
    """The row of this very content, written when there is none yet; being there doesn't make a version active."""
    known = session.scalars(
        select(FlowVersion).where(FlowVersion.flow == flow.name, FlowVersion.content_hash == flow.version)
    ).one_or_none()
    if known is not None:
        return known
    last = session.scalar(select(func.max(FlowVersion.version)).where(FlowVersion.flow == flow.name))
    row = FlowVersion(
        flow=flow.name,
        version=(last or 0) + 1,
        content_hash=flow.version,
        source=flow.document,
        language=flow.language,
        purpose=flow.purpose,
        published_at=now,
        published_by=by,
    )
    session.add(row)
    session.flush()
    return row


def _activate(session: Session, row: FlowVersion, kind: ActivationKind, by: str, now: datetime) -> None:
    session.add(
        FlowActivation(flow=row.flow, flow_version_id=row.id, kind=kind, activated_at=now, activated_by=by)
    )
    _audit(session, now, by, f"flow.{kind.value}", row.flow, row.content_hash)


def _active_id(session: Session, flow: str) -> int | None:
    newest = select(FlowActivation.flow_version_id).where(FlowActivation.flow == flow)
    return session.scalar(newest.order_by(FlowActivation.id.desc()).limit(1))


def _find(session: Session, flow: str, version: str) -> FlowVersion:
    of_flow = select(FlowVersion).where(FlowVersion.flow == flow)
    if len(version) >= MIN_HASH_CHARS:
        found = session.scalars(of_flow.where(FlowVersion.content_hash.startswith(version, autoescape=True))).all()
    else:
        number = int(version) if version.isdecimal() else 0
        found = session.scalars(of_flow.where(FlowVersion.version == number)).all()
    if len(found) != 1:
        raise FlowVersionError(
            "{flow} has no version {version}; see: ivr flow versions {flow}", flow=flow, version=version
        )
    return found[0]


def _reviewer(session: Session, flow: Flow) -> str | None:
    return session.scalar(
        select(FlowReview.decided_by)
        .where(
            FlowReview.flow == flow.name,
            FlowReview.content_hash == flow.version,
            FlowReview.state == ReviewState.APPROVED,
        )
        .order_by(FlowReview.id)
        .limit(1)
    )


def _audit(session: Session, now: datetime, by: str, action: str, flow: str, content_hash: str) -> None:
    session.add(AuditEntry(at=now, who=by, action=action, subject=flow, details={"content_hash": content_hash}))


def _view(row: FlowVersion, active: int | None) -> PublishedVersion:
    return PublishedVersion(
        flow=row.flow,
        version=row.version,
        content_hash=row.content_hash,
        language=row.language,
        purpose=row.purpose,
        published_at=row.published_at,
        published_by=row.published_by,
        reviewed_by=row.reviewed_by,
        active=row.id == active,
    )


def _review(row: FlowReview) -> Review:
    return Review(row.id, row.flow, row.content_hash, row.state, row.submitted_by, row.decided_by)
