"""`ivr dial` over a real Asterisk: its results, its files, its end."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from ivr.results import Results
from tests.acceptance.dial.conftest import Desk, agrees, hangs_up, refuses, rings, waits
from tests.softphone import Listener, Softphone

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(150)]

PATIENCE_S = 8.0  # less than the trunk's own, after which it gives a silent Asterisk up
A, B, C, D = (f"+86138000000{number:02}" for number in range(1, 5))


async def test_a_list_is_dialled_and_everything_is_written(desk: Desk, phone: Softphone) -> None:
    desk.write_list(A, B, "12", C)
    phone.on(B, refuses(486))
    phone.on(C, hangs_up)
    more = ("--yes", "--no-retries", "--record", "rec", "--html", "report.html")
    run = await desk.dial(*more, from_nothing=True)
    assert run.code == 0, run.out + run.err
    results = Results.model_validate(desk.results())
    attempts = {attempt.phone: attempt for attempt in results.attempts}
    assert {phone: attempt.outcome for phone, attempt in attempts.items()} == {
        A: "answered",
        B: "busy",
        C: "answered",
    }
    assert attempts[A].answers["consent"].value == "yes"
    assert attempts[A].disposition == "consented"
    assert "486" in attempts[B].cause
    assert attempts[C].answers == {}
    assert attempts[C].hung_up_by == "callee"
    assert results.summary.rejected_rows == 1
    assert results.summary.finished
    recorded = {attempt.phone for attempt in results.attempts if attempt.recording}
    assert recorded == {A, C}
    assert all((desk.folder / "rec" / str(attempts[phone].recording)).stat().st_size > 0 for phone in recorded)
    assert "<html" in (desk.folder / "report.html").read_text(encoding="utf-8")
    assert "Rows left out" in run.out
    assert A not in run.out


async def test_interrupted_it_hangs_up_writes_pauses_and_goes_on_with_the_rest(
    desk: Desk, phone: Softphone
) -> None:
    desk.write_list(A, B, C, D)
    phone.on(A, waits)
    phone.on(B, rings)
    started = await desk.start_dial("--yes", "--no-retries", "--concurrency", "2")
    first, second = await phone.next_call(A), await phone.next_call(B)
    await asyncio.wait_for(Listener(first).sound(), 20)
    started.send(signal.SIGINT)
    stopped = await started.ended()
    assert stopped.code == 130, stopped.out + stopped.err
    assert "goes on with the rest" in stopped.out
    await asyncio.wait_for(asyncio.gather(first.ended.wait(), second.ended.wait()), 20)
    assert (first.end and first.end.reason, second.end and second.end.reason) == ("they hung up", "cancelled")
    outcomes = {attempt["phone"]: attempt["outcome"] for attempt in desk.results()["attempts"]}
    assert outcomes == {A: "answered", B: "cancelled"}
    assert desk.results()["summary"]["finished"] is False
    assert desk.rows("SELECT state FROM campaign") == [("paused",)]
    assert desk.rows("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]
    again = await desk.dial("--yes", "--no-retries", "--concurrency", "2")
    assert again.code == 0, again.out + again.err
    shown = await desk.dial()  # nobody is left, so nobody need be asked
    assert shown.code == 0, shown.out + shown.err
    assert "was called before" in shown.out
    assert sorted(call.user for call in phone.calls) == [A, B, C, D]
    assert desk.results()["summary"]["finished"] is True
    assert {attempt["phone"]: attempt["outcome"] for attempt in desk.results()["attempts"]} == outcomes | {
        C: "answered",
        D: "answered",
    }


async def test_a_second_interruption_doesnt_wait_for_the_network(desk: Desk, phone: Softphone) -> None:
    """Asterisk stands still: nobody says that the call is over."""
    desk.write_list(A)
    phone.on(A, waits)
    started = await desk.start_dial("--yes")
    call = await phone.next_call(A)
    await asyncio.wait_for(Listener(call).sound(), 20)
    pid = desk.rig.instance.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        started.send(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            await started.waits(1.0)
        started.send(signal.SIGTERM)
        stopped = await started.ended(PATIENCE_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert stopped.code == 130, stopped.out + stopped.err
    assert [attempt["outcome"] for attempt in desk.results()["attempts"]] == ["unknown"]
    assert desk.rows("SELECT state FROM task") == [("done",)]


async def test_interrupted_before_the_first_call_it_leaves_nothing(desk: Desk, dial_var: Path) -> None:
    """Whoever listens at Asterisk's port never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        desk.configure(dial_var, port=server.getsockname()[1])
        desk.write_list(A)
        started = await desk.start_dial("--yes")
        accepted, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(server), 60)
        with accepted:
            started.send(signal.SIGINT)
            stopped = await started.ended()
    assert stopped.code == 130, stopped.out + stopped.err
    assert "Traceback" not in stopped.err
    assert not (desk.folder / "run.db").exists()


async def test_another_trunk_takes_over(desk: Desk, phone: Softphone, spare_phone: Softphone) -> None:
    desk.write_list(A)
    phone.on(A, refuses(503))
    run = await desk.dial("--yes", "--trunk", "spare")
    assert run.code == 0, run.out + run.err
    attempts = desk.results()["attempts"]
    assert [(attempt["trunk"], attempt["outcome"]) for attempt in attempts] == [
        ("main", "congestion"),
        ("spare", "answered"),
    ]
    assert [call.user for call in spare_phone.calls] == [A]


async def test_a_trunk_whose_operator_is_silent_is_waited_for(desk: Desk) -> None:
    desk.write_list(A)
    async with asyncio.timeout(30):
        while "Unavail" not in await asyncio.to_thread(desk.rig.command, "pjsip show contacts"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # Asterisk has just begun, and hasn't asked yet
    started = await desk.start_dial("--yes", trunk="down")
    news = ""
    while "Trunk down is out of service" not in news:
        news = await started.line()
        assert news, "it ended without waiting"
    async with Softphone(desk.rig.closed_port, behaviour=agrees) as phone:
        run = await started.ended()
        assert run.code == 0, run.out + run.err
        assert [call.user for call in phone.calls] == [A]
    assert [attempt["outcome"] for attempt in desk.results()["attempts"]] == ["answered"]


async def test_real_people_are_dialled_only_when_somebody_agrees(desk: Desk, phone: Softphone) -> None:
    desk.write_list(A, B, "12")
    alone = await desk.dial()
    assert alone.code == 2
    assert "2 numbers are to be dialled and nobody is here to agree; add --yes" in alone.err
    ours, theirs = pty.openpty()
    try:
        started = await desk.start_dial(stdin=theirs)
        os.write(ours, b"n\n")
        refused = await started.ended()
    finally:
        os.close(ours)
        os.close(theirs)
    assert refused.code == 1, refused.out + refused.err
    assert "Dial 2 numbers over main with the flow one question?" in refused.out
    assert "1 rows of the list can't be called" in refused.out
    assert "Nobody was dialled." in refused.out
    assert phone.calls == []
    assert not (desk.folder / "run.db").exists()


@pytest.mark.parametrize(
    ("changes", "trunk", "sentence"),
    [
        ({}, "nowhere", "There is no trunk nowhere in the settings; there are: down, main, spare."),
        ({"secret": ""}, "main", "set IVR_AMI_SECRET or [asterisk] secret"),
        ({"secret": "wrong"}, "main", "refuses the manager user ivr"),
        ({"port": 1}, "main", "can't be reached"),
    ],
)
async def test_what_can_be_mended_is_one_sentence(
    desk: Desk, dial_var: Path, changes: dict[str, Any], trunk: str, sentence: str
) -> None:
    desk.configure(dial_var, **changes)
    desk.write_list(A)
    run = await desk.dial("--yes", trunk=trunk)
    assert run.code == 2, run.out + run.err
    assert sentence in run.err
    assert run.err.count("\n") == 1
    assert not (desk.folder / "run.db").exists()


async def test_a_list_on_which_nobody_can_be_called_says_so(desk: Desk) -> None:
    desk.write_list("12")
    run = await desk.dial("--yes")
    assert run.code == 2, run.out + run.err
    assert "list.rejects.csv says why, row by row" in run.err
