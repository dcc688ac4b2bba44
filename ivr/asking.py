"""Another system, asked over HTTP while a call waits for its answer: a deadline that is kept, so many questions at
once, and a rest for one that fails again and again."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from ivr.config import ConfigError

MAX_REPLY_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Manners:
    """How one system is asked."""

    url: str
    token: str | None = None  # sent as a bearer token
    deadline_ms: int = 800
    at_once: int = 20
    failures: int = 5  # so many in a row, and it isn't asked …
    rest_s: float = 30.0  # … for so long; then one question tries it again


class AskedSystem:
    """`ask` it; `close` it in the end."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._places = asyncio.Semaphore(manners.at_once)
        self._breaker = _Breaker(manners.failures, manners.rest_s)
        self._http: aiohttp.ClientSession | None = None

    def may_ask(self) -> bool:
        """False: it has failed so often that it isn't asked now. After its rest the first who asks tries it."""
        return self._breaker.may_ask(asyncio.get_running_loop().time())

    async def ask(self, question: Mapping[str, Any], deadline_s: float | None = None) -> Any:
        """The JSON of its answer; `deadline_s`, when that is sooner than the system's own.

        Raises TimeoutError, OSError, aiohttp.ClientError or ValueError for anything else; `failed` counts it."""
        most_s = self._manners.deadline_ms / 1000
        async with asyncio.timeout(min(most_s, deadline_s or most_s)), self._places:
            return await self._request(question)

    def failed(self) -> None:
        """What came, or didn't, can't be used."""
        self._breaker.failed(asyncio.get_running_loop().time())

    def answered(self) -> None:
        self._breaker.answered()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def _request(self, question: Mapping[str, Any]) -> Any:
        if self._http is None:
            token = self._manners.token
            self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"} if token else {})
        async with self._http.post(self._manners.url, json=dict(question), allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            raw = await response.content.read(MAX_REPLY_BYTES + 1)
            while len(raw) <= MAX_REPLY_BYTES and not response.content.at_eof():
                raw += await response.content.read(MAX_REPLY_BYTES + 1 - len(raw))
            if len(raw) > MAX_REPLY_BYTES:
                raise ValueError("the reply is too long")
            return json.loads(raw)


FAULTS = (TimeoutError, aiohttp.ClientError, OSError, ValueError)  # of one question


class _Breaker:
    """After so many failures in a row nobody is asked for a while; then one question tries."""

    def __init__(self, failures: int, rest_s: float) -> None:
        self._most, self._rest_s = failures, rest_s
        self._failures = 0
        self._closed_until_s: float | None = None

    def may_ask(self, now_s: float) -> bool:
        if self._closed_until_s is None:
            return True
        if now_s < self._closed_until_s:
            return False
        self._closed_until_s = now_s + self._rest_s  # this one tries; the others wait for what comes of it
        return True

    def failed(self, now_s: float) -> None:
        self._failures += 1
        if self._failures >= self._most:
            self._closed_until_s = now_s + self._rest_s

    def answered(self) -> None:
        self._failures, self._closed_until_s = 0, None


def token_of(section: str, name: str, variable: str | None) -> str | None:
    """The bearer token that the environment holds. Raises ConfigError when it isn't there."""
    if variable is None:
        return None
    token = os.environ.get(variable)
    if not token:
        raise ConfigError(
            "{section}.{name}: the environment variable {variable} isn't set",
            section=section,
            name=name,
            variable=variable,
        )
    return token
