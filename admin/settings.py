"""How the web server runs: bounds with their names and defaults, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ivr.errors import IvrError


@dataclass(frozen=True, slots=True)
class SessionLimits:
    idle_s: float = 2 * 3600.0  # signed out after this long without a request
    total_s: float = 12 * 3600.0  # a shift; then everybody signs in again
    most: int = 1000  # the oldest goes when one more signs in


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """Failed sign-ins from one address; per user name, `ivr.users` counts."""

    failures: int = 20  # an office behind one address mistypes that often
    window_s: float = 300.0
    addresses: int = 10_000  # remembered; the oldest is forgotten first
    checks: int = 2  # passwords being checked at once: each costs a core and 64 MiB
    waiting: int = 20  # sign-ins waiting for a check; more are sent away


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Live views (server-sent events)."""

    most: int = 64
    per_user: int = 6  # browsers open no more to one host over HTTP/1.1
    interval_s: float = 1.0  # how often the database is asked, once for all who watch the same
    heartbeat_s: float = 15.0
    life_s: float = 900.0  # then the page connects again, and its session is checked again
    write_s: float = 10.0  # a reader that takes longer to take an event is dropped


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Requests of programs, per token."""

    per_s: float = 20.0
    burst: int = 100  # so many at once, after a while without any
    at_once: int = 8  # being worked on
    tokens: int = 10_000  # remembered; the oldest is forgotten first


@dataclass(frozen=True, slots=True)
class AdminSettings:
    recordings: Path
    host: str = "127.0.0.1"
    port: int = 8765
    prompts: tuple[Path, ...] = ()  # directories laid over the shipped prompts, as for calls
    public_url: str | None = None  # as people type it, when a proxy with TLS stands in front
    sessions: SessionLimits = field(default_factory=SessionLimits)
    throttle: ThrottleLimits = field(default_factory=ThrottleLimits)
    streams: StreamLimits = field(default_factory=StreamLimits)
    tokens: TokenLimits = field(default_factory=TokenLimits)
    max_body_bytes: int = 64 * 1024

    def __post_init__(self) -> None:
        if self.public_url is not None and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise IvrError("{url} is no web address; write it as https://ivr.example.com", url=self.public_url)

    @property
    def secure(self) -> bool:
        """Do browsers reach us over TLS? Then cookies are Secure and browsers are told to stay with TLS."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"
