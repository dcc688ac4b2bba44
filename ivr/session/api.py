"""HTTP for `call_api` nodes: named hosts only, a real-time limit, small JSON replies; anything else is offline.

Requests run on a loop of their own in one thread, so that their limit is real time even where the engine's time
is virtual, and so that a big reply is never parsed between two frames of audio."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from urllib.parse import urlsplit

import aiohttp

from flows.results import ApiReplied
from flows.values import Scalar
from flows.waits import ApiWait
from ivr.clock import Clock
from ivr.config import ApiSettings

log = logging.getLogger(__name__)
OFFLINE = ApiReplied(status=None)


class ApiClient:
    """Calls other systems for flows. `close` it when the run is over."""

    def __init__(self, settings: ApiSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http: aiohttp.ClientSession | None = None

    def allows(self, url: str) -> bool:
        """Whether a flow may call this URL: http or https, on a host that the settings name."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or host is None or parts.username is not None:
            return False
        allowed = self._settings.allowed_hosts
        return f"{host}:{port}" in allowed if port is not None else host in allowed

    async def call(self, wait: ApiWait, attempt_id: str) -> ApiReplied:
        """The reply, or OFFLINE: nothing came in time, the host isn't allowed, the reply isn't a JSON object."""
        if not self.allows(wait.url):
            log.warning("api_refused", extra={"attempt_id": attempt_id, "node": wait.node})
            return OFFLINE
        reply = asyncio.run_coroutine_threadsafe(self._request(wait), self._running_loop())
        try:
            return await self._clock.outside(asyncio.wrap_future(reply))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning(
                "api_failed", extra={"attempt_id": attempt_id, "node": wait.node, "error": type(error).__name__}
            )
            return OFFLINE

    async def close(self) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        await self._clock.outside(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close_http(), loop)))
        loop.call_soon_threadsafe(loop.stop)
        await self._clock.outside(asyncio.to_thread(thread.join))
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="api", daemon=True)
            self._thread.start()
        return self._loop

    async def _request(self, wait: ApiWait) -> ApiReplied:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        async with (
            asyncio.timeout(wait.timeout_s),
            self._http.request(
                wait.method,
                wait.url,
                json=wait.body if wait.method == "POST" else None,
                allow_redirects=False,  # a redirect could lead to a host nobody allowed
            ) as response,
        ):
            limit = self._settings.max_reply_bytes
            raw = await response.content.read(limit + 1)
            while len(raw) <= limit and not response.content.at_eof():
                raw += await response.content.read(limit + 1 - len(raw))
            if len(raw) > limit:
                raise ValueError("the reply is longer than api.max_reply_bytes")
            return ApiReplied(status=response.status, body=_scalars(raw))

    async def _close_http(self) -> None:
        if self._http is not None:
            await self._http.close()


def _scalars(raw: bytes) -> dict[str, Scalar]:
    """The reply's top-level scalars; an empty reply has none. Raises ValueError for what isn't a JSON object."""
    if not raw.strip():
        return {}
    reply = json.loads(raw)
    if not isinstance(reply, dict):
        raise ValueError("the reply isn't a JSON object")  # noqa: TRY004 one error type for all unusable replies
    return {
        name: value for name, value in reply.items() if value is None or isinstance(value, (str, int, float, bool))
    }
