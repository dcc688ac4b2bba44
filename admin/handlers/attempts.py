"""Attempts: a campaign's list with filters and pages, and one with everything known of it."""

from __future__ import annotations

from dataclasses import asdict

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError
from admin.schemas import (
    AttemptAnswer,
    AttemptPage,
    AttemptPath,
    AttemptQuery,
    AttemptRow,
    CampaignPath,
    CampaignRef,
)
from ivr import queries
from ivr.views import AttemptFilter

api = Api()


@api.get("/api/campaigns/{campaign_id}/attempts", errors=(404,))
async def attempts(call: Call, path: CampaignPath, query: AttemptQuery) -> AttemptPage:
    """A campaign's calls, newest first, filtered and paged."""
    database = call.services.database
    if await queries.campaign(database, path.campaign_id) is None:
        raise ApiError(404, "not_found")
    wanted = AttemptFilter(query.q, query.outcome, query.intention, whole_numbers=call.me.sees_numbers)
    offset = (query.page - 1) * query.per_page
    rows, total = await queries.attempts(database, path.campaign_id, wanted, query.per_page, offset)
    return AttemptPage(
        attempts=tuple(AttemptRow.model_validate(asdict(row) | {"phone": call.shown(row.phone)}) for row in rows),
        total=total,
        page=query.page,
        per_page=query.per_page,
    )


@api.get("/api/attempts/{attempt_id}", errors=(404,))
async def attempt(call: Call, path: AttemptPath) -> AttemptAnswer:
    """One call: its path, answers with scores, raw cause, recording."""
    found = await queries.attempt(call.services.database, path.attempt_id)
    if found is None:
        raise ApiError(404, "not_found")
    values = asdict(found)
    campaign = CampaignRef(id=values.pop("campaign_id"), name=values.pop("campaign"))
    return AttemptAnswer.model_validate(values | {"campaign": campaign, "phone": call.shown(found.phone)})
