"""What is going on now, once or as a stream."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError
from admin.masking import mask_live
from admin.schemas import LIVE_ROWS, CampaignAnswer, LiveAnswer, LiveCall, LiveQuery
from ivr import queries
from ivr.database import Database

api = Api()

RETRY_MS = 2000  # how long a browser waits before it connects again


async def load_live(database: Database, campaign_id: int | None) -> LiveAnswer:
    """The snapshot of one moment, with whole numbers; who may not see them gets them masked when it is sent."""
    view = await queries.live_calls(database, campaign_id, LIVE_ROWS)
    return LiveAnswer(
        at=datetime.now(UTC),
        calls=tuple(LiveCall.model_validate(one) for one in view.calls),
        total=view.total,
        campaign=None if view.campaign is None else CampaignAnswer.model_validate(view.campaign),
    )


@api.get("/api/live", errors=(404,))
async def live(call: Call, query: LiveQuery) -> LiveAnswer:
    """The calls that are going on, once."""
    await _must_exist(call, query)
    return _shown(call, await load_live(call.services.database, query.campaign_id))


@api.get("/api/live/events", media="text/event-stream", errors=(404, 429))
async def live_events(call: Call, query: LiveQuery) -> web.StreamResponse:
    """The calls that are going on, as server-sent events: `live`, with a LiveAnswer whenever it changed.

    A stream ends after a while, or when its user opens too many newer ones (connect again, as browsers do by
    themselves); 429 when too many are open in all."""
    await _must_exist(call, query)
    services, limits = call.services, call.services.settings.streams
    async with services.live.watch(query.campaign_id, call.me.name) as watcher:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(call.request)
        await _send(response, f"retry: {RETRY_MS}\n\n", limits.write_s)
        ends_s = asyncio.get_running_loop().time() + limits.life_s
        while not watcher.ended and asyncio.get_running_loop().time() < ends_s:
            snapshot = await watcher.next(limits.heartbeat_s)
            if not watcher.ended and not await _send(response, _event(call, snapshot), limits.write_s):
                break
    return response


def _event(call: Call, snapshot: LiveAnswer | None) -> str:
    if snapshot is None:
        return ": still here\n\n"
    return f"event: live\ndata: {_shown(call, snapshot).model_dump_json()}\n\n"


async def _send(response: web.StreamResponse, text: str, within_s: float) -> bool:
    """Write; False when the reader is gone or doesn't read."""
    try:
        async with asyncio.timeout(within_s):
            await response.write(text.encode())
    except (TimeoutError, ConnectionError):
        return False
    return True


async def _must_exist(call: Call, query: LiveQuery) -> None:
    if query.campaign_id is not None and await queries.campaign(call.services.database, query.campaign_id) is None:
        raise ApiError(404, "not_found")


def _shown(call: Call, snapshot: LiveAnswer) -> LiveAnswer:
    return snapshot if call.me.sees_numbers else mask_live(snapshot)
