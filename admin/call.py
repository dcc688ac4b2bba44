"""What a handler is given: the request, who asks, and what the server works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from admin.live import LiveHub
from admin.masking import mask, mask_text
from admin.rates import Rates
from admin.schemas import Me
from admin.sessions import Sessions, Throttle
from admin.settings import AdminSettings
from ivr.database import Database
from ivr.script import Scripts
from ivr.tokens import TokenView


@dataclass(frozen=True, slots=True)
class Services:
    """One server's parts; made by `admin.app`, never global."""

    settings: AdminSettings
    database: Database
    sessions: Sessions
    throttle: Throttle
    checks: asyncio.Semaphore  # passwords being checked
    waiting: asyncio.Semaphore  # and those who wait for it
    live: LiveHub
    rates: Rates
    scripts: Scripts
    description: str  # the API's own, as JSON


@dataclass(frozen=True, slots=True)
class Call:
    request: web.Request
    services: Services
    user: Me | None  # None on public endpoints and on those of programs
    token: TokenView | None = None  # of the program that asks
    finish: list[Callable[[web.StreamResponse], None]] = field(
        default_factory=list
    )  # last touches: cookies, headers

    @property
    def me(self) -> Me:
        assert self.user is not None, "a public endpoint asked who is signed in"
        return self.user

    def shown(self, phone: str) -> str:
        """The number as this user may see it."""
        return phone if self.me.sees_numbers else mask(phone)

    def shown_text(self, text: str) -> str:
        """Words of a call as this user may see them: numbers that were keyed or spoken are masked like phones."""
        return text if self.me.sees_numbers else mask_text(text)
