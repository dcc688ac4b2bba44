"""Who is signed in: opaque tokens in a cookie, everything else on the server. And who failed too often.

Sessions live in this process alone: a restart signs everybody out, and nothing that could be stolen is stored
(docs/decisions/0081-sessions-in-memory.md). Time is the event loop's, handed in as a function."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from admin.settings import SessionLimits, ThrottleLimits

TOKEN_BYTES = 32


@dataclass(slots=True)
class SignedIn:
    """One browser of one user."""

    user: str
    since_s: float
    used_s: float


class Sessions:
    """Tokens are kept as hashes: whoever reads our memory dump can't sign in with it."""

    def __init__(self, limits: SessionLimits, now_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = now_s
        self._known: OrderedDict[str, SignedIn] = OrderedDict()  # by hash, least recently used first

    def open(self, user: str) -> str:
        """A new token for `user`; the least recently used session goes when there are too many."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now_s = self._now_s()
        self._known[_hash(token)] = SignedIn(user, now_s, now_s)
        while len(self._known) > self._limits.most:
            self._known.popitem(last=False)
        return token

    def find(self, token: str) -> SignedIn | None:
        """The session of a token, now used; None when it is unknown, idle too long or too old."""
        key = _hash(token)
        session = self._known.get(key)
        if session is None:
            return None
        now_s = self._now_s()
        if now_s - session.used_s > self._limits.idle_s or now_s - session.since_s > self._limits.total_s:
            del self._known[key]
            return None
        session.used_s = now_s
        self._known.move_to_end(key)
        return session

    def close(self, token: str) -> None:
        self._known.pop(_hash(token), None)

    def __len__(self) -> int:
        return len(self._known)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Throttle:
    """Failures per address within a sliding window."""

    def __init__(self, limits: ThrottleLimits, now_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = now_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long this address must wait before it may try again; 0 when it may."""
        failures = self._failures.get(address)
        if failures is None:
            return 0.0
        now_s = self._now_s()
        while failures and now_s - failures[0] >= self._limits.window_s:
            failures.popleft()
        if not failures:
            del self._failures[address]
            return 0.0
        full = len(failures) >= self._limits.failures
        return failures[0] + self._limits.window_s - now_s if full else 0.0

    def failed(self, address: str) -> None:
        failures = self._failures.setdefault(address, deque(maxlen=self._limits.failures))
        failures.append(self._now_s())
        self._failures.move_to_end(address)
        while len(self._failures) > self._limits.addresses:
            self._failures.popitem(last=False)

    def __len__(self) -> int:
        return len(self._failures)
