"""How often a program may ask: so many requests a second and so many at once, for each token. In this process."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from admin.errors import ApiError
from admin.settings import TokenLimits


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float
    busy: int = 0


class Rates:
    def __init__(self, limits: TokenLimits, now_s: Callable[[], float]) -> None:
        self._limits, self._now_s = limits, now_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    @contextmanager
    def begin(self, token: str) -> Iterator[None]:
        """One request. Raises ApiError 429 when there were too many."""
        limits, now_s = self._limits, self._now_s()
        bucket = self._buckets.setdefault(token, _Bucket(limits.burst, now_s))
        self._buckets.move_to_end(token)
        if len(self._buckets) > limits.tokens:
            self._buckets.popitem(last=False)
        bucket.left = min(limits.burst, bucket.left + (now_s - bucket.at_s) * limits.per_s)
        bucket.at_s = now_s
        if bucket.left < 1 or bucket.busy >= limits.at_once:
            wait_s = max(1, math.ceil((1 - bucket.left) / limits.per_s))
            raise ApiError(429, "too_many_requests", headers={"Retry-After": str(wait_s)})
        bucket.left -= 1
        bucket.busy += 1
        try:
            yield
        finally:
            bucket.busy -= 1
