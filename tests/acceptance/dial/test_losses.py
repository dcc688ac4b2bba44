"""What is lost when Asterisk or our own process dies in the middle of calls, and what isn't: nobody is dialled
twice, nobody is forgotten, nothing goes on ringing, and the campaign goes on by itself."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.acceptance.dial.conftest import Desk, rings, waits
from tests.softphone import Listener, SipCall, Softphone

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(150)]

SOON_S = 30.0  # for calls to come or go on a machine loaded by others
RETURN_S = 10.0  # from Asterisk's return to the next call: the promise
AT_ONCE = 40


def numbers(count: int) -> list[str]:
    return [f"+8613900000{number:03}" for number in range(1, count + 1)]


async def no_more_channels(desk: Desk) -> None:
    """Asterisk may take a moment to let go of a channel whose call is over."""
    try:
        async with asyncio.timeout(SOON_S):
            while await asyncio.to_thread(desk.rig.channels):  # noqa: ASYNC110 it tells nobody
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(await asyncio.to_thread(desk.rig.command, "core show channels"))


async def test_asterisk_killed_in_the_middle_of_forty_calls(desk: Desk, phone: Softphone) -> None:
    desk.change("channels = 10\ncalls_per_s = 20", f"channels = {AT_ONCE}\ncalls_per_s = 50")
    phones = numbers(AT_ONCE + 12)
    desk.write_list(*phones)
    all_on = asyncio.Event()

    async def picks_up_when_all_are_on(call: SipCall) -> None:
        call.ring()
        await all_on.wait()
        call.answer()
        await call.ended.wait()

    # Half of them pick up, the others let it ring; who comes after the return agrees.
    for number, first in enumerate(phones[:AT_ONCE]):
        phone.on(first, picks_up_when_all_are_on if number % 2 else rings)
    started = await desk.start_dial("--yes", "--no-retries", "--concurrency", str(AT_ONCE))
    for _ in range(AT_ONCE):
        await phone.next_call(timeout_s=SOON_S)
    all_on.set()
    await asyncio.sleep(1.0)  # into the first question, which takes longer
    before = {user for (user,) in desk.rows("SELECT phone FROM attempt WHERE ended_at IS NULL")}
    loop = asyncio.get_running_loop()
    try:
        await asyncio.to_thread(desk.rig.kill)
        await asyncio.sleep(2.0)  # nobody is there for a while
        assert desk.rows("SELECT state FROM campaign") == [("running",)]
        dialled_before = len(phone.calls)
    finally:
        await asyncio.to_thread(desk.rig.start)
    back_s = loop.time()
    while len(phone.calls) == dialled_before:
        await phone.next_call(timeout_s=SOON_S)
    went_on_s = loop.time() - back_s
    ended = await started.ended()
    assert ended.code == 0, ended.out + ended.err
    assert went_on_s < RETURN_S
    assert set(Counter(call.user for call in phone.calls).values()) == {1}
    results = desk.results()
    assert results["summary"]["finished"]
    attempts = {attempt["phone"]: attempt for attempt in results["attempts"]}
    assert set(attempts) == set(phones)
    assert len(results["attempts"]) == len(phones)
    lost = {user for user, attempt in attempts.items() if attempt["outcome"] == "unknown"}
    assert lost == before
    assert len(lost) == AT_ONCE
    assert all(attempts[user]["cause"].startswith("lost in the trunk") for user in lost)
    assert {attempts[user]["outcome"] for user in phones[AT_ONCE:]} == {"answered"}
    assert "Trunk main is out of service" in ended.out
    assert "Trunk main is in service again" in ended.out
    assert await asyncio.to_thread(desk.rig.channels) == 0


async def test_killed_and_started_again_it_ends_what_still_rings_and_calls_the_rest(
    desk: Desk, phone: Softphone
) -> None:
    phones = numbers(6)
    desk.write_list(*phones)
    await no_more_channels(desk)  # of a test before this one
    talking, ringing, ringing_too = phones[:3]
    phone.on(talking, waits)
    phone.on(ringing, rings)
    phone.on(ringing_too, rings)
    started = await desk.start_dial("--yes", "--concurrency", "3")
    first, second, third = [await phone.next_call(user, timeout_s=SOON_S) for user in phones[:3]]
    await asyncio.wait_for(Listener(first).sound(), SOON_S)
    await started.killed()
    assert not second.ended.is_set()
    assert await asyncio.to_thread(desk.rig.channels) >= 2, "nothing was left behind: the test shows nothing"

    again = await desk.dial("--yes", "--concurrency", "3")
    assert again.code == 0, again.out + again.err
    for call in (first, second, third):
        await asyncio.wait_for(call.ended.wait(), SOON_S)  # long before its 45 s of ringing are over
    assert [call.end.reason for call in (second, third) if call.end] == ["cancelled"] * 2
    assert Counter(call.user for call in phone.calls) == dict.fromkeys(phones, 1)
    outcomes = {attempt["phone"]: attempt["outcome"] for attempt in desk.results()["attempts"]}
    assert {user for user, outcome in outcomes.items() if outcome == "unknown"} == {talking, ringing, ringing_too}
    assert [outcomes[user] for user in phones[3:]] == ["answered"] * 3
    assert desk.results()["summary"]["finished"]
    assert desk.rows("SELECT DISTINCT state FROM task") == [("done",)]
    await no_more_channels(desk)
