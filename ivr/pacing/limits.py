"""Limits that know nothing of people: calls begun per second, and the least of several pacers."""

from __future__ import annotations

from collections.abc import Callable

from ivr.dialer.pacer import Pacer
from ivr.dialer.routes import Ready
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent


class PerSecond:
    """At most `rate` calls begin in a second, evenly: a bucket of one second's calls, at least one."""

    def __init__(self, rate: float, time: Callable[[], float]) -> None:
        self._rate = rate
        self._time = time
        self._deep = max(1.0, rate)
        self._left = self._deep
        self._filled_s = time()
        self._live: set[str] = set()
        self._begun = 0  # attempts placed, ever
        self._paid = 0  # calls that have been taken out of the bucket

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced():
                self._live.add(event.attempt_id)
                self._begun += 1
            case CallOver():
                self._live.discard(event.attempt_id)
            case _:
                pass

    def ready(self, calls: int) -> Ready:
        now_s = self._time()
        self._left = min(self._deep, self._left + (now_s - self._filled_s) * self._rate)
        self._filled_s = now_s
        # Those that are being prepared have begun, too; one that comes to nothing is given back.
        begun = self._begun + max(0, calls - len(self._live))
        self._left = min(self._deep, self._left - (begun - self._paid))
        self._paid = begun
        if self._left >= 1.0:
            return Ready(int(self._left))
        return Ready(0, (1.0 - self._left) / self._rate)

    def surplus(self) -> frozenset[str]:
        return frozenset()

    def watch(self, changed: Callable[[], None]) -> None:
        del changed  # time alone changes it

    def close(self) -> None:
        pass


class Least:
    """As many calls as all of its pacers allow; what one of them would hang up is hung up."""

    def __init__(self, *pacers: Pacer) -> None:
        self._pacers = pacers

    def ready(self, calls: int) -> Ready:
        said = [pacer.ready(calls) for pacer in self._pacers]
        most = min(ready.calls for ready in said)
        if most > 0:
            return Ready(most)
        # Each of those that say no must be asked again; one that only an event will change, not by time.
        waits = [ready.again_in_s for ready in said if ready.calls <= 0]
        return Ready(0, max((wait for wait in waits if wait is not None), default=None))

    def surplus(self) -> frozenset[str]:
        return frozenset[str]().union(*(pacer.surplus() for pacer in self._pacers))

    def watch(self, changed: Callable[[], None]) -> None:
        for pacer in self._pacers:
            pacer.watch(changed)

    def close(self) -> None:
        for pacer in self._pacers:
            pacer.close()
