"""Cards and plans as they are published and found again.

A version is immutable and named by its content; publishing an older content again brings that version back into
use. What was picked keeps the card that was in use then."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.findings import listed
from flows.loader import load_document
from ivr.database.locks import lock_name
from ivr.inspection.errors import InspectionError
from ivr.inspection.files import shipped_cards, shipped_plan
from ivr.inspection.schema import CardSpec, PlanSpec
from ivr.model import (
    AuditEntry,
    FlowActivation,
    FlowVersion,
    InspectionDocument,
    InspectionDocumentKind,
)

SHIPPED_BY = "shipped"


@dataclass(frozen=True, slots=True)
class Published:
    kind: InspectionDocumentKind
    name: str
    version: int
    content_hash: str
    changed: bool  # False: this very content was in use already


@dataclass(frozen=True, slots=True)
class PlanInUse:
    id: int
    spec: PlanSpec


@dataclass(frozen=True, slots=True)
class CardInUse:
    id: int
    spec: CardSpec
    version: int


def publish(session: Session, specs: Sequence[CardSpec | PlanSpec], by: str, now: datetime) -> list[Published]:
    """Put cards and plans to use, cards first. Raises InspectionError: a plan names a card that there isn't, or a
    node that the published flow doesn't have."""
    lock_name(session, "inspection.publish")
    cards = [spec for spec in specs if isinstance(spec, CardSpec)]
    plans = [spec for spec in specs if isinstance(spec, PlanSpec)]
    done = [_publish(session, InspectionDocumentKind.CARD, card.card, card, by, now) for card in cards]
    for plan in plans:
        _check_cards(session, plan)
        _check_script(session, plan)
        done.append(_publish(session, InspectionDocumentKind.PLAN, plan.plan, plan, by, now))
    return done


def plan_in_use(session: Session, now: datetime) -> PlanInUse:
    """The plan that was published last, whatever its name; the shipped one where there is none."""
    row = session.scalars(
        select(InspectionDocument)
        .where(InspectionDocument.kind == InspectionDocumentKind.PLAN)
        .order_by(InspectionDocument.in_use_since.desc(), InspectionDocument.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        row = _shipped(session, InspectionDocumentKind.PLAN, shipped_plan().plan, shipped_plan(), now)
    return PlanInUse(row.id, PlanSpec.model_validate_json(row.source))


def card_in_use(session: Session, name: str, now: datetime) -> CardInUse:
    """The newest version of a card. Raises InspectionError when there is none of that name."""
    row = session.scalars(
        select(InspectionDocument)
        .where(InspectionDocument.kind == InspectionDocumentKind.CARD, InspectionDocument.name == name)
        .order_by(InspectionDocument.in_use_since.desc(), InspectionDocument.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        shipped = shipped_cards().get(name)
        if shipped is None:
            raise _no_card(session, name)
        row = _shipped(session, InspectionDocumentKind.CARD, name, shipped, now)
    return CardInUse(row.id, CardSpec.model_validate_json(row.source), row.version)


def card_of(session: Session, card_id: int) -> CardInUse:
    """A card by its row: what was picked keeps its version."""
    row = session.get_one(InspectionDocument, card_id)
    return CardInUse(row.id, CardSpec.model_validate_json(row.source), row.version)


def _shipped(
    session: Session, kind: InspectionDocumentKind, name: str, spec: CardSpec | PlanSpec, now: datetime
) -> InspectionDocument:
    lock_name(session, "inspection.publish")
    _publish(session, kind, name, spec, SHIPPED_BY, now)
    rows = select(InspectionDocument).where(InspectionDocument.kind == kind, InspectionDocument.name == name)
    return session.scalars(rows.order_by(InspectionDocument.in_use_since.desc()).limit(1)).one()


def _publish(
    session: Session, kind: InspectionDocumentKind, name: str, spec: CardSpec | PlanSpec, by: str, now: datetime
) -> Published:
    source = spec.model_dump_json(by_alias=True)
    content_hash = hashlib.sha256(source.encode()).hexdigest()
    of_name = select(InspectionDocument).where(InspectionDocument.kind == kind, InspectionDocument.name == name)
    row = session.scalars(of_name.where(InspectionDocument.content_hash == content_hash)).one_or_none()
    newest = session.scalars(
        of_name.order_by(InspectionDocument.in_use_since.desc(), InspectionDocument.id.desc()).limit(1)
    ).one_or_none()
    if row is not None and row is newest and kind is InspectionDocumentKind.CARD:
        return Published(kind, name, row.version, content_hash, changed=False)
    if row is None:
        last = session.scalar(
            select(func.max(InspectionDocument.version)).where(
                InspectionDocument.kind == kind, InspectionDocument.name == name
            )
        )
        row = InspectionDocument(
            kind=kind,
            name=name,
            version=(last or 0) + 1,
            content_hash=content_hash,
            source=source,
            published_at=now,
            published_by=by,
        )
        session.add(row)
    row.in_use_since = now
    details = {"version": row.version, "content_hash": content_hash}
    session.add(
        AuditEntry(at=now, who=by, action=f"inspection.{kind.value}.publish", subject=name, details=details)
    )
    session.flush()
    return Published(kind, name, row.version, content_hash, changed=True)


def _check_cards(session: Session, plan: PlanSpec) -> None:
    for name in (plan.cards.agent, plan.cards.bot):
        if name not in _card_names(session):
            raise _no_card(session, name)


def _card_names(session: Session) -> set[str]:
    rows = select(InspectionDocument.name).where(InspectionDocument.kind == InspectionDocumentKind.CARD)
    return {*session.scalars(rows), *shipped_cards()}


def _no_card(session: Session, name: str) -> InspectionError:
    return InspectionError("There is no card {name}; there are: {known}. First: ivr inspect publish CARD.yaml",
                           name=name, known=listed(sorted(_card_names(session))))  # fmt: skip


def _check_script(session: Session, plan: PlanSpec) -> None:
    """A node with a slip of the pen would be missing in every call. Flows that aren't published yet may come."""
    for script in plan.script:
        nodes = _nodes_of(session, script.flow)
        named = [name for node in script.nodes for name in ((node,) if isinstance(node, str) else node)]
        for name in named:
            if nodes is not None and name not in nodes:
                raise InspectionError("The plan {plan} wants the node {node}: the flow {flow} has none of that"
                                      " name.", plan=plan.plan, node=name, flow=script.flow)  # fmt: skip


def _nodes_of(session: Session, flow: str) -> frozenset[str] | None:
    """The nodes of the active version, as paths name them; None: there is none."""
    row = session.scalars(
        select(FlowVersion)
        .join(FlowActivation, FlowActivation.flow_version_id == FlowVersion.id)
        .where(FlowActivation.flow == flow)
        .order_by(FlowActivation.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    units = load_document(row.source).units
    return frozenset(
        node if name == flow else f"{name}.{node}" for name, unit in units.items() for node in unit.spec.nodes
    )
