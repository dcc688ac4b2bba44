"""Live views: one poll of the database per second and view, however many watch it; bounded in every direction.

A watcher holds the newest snapshot only: a slow one misses some, never queues them. One user's newest streams
push out their oldest: a browser that went on to another page leaves a stream behind, which the server notices
only when it next writes, and that must not keep the new page waiting. Each stream ends after a while, so that
sign-outs and role changes reach it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from admin.errors import ApiError
from admin.schemas import LiveAnswer
from admin.settings import StreamLimits

log = logging.getLogger(__name__)

Load = Callable[[int | None], Awaitable[LiveAnswer]]


@dataclass(slots=True, eq=False)
class Watcher:
    """One open stream: the newest snapshot not yet sent, or None; `ended` once it was told to end."""

    user: str
    newest: LiveAnswer | None = None
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, snapshot: LiveAnswer) -> None:
        self.newest = snapshot
        self.changed.set()

    def end(self) -> None:
        self.ended = True
        self.changed.set()

    async def next(self, within_s: float) -> LiveAnswer | None:
        """The newest snapshot as soon as there is one; None when none came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.changed.wait()
        self.changed.clear()
        snapshot, self.newest = self.newest, None
        return snapshot


@dataclass(slots=True)
class _View:
    """What all who watch the same campaign (or all campaigns) share."""

    watchers: set[Watcher] = field(default_factory=set)
    last: LiveAnswer | None = None
    task: asyncio.Task[None] | None = None


class LiveHub:
    def __init__(self, load: Load, limits: StreamLimits) -> None:
        self._load = load
        self._limits = limits
        self._views: dict[int | None, _View] = {}
        self._open: list[Watcher] = []  # the oldest first
        self._closed = False

    @property
    def streams(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def watch(self, campaign_id: int | None, user: str) -> AsyncIterator[Watcher]:
        """Watch one campaign, or all; the user's oldest stream ends when this is one too many of theirs.

        Raises ApiError 429 when too many streams are open in all."""
        own = [one for one in self._open if one.user == user and not one.ended]
        if len(own) >= self._limits.per_user:
            own[0].end()
        elif self._closed or self.streams >= self._limits.most:
            raise ApiError(429, "too_many_streams", headers={"Retry-After": "30"})
        view = self._views.setdefault(campaign_id, _View())
        watcher = Watcher(user)
        view.watchers.add(watcher)
        self._open.append(watcher)
        if view.last is not None:
            watcher.put(view.last)
        if view.task is None:
            view.task = asyncio.create_task(self._poll(campaign_id, view), name=f"live-{campaign_id}")
        try:
            yield watcher
        finally:
            view.watchers.discard(watcher)
            self._open.remove(watcher)
            if not view.watchers:
                await self._stop(campaign_id, view)

    async def close(self) -> None:
        """End all polls and tell all streams to end."""
        self._closed = True
        for watcher in self._open:
            watcher.end()
        for campaign_id, view in list(self._views.items()):
            await self._stop(campaign_id, view)

    async def _stop(self, campaign_id: int | None, view: _View) -> None:
        task, view.task = view.task, None
        if self._views.get(campaign_id) is view:
            del self._views[campaign_id]
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _poll(self, campaign_id: int | None, view: _View) -> None:
        while True:
            try:
                snapshot = await self._load(campaign_id)
            except Exception:  # a loop's top: the next second may be better, and the watchers keep what they have
                log.exception("live_poll_failed", extra={"campaign_id": campaign_id})
            else:
                if view.last is None or snapshot.model_copy(update={"at": view.last.at}) != view.last:
                    view.last = snapshot
                    for watcher in view.watchers:
                        watcher.put(snapshot)
            await asyncio.sleep(self._limits.interval_s)
