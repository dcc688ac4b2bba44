"""What must hold after a run, whatever the machine's load."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from ivr.desk.states import CALL
from ivr.model import AgentState, HandoffState
from tests.transfer_rig.steps import talks
from tests.transfer_rig.world import Ran

CLOCKS_APART_S = 1.0  # a phone's clock and the database's rows, on a busy machine
SURELY_HEARD_MS = 1500  # a talk of so long, whatever the machine's load


def faults(ran: Ran) -> list[str]:
    """Everything that isn't as it must be."""
    return [*_results(ran), *_days(ran), *_rung(ran), *_heard(ran), *_left_over(ran)]


def _results(ran: Ran) -> Iterator[str]:
    """Every call ends in exactly one typed result, and in one of those that its people can bring about."""
    for customer in ran.plan.customers:
        rows = ran.handoffs.get(customer.phone, [])
        if len(rows) != 1 or rows[0].result is None or rows[0].state is not HandoffState.OVER:
            said = ran.outcomes.get(customer.phone)
            yield f"{customer.phone}: {[(row.state, row.result) for row in rows]} ({said})"
        elif rows[0].result.value not in customer.expected:
            yield f"{customer.phone} ({customer.does}, {customer.queue}): {rows[0].result.value}"


def _days(ran: Ran) -> Iterator[str]:
    """An agent's day has no gap and no overlap: its rows are numbered and in order, only who is ready is reserved,
    one call at a time has them."""
    for number, day in ran.days.items():
        if [row.number for row in day] != list(range(1, len(day) + 1)):
            yield f"agent {number}: rows {[row.number for row in day]}"
        for before, after in pairwise(day):
            if after.at < before.at:
                yield f"agent {number}: {after.state} before {before.state}"
            if after.state is AgentState.RESERVED and before.state is not AgentState.READY:
                yield f"agent {number}: reserved while {before.state}"
            if before.state in CALL and after.state in CALL and before.attempt_id != after.attempt_id:
                yield f"agent {number}: two calls at once"
        if day[-1].state is not ran.presences[number].state or day[-1].state in CALL:
            yield f"agent {number}: ends as {day[-1].state}, shown as {ran.presences[number].state}"
    for one in ran.plan.agents:
        talked = any(row.state is AgentState.TALKING for row in ran.days[one.number])
        if one.does == "signs_out" and talked and ran.days[one.number][-1].state is not AgentState.SIGNED_OUT:
            yield f"agent {one.number} signed out in a call, and is {ran.days[one.number][-1].state}"


def _rung(ran: Ran) -> Iterator[str]:
    """Nobody's phone rings but while they are reserved for a call."""
    agents = {one.phone: one.number for one in ran.plan.agents}
    for told in ran.told:
        number = agents.get(told.user)
        if number is None:
            continue
        at = ran.at + timedelta(seconds=told.invited_s - ran.monotonic_s)
        slack = timedelta(seconds=CLOCKS_APART_S)
        day = ran.days[number]
        reserved = any(
            row.state is AgentState.RESERVED and row.at - slack <= at <= after.at + slack
            for row, after in pairwise(day)
        )
        if not reserved:
            yield f"agent {number}: rung at {at}, not reserved"
    for phone, number in agents.items():
        rung = sum(told.user == phone for told in ran.told)
        reserved_times = sum(row.state is AgentState.RESERVED for row in ran.days[number])
        if rung > reserved_times:
            yield f"agent {number}: rung {rung} times, reserved {reserved_times} times"


def _heard(ran: Ran) -> Iterator[str]:
    """Who talked for a while heard each other: a pair that never did would be missing from the times as well."""
    does = {one.phone: one.does for one in ran.plan.customers}
    for row, customer, agent in talks(ran):
        phone = ran.attempts[row.attempt_id]
        if (row.talk_ms or 0) < SURELY_HEARD_MS or does[phone] == "leaves_at_key":
            continue
        if customer.heard_s is None or agent.heard_s is None:
            yield f"{phone} and agent {row.agent} talked for {row.talk_ms} ms and didn't hear each other"


def _left_over(ran: Ran) -> Iterator[str]:
    if ran.channels:
        yield f"Asterisk still has {ran.channels} channels"
    if ran.live:
        yield f"phones still hold calls: {ran.live}"
