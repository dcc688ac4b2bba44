"""Calls per second of one trunk: a token bucket whose tokens are held before they are used.

A call holds a token while its attempt is being written and uses it when it leaves, so that a slow database can't
turn a steady flow of decisions into a burst of calls. It may hold one that comes within LEAD_S, and then leaves
when that is there: the time that writing takes is no time in which nobody leaves.

Nobody waits longer than LEAD_S once the call is ready, since what allowed it grows old meanwhile. Where legs to
agents have taken the tokens of calls that were ready, those leave all the same, and the ones after them make up
for it."""

from __future__ import annotations

import math

NEVER_S = 60.0  # a pace of nothing: ask again after this
BURST_S = 0.1  # the bucket holds what this long brings, and one call at least
LEAD_S = 0.3  # a token is held so long before it is there; writing an attempt takes less, even on a busy machine
_SLACK = 1e-9  # of floating point


class Pace:
    """At most `1 + per_s * t` calls leave in any `t` seconds (for trunks of up to 10 calls a second), not counting
    those that legs to agents or a pace that became slower overtook."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._last_per_s = (
            per_s  # above 0: calls that hold a token when the pace becomes nothing leave at this one
        )
        self._most = max(1.0, per_s * BURST_S)
        self._tokens = self._most
        self._at_s = now_s
        self._held = 0

    def change(self, per_s: float, now_s: float) -> None:
        """Another pace from now on; 0: no call may begin. What was saved up stays, as far as it fits."""
        if per_s == self._per_s:
            return
        self._fill(now_s)
        self._per_s = per_s
        self._last_per_s = per_s or self._last_per_s
        self._most = max(1.0, per_s * BURST_S) if per_s > 0.0 else 0.0
        self._tokens = min(self._tokens, self._most)

    def free(self, now_s: float) -> int:
        """How many more calls may hold a token now."""
        self._fill(now_s)
        return math.floor(self._tokens + self._per_s * LEAD_S + _SLACK) - self._held

    def soon(self, now_s: float, within_s: float) -> int:
        """How many more calls may leave in the next `within_s`."""
        self._fill(now_s)
        return math.floor(self._tokens + self._per_s * within_s + _SLACK) - self._held

    def again_in_s(self, now_s: float) -> float:
        """Seconds until a token is free, if those that are held are used meanwhile; 0: now."""
        if self.free(now_s) >= 1:
            return 0.0
        if self._per_s <= 0.0:
            return NEVER_S
        return max(0.0, (self._held + 1 - self._tokens) / self._per_s - LEAD_S)

    def hold(self, now_s: float) -> None:
        if self.free(now_s) < 1:
            raise ValueError("no call may begin now")
        self._held += 1

    def overdraw(self, now_s: float) -> None:
        """Hold a token that may not be there yet: for a call that can't wait. Those after it do."""
        self._fill(now_s)
        self._held += 1

    def use(self, now_s: float) -> float:
        """A held call is ready: it leaves after so many seconds, when its token is there; at most LEAD_S."""
        self._fill(now_s)
        self._held -= 1
        self._tokens -= 1.0
        return min(LEAD_S, max(0.0, -self._tokens / self._last_per_s)) if self._last_per_s > 0.0 else 0.0

    def give_back(self) -> None:
        """A held call doesn't leave after all."""
        self._held -= 1

    def _fill(self, now_s: float) -> None:
        self._tokens = min(self._most, self._tokens + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = max(self._at_s, now_s)
