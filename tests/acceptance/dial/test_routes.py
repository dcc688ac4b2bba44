"""Several trunks of a real Asterisk: which is asked, what callees are shown, and one that fails for a while."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.acceptance.dial.conftest import Desk, agrees
from tests.softphone import SipCall, Softphone

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(150)]

MAIN = "channels = 10\ncalls_per_s = 20\n"
PHONES = tuple(f"+86137000000{number:02}" for number in range(1, 9))


async def test_callees_see_the_numbers_of_the_purpose_in_turn(desk: Desk, phone: Softphone) -> None:
    marketing = '[trunks.main.caller_ids.marketing]\nnumbers = ["02020001"]\n'
    desk.change(MAIN, f"{MAIN}{marketing}")
    desk.write_list(*PHONES[:4])
    refused = await desk.dial("--yes")
    assert refused.code == 2
    assert "No trunk has a caller ID for calls of the purpose service" in refused.err
    assert "[trunks.main.caller_ids.service]" in refused.err
    assert phone.calls == []

    service = '[trunks.main.caller_ids.service]\nnumbers = ["02010001", "02010002"]\n'
    desk.change(marketing, marketing + service)
    run = await desk.dial("--yes")
    assert run.code == 0, run.out + run.err
    shown = {call.user: call.caller for call in phone.calls}
    assert Counter(shown.values()) == {"02010001": 2, "02010002": 2}
    assert {attempt["phone"]: attempt["caller_id"] for attempt in desk.results()["attempts"]} == shown


async def test_a_trunk_that_fails_for_a_while_rests_and_comes_back(
    desk: Desk, phone: Softphone, spare_phone: Softphone
) -> None:
    """Two refusals take `main` out; `spare` takes over at once; after its rest `main` proves itself again."""
    desk.change(MAIN, f"{MAIN}failures = 2\nrest_s = 1\n")
    refusals = 2

    async def refuses_at_first(call: SipCall) -> None:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            call.reject(503)
        else:
            await agrees(call)

    async def takes_its_time(call: SipCall) -> None:
        call.ring()
        await asyncio.sleep(1.5)  # so that the rest is over when the next numbers are dialled
        await agrees(call)

    for user in PHONES:
        phone.on(user, refuses_at_first)
        spare_phone.on(user, takes_its_time)
    desk.write_list(*PHONES)
    run = await desk.dial("--yes", "--trunk", "spare", "--concurrency", "2")
    assert run.code == 0, run.out + run.err
    attempts = desk.results()["attempts"]
    answered = Counter(attempt["phone"] for attempt in attempts if attempt["outcome"] == "answered")
    assert answered == dict.fromkeys(PHONES, 1)
    refused = [attempt for attempt in attempts if attempt["outcome"] != "answered"]
    assert [(attempt["trunk"], attempt["outcome"], attempt["failed_over"]) for attempt in refused] == [
        ("main", "congestion", True)
    ] * 2
    assert {call.user for call in spare_phone.calls} >= {attempt["phone"] for attempt in refused}
    news = ("Trunk main is out of service for 1 s", "Trunk main has rested", "Trunk main is in service again")
    told = [run.out.find(sentence) for sentence in news]
    assert -1 not in told, run.out
    assert told == sorted(told)
