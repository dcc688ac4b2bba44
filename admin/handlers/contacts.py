"""Single contacts, handed in by programs: warning tickets and the like, with a priority (seeds S7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError, Code
from admin.schemas import ContactAnswer, ContactBody, ContactPath, ContactsPath
from ivr.feeds import single
from ivr.feeds.service import By

api = Api()

T = TypeVar("T")
SCOPE = "contacts"
STATUS = {single.Refusal.NOT_FOUND: 404, single.Refusal.CONFLICT: 409, single.Refusal.INVALID: 422}


@api.post("/api/campaigns/{campaign}/contacts", scope=SCOPE, errors=(404, 409, 422, 429))
async def add_contact(call: Call, path: ContactsPath, body: ContactBody) -> ContactAnswer:
    """Hand in a contact: 201 when it is new, 200 when its source_id is known.

    The answer says what the policy says of it. A known contact that is still to be called takes over the values of
    this one. A campaign takes contacts between its approval and its end, up to its maxima."""
    submitted = single.Submitted(body.phone, body.source_id, body.attributes, body.priority, body.since)
    by = _by(call)
    ticket, new = await _done(call, lambda session: single.submit(session, path.campaign, submitted, by))
    if new:
        call.finish.append(lambda response: response.set_status(201))
    return ContactAnswer.model_validate(ticket)


@api.get("/api/campaigns/{campaign}/contacts/{source_id}", scope=SCOPE, errors=(404, 429))
async def contact(call: Call, path: ContactPath) -> ContactAnswer:
    """Where a contact stands, with its calls and what came of them."""
    now = call.services.database.clock.now()
    return ContactAnswer.model_validate(
        await _done(call, lambda session: single.look(session, path.campaign, path.source_id, now))
    )


@api.delete("/api/campaigns/{campaign}/contacts/{source_id}", scope=SCOPE, errors=(404, 409, 429))
async def withdraw_contact(call: Call, path: ContactPath) -> None:
    """Withdraw a contact: nobody is called for it (any more). 409 while it is called, or once it is closed."""
    by = _by(call)
    await _done(call, lambda session: single.withdraw(session, path.campaign, path.source_id, by))


def _by(call: Call) -> By:
    assert call.token is not None
    return By(f"token:{call.token.name}", call.services.database.clock.now())


async def _done(call: Call, work: Callable[[Session], T]) -> T:
    try:
        return await call.services.database.run(work)
    except single.RefusedError as error:
        status = STATUS[error.refusal]
        details = tuple(f"{name}: {what}" for name, what in error.fields.items()) or (str(error),)
        code: Code = "unusable" if status == 422 else "not_found" if status == 404 else "refused"
        raise ApiError(status, code, details=details) from error
