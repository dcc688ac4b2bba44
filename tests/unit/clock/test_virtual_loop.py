"""Virtual time: exact, ordered, still while the world works, and never silently stuck."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr.virtual_loop import VirtualClock, VirtualTimeError, run_virtual

pytestmark = pytest.mark.unit
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def run(main: Callable[[VirtualClock], Coroutine[Any, Any, Any]], **limits: float) -> Any:
    return run_virtual(main, START, **limits)


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def in_thread(real_s: float, value: Any = None) -> Any:
    """Real work: a thread that takes real time."""

    def work() -> Any:
        time.sleep(real_s)
        return value

    return await asyncio.get_running_loop().run_in_executor(None, work)


class TestTimers:
    def test_a_minute_takes_no_time_and_is_exact(self) -> None:
        async def main(clock: VirtualClock) -> tuple[float, datetime]:
            await asyncio.sleep(60.0)
            return now_s(), clock.now()

        began = time.monotonic()
        assert run(main) == (60.0, START + timedelta(seconds=60))
        assert time.monotonic() - began < 5

    def test_absolute_deadlines_are_met_to_the_bit(self) -> None:
        async def main(clock: VirtualClock) -> list[float]:
            loop = asyncio.get_running_loop()
            seen: list[float] = []
            for tick in range(1, 1001):
                loop.call_at(0.02 * tick, lambda: seen.append(loop.time()))
            await asyncio.sleep(21)
            return seen

        assert run(main) == [0.02 * tick for tick in range(1, 1001)]

    def test_timers_run_in_the_order_of_their_times(self) -> None:
        async def main(clock: VirtualClock) -> list[int]:
            order: list[int] = []

            async def wait(seconds: int) -> None:
                await asyncio.sleep(seconds)
                order.append(seconds)

            async with asyncio.TaskGroup() as group:
                for seconds in (3, 1, 2):
                    group.create_task(wait(seconds))
            return order

        assert run(main) == [1, 2, 3]

    def test_timeouts_and_nested_tasks_work(self) -> None:
        async def main(clock: VirtualClock) -> float:
            async def outer() -> None:
                await asyncio.create_task(asyncio.sleep(100))

            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.5):
                    await outer()
            return now_s()

        assert run(main) == 2.5

    def test_a_cancelled_timer_is_not_jumped_to(self) -> None:
        async def main(clock: VirtualClock) -> float:
            asyncio.get_running_loop().call_later(5, lambda: None).cancel()
            await asyncio.sleep(9)
            return now_s()

        assert run(main) == 9.0

    def test_the_start_must_know_its_timezone(self) -> None:
        async def main(clock: VirtualClock) -> None: ...

        with pytest.raises(ValueError, match="aware"):
            run_virtual(main, datetime(2026, 11, 2))  # noqa: DTZ001 - the fault under test


class TestOutside:
    def test_time_stands_still_for_a_real_thread(self) -> None:
        async def main(clock: VirtualClock) -> tuple[str, float, bool]:
            timer = asyncio.create_task(asyncio.sleep(0.001))
            value = await clock.outside(in_thread(0.05, "done"))
            return value, now_s(), timer.done()

        assert run(main) == ("done", 0.0, False)

    def test_a_child_process_is_read_while_time_stands_still(self) -> None:
        async def talk() -> bytes:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print(input()[::-1])", stdin=-1, stdout=-1
            )
            answer, _ = await process.communicate(b"abc\n")
            return answer

        async def main(clock: VirtualClock) -> tuple[bytes, float]:
            return await clock.outside(talk()), now_s()

        assert run(main) == (b"cba\n", 0.0)

    def test_waits_of_one_instant_come_back_in_the_order_asked(self) -> None:
        async def main(clock: VirtualClock) -> list[int]:
            order: list[int] = []

            async def wait(number: int, real_s: float) -> None:
                await clock.outside(in_thread(real_s))
                order.append(number)

            async with asyncio.TaskGroup() as group:
                for number, real_s in enumerate((0.03, 0.0, 0.01)):
                    group.create_task(wait(number, real_s))
            return order

        assert run(main) == [0, 1, 2]

    def test_a_result_is_handed_over_only_when_nothing_else_is_ready(self) -> None:
        """Else the thread's real timing would decide between which two steps of another task it comes."""

        async def main(clock: VirtualClock) -> list[str]:
            order: list[str] = []

            async def busy() -> None:
                for _ in range(20):
                    time.sleep(0.001)  # noqa: ASYNC251 - gives the thread time to be done in between
                    await asyncio.sleep(0)
                order.append("busy is over")

            async def wait() -> None:
                await clock.outside(in_thread(0))
                order.append("outside is over")

            async with asyncio.TaskGroup() as group:
                group.create_task(wait())
                group.create_task(busy())
            return order

        assert run(main) == ["busy is over", "outside is over"]

    def test_a_wait_inside_a_wait_is_no_deadlock(self) -> None:
        async def main(clock: VirtualClock) -> int:
            async def inner() -> int:
                first: int = await clock.outside(in_thread(0.01, 7))
                second: int = await clock.due(in_thread(0.01, 1), 3)
                return first + second

            return await clock.outside(inner())

        assert run(main) == 8

    def test_a_task_born_inside_is_ordinary_once_the_wait_is_over(self) -> None:
        async def main(clock: VirtualClock) -> float:
            async def later() -> None:
                await asyncio.sleep(1)
                await clock.due(in_thread(0), 1)

            async def inner() -> asyncio.Task[None]:
                return asyncio.create_task(later())

            await (await clock.outside(inner()))
            return now_s()

        assert run(main) == 2.0

    def test_errors_come_through_and_free_the_clock(self) -> None:
        async def broken() -> None:
            await in_thread(0.01)
            raise OSError("disk full")

        async def main(clock: VirtualClock) -> float:
            with pytest.raises(OSError, match="disk full"):
                await clock.outside(broken())
            await asyncio.sleep(1)
            return now_s()

        assert run(main) == 1.0

    def test_cancelling_one_that_waits_its_turn_frees_the_others(self) -> None:
        async def main(clock: VirtualClock) -> list[str]:
            first = asyncio.create_task(clock.outside(in_thread(0.03, "first")))
            second = asyncio.create_task(clock.outside(in_thread(0.0, "second")))
            third = asyncio.create_task(clock.outside(in_thread(0.0, "third")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            second.cancel()
            results = await asyncio.gather(first, second, third, return_exceptions=True)
            await asyncio.sleep(1)
            return [type(result).__name__ if isinstance(result, BaseException) else result for result in results]

        assert run(main) == ["first", "CancelledError", "third"]

    def test_cancelling_the_one_at_work_frees_the_clock(self) -> None:
        async def main(clock: VirtualClock) -> float:
            task = asyncio.create_task(clock.outside(asyncio.get_running_loop().create_future()))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(1)
            return now_s()

        assert run(main) == 1.0


class TestDue:
    @pytest.mark.parametrize("real_s", [0.0, 0.05])
    def test_the_result_comes_at_exactly_its_time(self, real_s: float) -> None:
        async def main(clock: VirtualClock) -> tuple[str, float]:
            await asyncio.sleep(0.1)
            return await clock.due(in_thread(real_s, "heard"), 0.3), now_s()

        assert run(main) == ("heard", 0.1 + 0.3)

    def test_a_slow_decode_does_not_lose_to_a_later_timer(self) -> None:
        async def main(clock: VirtualClock) -> str:
            async with asyncio.timeout(4):
                return str(await clock.due(in_thread(0.1, "yes"), 3.99))

        assert run(main) == "yes"

    def test_a_decode_due_after_the_timer_does_lose(self) -> None:
        async def main(clock: VirtualClock) -> float:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await clock.due(in_thread(0.0, "yes"), 4.01)
            return now_s()

        assert run(main) == 4.0

    def test_decodes_run_beside_each_other_and_come_back_in_order(self) -> None:
        both = threading.Barrier(2, timeout=10)

        async def main(clock: VirtualClock) -> list[tuple[str, float]]:
            order: list[tuple[str, float]] = []

            def meet(real_s: float) -> None:
                both.wait()  # passes only if the two are at work at the same time
                time.sleep(real_s)

            async def decode(name: str, real_s: float) -> None:
                work = asyncio.get_running_loop().run_in_executor(None, meet, real_s)
                await clock.due(work, 0.2)
                order.append((name, now_s()))

            async with asyncio.TaskGroup() as group:
                group.create_task(decode("slow", 0.05))
                group.create_task(decode("quick", 0.0))
            return order

        assert run(main) == [("slow", 0.2), ("quick", 0.2)]

    def test_work_that_marks_its_own_waits_is_no_deadlock(self) -> None:
        async def main(clock: VirtualClock) -> float:
            async def work() -> None:
                await clock.outside(in_thread(0.02))

            other = asyncio.create_task(clock.outside(in_thread(0.01)))
            await clock.due(work(), 0.5)
            await other
            return now_s()

        assert run(main) == 0.5

    def test_errors_wait_for_their_time_too(self) -> None:
        async def broken() -> None:
            raise ValueError("bad frame")

        async def main(clock: VirtualClock) -> float:
            with pytest.raises(ValueError, match="bad frame"):
                await clock.due(broken(), 1.5)
            return now_s()

        assert run(main) == 1.5

    def test_cancelling_ends_the_work_and_frees_the_clock(self) -> None:
        async def main(clock: VirtualClock) -> tuple[bool, float]:
            work = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(clock.due(work, 1.0))
            await asyncio.sleep(0.5)
            task.cancel()
            await asyncio.wait({task})
            await asyncio.sleep(2)
            return work.cancelled(), now_s()

        assert run(main) == (True, 2.5)


class TestStuck:
    def test_a_deadlock_names_the_tasks_that_wait(self) -> None:
        async def forgotten() -> None:
            await asyncio.get_running_loop().create_future()

        async def main(clock: VirtualClock) -> None:
            await asyncio.create_task(forgotten(), name="call-17")

        began = time.monotonic()
        with pytest.raises(VirtualTimeError, match=r"no timer.*call-17 .*forgotten at .*test_virtual_loop.py:\d+"):
            run(main, grace_s=0.05)
        assert time.monotonic() - began < 5

    def test_unmarked_work_is_given_its_grace(self) -> None:
        async def main(clock: VirtualClock) -> str:
            return str(await in_thread(0.05, "late"))

        assert run(main, grace_s=10.0) == "late"

    def test_a_marked_wait_that_never_ends_is_an_error(self) -> None:
        async def main(clock: VirtualClock) -> None:
            await clock.outside(asyncio.sleep(1))  # needs the very time that it holds

        began = time.monotonic()
        with pytest.raises(VirtualTimeError, match="held by a wait"):
            run(main, hold_limit_s=0.05)
        assert time.monotonic() - began < 5


def test_the_same_input_gives_the_same_run_whatever_the_threads_do() -> None:
    """Forty calls with database and decoder waits of random real length: one order of events."""

    def once() -> list[tuple[float, int, str]]:
        async def main(clock: VirtualClock) -> list[tuple[float, int, str]]:
            log: list[tuple[float, int, str]] = []

            async def call(number: int) -> None:
                plan = random.Random(number)
                for _ in range(4):
                    await asyncio.sleep(plan.choice([0.02, 0.04, 0.06]))
                    await clock.outside(in_thread(random.random() / 1000))
                    log.append((now_s(), number, "stored"))
                    await clock.due(in_thread(random.random() / 200), plan.choice([0.02, 0.1]))
                    log.append((now_s(), number, "heard"))

            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(call(number))
            return log

        result: list[tuple[float, int, str]] = run(main)
        return result

    first = once()
    assert len(first) == 320
    assert once() == first
