"""Attempts: a campaign's list with filters and pages, and one with everything known of it."""

from __future__ import annotations

from dataclasses import asdict

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError
from admin.schemas import (
    AnswerGiven,
    AttemptAnswer,
    AttemptPage,
    AttemptPath,
    AttemptQuery,
    AttemptRow,
    CampaignPath,
    CampaignRef,
)
from ivr import queries, views

api = Api()


@api.get("/api/campaigns/{campaign_id}/attempts", errors=(404,))
async def attempts(call: Call, path: CampaignPath, query: AttemptQuery) -> AttemptPage:
    """A campaign's calls, newest first, filtered and paged."""
    database = call.services.database
    if await queries.campaign(database, path.campaign_id) is None:
        raise ApiError(404, "not_found")
    wanted = views.AttemptFilter(query.q, query.outcome, query.intention, whole_numbers=call.me.sees_numbers)
    offset = (query.page - 1) * query.per_page
    rows, total = await queries.attempts(database, path.campaign_id, wanted, query.per_page, offset)
    return AttemptPage(
        attempts=tuple(_row(call, row) for row in rows),
        total=total,
        page=query.page,
        per_page=query.per_page,
    )


def _row(call: Call, row: views.AttemptRow) -> AttemptRow:
    answers = {name: call.shown_text(value) for name, value in row.answers.items()}
    return AttemptRow.model_validate(asdict(row) | {"phone": call.shown(row.phone), "answers": answers})


@api.get("/api/attempts/{attempt_id}", errors=(404,))
async def attempt(call: Call, path: AttemptPath) -> AttemptAnswer:
    """One call: its path, answers with scores, raw cause, recording."""
    found = await queries.attempt(call.services.database, path.attempt_id)
    if found is None:
        raise ApiError(404, "not_found")
    texts = await call.services.scripts.of_campaign(call.services.database, found.campaign_id)
    return AttemptAnswer.model_validate(
        asdict(found)
        | {
            "campaign": CampaignRef(id=found.campaign_id, name=found.campaign),
            "phone": call.shown(found.phone),
            "says": {node: texts[node] for node in found.path if node in texts},
            "answers": [_answer(call, answer) for answer in found.answers],
        }
    )


def _answer(call: Call, answer: views.AnswerView) -> AnswerGiven:
    transcript = None if answer.transcript is None else call.shown_text(answer.transcript)
    return AnswerGiven.model_validate(
        asdict(answer) | {"value": call.shown_text(answer.value), "transcript": transcript}
    )
