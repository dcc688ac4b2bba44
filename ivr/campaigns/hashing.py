"""What an approval is bound to: the parts of a campaign, each by its SHA-256, and the hash over them.

A part that differs later is named to whoever asks. Contacts that come by feeds aren't known at the approval: their
part is the feed's definition and the campaign's maxima. Contacts taken off a list stay in its part, so that a
removal never costs the approval; added ones and changed attributes do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document
from ivr.model import Campaign, CampaignList, Contact, Feed, FeedState, FlowVersion, HandledBy, Intake
from ivr.strategy import load_document as load_strategy
from prompts.catalogue import Catalogue

ROWS_AT_ONCE = 5000
PARTS = ("flow", "prompts", "lists", "feeds", "schedule", "policy", "strategy", "trunks", "plan")
_contacts = cast(Table, Contact.__table__)


def parts_of(session: Session, campaign: Campaign, prompt_dirs: Sequence[Path]) -> dict[str, str]:
    """The campaign as it is now, part by part, with the prompts of these directories over the shipped ones.

    Reads every row of its lists. Raises PromptError for prompts that can't be read."""
    versions = _versions(session, campaign)
    found: dict[str, object] = {
        "flow": [version.content_hash for version, _ in versions],
        "prompts": [
            prompts_sha256(load_document(version.source), Catalogue.load((*prompt_dirs, *more)))
            for version, more in versions
        ],
        "lists": [(list_id, list_sha256(session, list_id)) for list_id in fixed_lists(session, campaign.id)],
        "feeds": [*feeds_of(session, campaign.id), campaign.max_per_day, campaign.max_total],
        "schedule": [campaign.starts_at, campaign.ends_at, campaign.timezone],
        "policy": campaign.policy,
        "strategy": campaign.strategy,
        "trunks": sorted(campaign.trunks),
        "plan": [
            campaign.purpose,
            campaign.project_type,
            sorted(campaign.statistics),
            campaign.organisation_id,
            campaign.concurrency,
            *_people(campaign),
        ],
    }
    return {name: _sha256(found[name]) for name in PARTS}


def _people(campaign: Campaign) -> tuple[object, ...]:
    """Who handles it. Nothing of a robot's campaign: approvals from before there were others hold."""
    if campaign.handled_by is HandledBy.ROBOT:
        return ()
    return campaign.handled_by, campaign.people_mode, sorted(campaign.teams)


def whole(parts: Mapping[str, str]) -> str:
    """The hash that is signed."""
    return _sha256(dict(parts))


def changed_parts(before: Mapping[str, Any], now: Mapping[str, str]) -> tuple[str, ...]:
    """Which parts differ."""
    return tuple(name for name in PARTS if before.get(name) != now.get(name))


def prompts_sha256(flow: Flow, catalogue: Catalogue) -> str:
    """What the flow says: the catalogue's texts and recordings that it uses, in its language."""
    said = sorted({prompt.id for prompt in _prompts(flow) if prompt.id is not None})
    return _sha256([(prompt_id, _entry(catalogue, prompt_id, flow.language)) for prompt_id in said])


def prompts_as_approved(session: Session, campaign: Campaign, prompt_dirs: Sequence[Path]) -> bool:
    """Whether the prompt files here are those that were signed. Prompts are files: each worker has its own."""
    if not campaign.needs_approval:
        return True
    here = [
        prompts_sha256(load_document(version.source), Catalogue.load((*prompt_dirs, *more)))
        for version, more in _versions(session, campaign)
    ]
    return bool(campaign.submitted_parts.get("prompts") == _sha256(here))


def list_sha256(session: Session, list_id: int) -> str:
    """A list's rows, in order of their ids, those that were taken off it included."""
    digest = hashlib.sha256()
    after = 0
    while True:
        rows = session.execute(
            select(_contacts.c.id, _contacts.c.phone, _contacts.c.source_id, _contacts.c.attributes)
            .where(_contacts.c.list_id == list_id, _contacts.c.id > after)
            .order_by(_contacts.c.id)
            .limit(ROWS_AT_ONCE)
        ).all()
        if not rows:
            return digest.hexdigest()
        after = rows[-1].id
        for row in rows:
            digest.update(_encoded(tuple(row)) + b"\n")


def fixed_lists(session: Session, campaign_id: int) -> tuple[int, ...]:
    """The campaign's lists that are there whole at the approval: not those that feeds and the API fill."""
    fed = select(Feed.list_id).where(Feed.campaign_id == campaign_id, Feed.list_id.is_not(None))
    taken_in = select(Intake.list_id).where(Intake.campaign_id == campaign_id)
    found = session.scalars(
        select(CampaignList.list_id)
        .where(
            CampaignList.campaign_id == campaign_id,
            CampaignList.list_id.not_in(fed),
            CampaignList.list_id.not_in(taken_in),
        )
        .order_by(CampaignList.list_id)
    )
    return tuple(found)


def feeds_of(session: Session, campaign_id: int) -> list[tuple[str, str]]:
    """The campaign's feeds: name and definition's hash; a paused one counts, a removed one doesn't."""
    rows = session.execute(
        select(Feed.name, Feed.version)
        .where(Feed.campaign_id == campaign_id, Feed.state != FeedState.REMOVED)
        .order_by(Feed.name)
    )
    return [(name, version) for name, version in rows]


def _versions(session: Session, campaign: Campaign) -> list[tuple[FlowVersion, tuple[Path, ...]]]:
    """The campaign's flow version, those of its strategy's arms with the prompts that are theirs alone, and that
    which who calls back hears."""
    own = session.get_one(FlowVersion, campaign.flow_version_id)
    found: list[tuple[FlowVersion, tuple[Path, ...]]] = [(own, ())]
    if not campaign.strategy:
        return found
    spec = load_strategy(campaign.strategy).spec
    for _, arm in sorted(spec.split.arms.items()) if spec.split is not None else ():
        version = own
        if arm.flow_version is not None:
            version = session.scalars(
                select(FlowVersion).where(FlowVersion.flow == own.flow, FlowVersion.version == arm.flow_version)
            ).one()
        found.append((version, () if arm.prompts is None else (Path(arm.prompts),)))
    if (returns := spec.return_flow) is not None:
        named = FlowVersion.flow == returns.name, FlowVersion.version == returns.version
        found.append((session.scalars(select(FlowVersion).where(*named)).one(), ()))
    return found


def _prompts(flow: Flow) -> Iterator[Any]:
    for *_, node in flow.walk():
        for _, prompt in node.prompt_paths():
            yield prompt


def _entry(catalogue: Catalogue, prompt_id: str, language: str) -> object:
    entry = catalogue.entry(prompt_id, language)
    if entry is None:
        return None
    recording = None if entry.recording is None else hashlib.sha256(entry.recording.read_bytes()).hexdigest()
    return [entry.text, entry.written, recording]


def _sha256(value: object) -> str:
    return hashlib.sha256(_encoded(value)).hexdigest()


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _encoded(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
    return text.encode()
