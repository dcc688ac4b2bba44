"""What must hold after a run, and the two times that are promised."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from ivr.desk.states import CALL
from ivr.model import AgentState, HandoffState
from tests.transfer_rig.world import Ran

CLOCKS_APART_S = 1.0  # a phone's clock and the database's rows, on a busy machine
AT_ONCE_S = 0.1  # an agent who is found so soon was free


def faults(ran: Ran) -> list[str]:
    """Everything that isn't as it must be."""
    return [*_results(ran), *_days(ran), *_rung(ran), *_left_over(ran)]


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


def _left_over(ran: Ran) -> Iterator[str]:
    if ran.channels:
        yield f"Asterisk still has {ran.channels} channels"
    if ran.live:
        yield f"phones still hold calls: {ran.live}"


def to_ringing_s(ran: Ran) -> list[float]:
    """From "I want a person" to the agent's phone ringing, where one was free."""
    phones = {one.number: one.phone for one in ran.plan.agents}
    found = []
    for attempt, wanted_s in ran.wanted_s.items():
        (row,) = ran.handoffs[ran.attempts[attempt]]
        first = next((one for one in ran.called if one[0] == attempt), None)
        if first is None or row.ready == 0 or (row.ahead or 0) > 0:
            continue
        rang = [one.invited_s for one in ran.told if one.user == phones[first[1]] and one.invited_s >= wanted_s]
        if rang:
            found.append(min(rang) - wanted_s)
    return found


def to_hearing_s(ran: Ran) -> list[float]:
    """From the agent's pressing the key to both hearing each other."""
    phones = {one.number: one.phone for one in ran.plan.agents}
    found = []
    for phone, rows in ran.handoffs.items():
        for row in rows:
            if row.talked_from is None or row.agent is None:
                continue
            customer = next((one for one in ran.told if one.user.lstrip("+") == phone.lstrip("+")), None)
            at_s = ran.monotonic_s + (row.talked_from - ran.at).total_seconds()
            of_agent = [one for one in ran.told if one.user == phones[row.agent] and one.key_s is not None]
            agent = min(of_agent, key=lambda one: abs((one.key_s or 0.0) - at_s), default=None)
            if customer is None or agent is None or agent.key_s is None:
                continue
            if customer.heard_s is not None and agent.heard_s is not None:
                found.append(max(customer.heard_s, agent.heard_s) - agent.key_s)
    return found


def p95(values: list[float]) -> float:
    """The 95th percentile; the largest of few."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))] if ordered else float("inf")
