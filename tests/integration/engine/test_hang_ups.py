"""A caller hangs up in each node of each shipped flow that says something: the call ends there, and adds up.

How to get to a node is found by walking the flow with the interpreter, pressing every key a question takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from flows import library
from flows.interpreter import Session, Sprint, resume, start
from flows.loader import load
from flows.results import ApiReplied, CallbackBooked, Input, NoInput, Played, Result, SmsQueued, TransferEnded
from flows.values import Modality, Scalar
from flows.waits import AskWait, PlayWait

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

ERRANDS: dict[str, Result] = {  # as the simulated world answers them
    "sms": SmsQueued(ok=True),
    "callback": CallbackBooked(ok=True, at="明天上午"),
    "transfer": TransferEnded(status="no_agent"),
    "call_api": ApiReplied(status=None),
}
NUMBER = "13800009999"  # where digits are asked for
VALUES: dict[str, Scalar] = {  # what any of the shipped flows needs
    "phone": "+8613800000001",
    "balance": 5.2,
    "pay_by": "2026-01-25",
    "service_date": "2026-01-03",
    "service_name": "宽带移机",
}

Steps = tuple[dict[str, Any], ...]


def ways(wait: AskWait) -> Iterator[tuple[dict[str, Any], Result]]:
    """What a caller can do at a question, and what comes of it."""
    for key, value in wait.keys.items():
        yield {"on": wait.node, "keys": key}, Input(value=value, modality=Modality.KEYS)
    if wait.expect.type == "digits":
        keys = NUMBER + (wait.expect.terminator or "")
        yield {"on": wait.node, "keys": keys}, Input(value=NUMBER, modality=Modality.KEYS)
    yield {"on": wait.node, "silence_s": 0.1}, NoInput()


def routes(name: str, language: str) -> dict[str, Steps]:
    """Each node that says something -> what to do at the questions before it."""
    flow = load(library.path(name, language))
    first = start(flow, VALUES)
    found: dict[str, Steps] = {}
    asked: set[tuple[str, int]] = set()
    open_: deque[tuple[Sprint, Steps]] = deque([(first, ())])

    def go(session: Session, result: Result, steps: Steps) -> None:
        open_.append((resume(flow, session, result), steps))

    while open_:
        sprint, steps = open_.popleft()
        wait, session = sprint.wait, sprint.session
        if wait is None or wait.kind in ("hangup", "message"):
            continue
        if isinstance(wait, PlayWait):
            found.setdefault(wait.node, steps)
            go(session, Played(), steps)
        elif isinstance(wait, AskWait):
            found.setdefault(wait.node, steps)
            if (wait.node, wait.attempt) not in asked:
                asked.add((wait.node, wait.attempt))
                for step, result in ways(wait):
                    go(session, result, (*steps, step))
        else:
            go(session, ERRANDS[wait.kind], steps)
    return found


@pytest.mark.parametrize("language", library.languages())
@pytest.mark.parametrize("name", library.names())
def test_a_hang_up_in_each_node_ends_the_call_there(bench: Any, name: str, language: str) -> None:
    targets = routes(name, language)
    assert len(targets) >= 8  # the walk still finds its way
    callees = [{"does": [*steps, {"on": node, "at_s": 0.6, "hang_up": True}]} for node, steps in targets.items()]
    run = bench(callees, flow=name, language=language, concurrency=len(callees), retries=False)
    for number, node in enumerate(targets, start=1):
        attempt = run.only(number)
        assert attempt.path[-1] == node, (node, attempt.path)
        assert (attempt.outcome, attempt.hung_up_by) == ("answered", "callee")
        assert attempt.talk_s > 0
    assert run.results.summary.finished
    assert run.rows("SELECT DISTINCT state FROM task") == [("done",)]
