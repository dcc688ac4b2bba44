"""Where the time goes: from "I want a person" to the agent's phone ringing, and from the key to both hearing each
other, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from ivr.model import Handoff
from tests.softphone.saying import KEY_MS
from tests.transfer_rig.phones import Told
from tests.transfer_rig.world import Ran

TO_RINGING = ("wanted_to_found", "found_to_placed", "placed_to_invited")
TO_HEARING = ("key_down", "key_to_accepted", "accepted_to_bridged", "bridged_to_customer", "bridged_to_agent")


def to_ringing_s(ran: Ran) -> dict[str, list[float]]:
    """Each step's times (s) of those for whom somebody was free, and `whole`: to the phone's INVITE. When somebody
    was found is known of the agent who was tried last: where several were tried there is the whole alone."""
    phones = {one.number: one.phone for one in ran.plan.agents}
    found: dict[str, list[float]] = {name: [] for name in (*TO_RINGING, "whole")}
    for attempt, wanted_s in ran.wanted_s.items():
        (row,) = ran.handoffs[ran.attempts[attempt]]
        first = next((one for one in ran.called if one.attempt_id == attempt), None)
        if first is None or row.ready == 0 or (row.ahead or 0) > 0:
            continue
        phone = phones[first.agent]
        rang = [one.invited_s for one in ran.told if one.user == phone and one.invited_s >= wanted_s]
        if not rang:
            continue
        found["whole"].append(min(rang) - wanted_s)
        if len(row.tried) == 1 and row.found_at is not None:
            moments = (wanted_s, _monotonic_s(ran, row.found_at), first.placed_s, min(rang))
            for name, (before_s, after_s) in zip(TO_RINGING, pairwise(moments), strict=True):
                found[name].append(after_s - before_s)
    return found


def to_hearing_s(ran: Ran) -> dict[str, list[float]]:
    """Each step's times (s), from when the agent began to press the key, and `whole`."""
    found: dict[str, list[float]] = {name: [] for name in (*TO_HEARING, "whole")}
    for row, customer, agent in talks(ran):
        if agent.key_s is None or customer.heard_s is None or agent.heard_s is None:
            continue
        assert row.accepted_at is not None
        assert row.talked_from is not None
        accepted_s, bridged_s = _monotonic_s(ran, row.accepted_at), _monotonic_s(ran, row.talked_from)
        key_up_s = agent.key_s + KEY_MS / 1000
        found["key_down"].append(key_up_s - agent.key_s)
        found["key_to_accepted"].append(accepted_s - key_up_s)
        found["accepted_to_bridged"].append(bridged_s - accepted_s)
        found["bridged_to_customer"].append(customer.heard_s - bridged_s)
        found["bridged_to_agent"].append(agent.heard_s - bridged_s)
        found["whole"].append(max(customer.heard_s, agent.heard_s) - agent.key_s)
    return found


def talks(ran: Ran) -> Iterator[tuple[Handoff, Told, Told]]:
    """Each talk with what the two phones noted of it."""
    phones = {one.number: one.phone for one in ran.plan.agents}
    for phone, rows in ran.handoffs.items():
        for row in rows:
            if row.talked_from is None or row.agent is None:
                continue
            customer = next((one for one in ran.told if one.user.lstrip("+") == phone.lstrip("+")), None)
            at_s = _monotonic_s(ran, row.talked_from)
            of_agent = [one for one in ran.told if one.user == phones[row.agent] and one.key_s is not None]
            agent = min(of_agent, key=lambda one: abs((one.key_s or 0.0) - at_s), default=None)
            if customer is not None and agent is not None:
                yield row, customer, agent


def at_once(ran: Ran) -> int:
    """How many customers were on the line at the same moment, at most."""
    agents = {one.phone for one in ran.plan.agents}
    on_line = [one for one in ran.told if one.user not in agents and one.answered_s is not None]
    moments = [(one.answered_s or 0.0, 1) for one in on_line]
    moments += [(one.ended_s, -1) for one in on_line if one.ended_s is not None]
    on = most = 0
    for _, change in sorted(moments):
        on += change
        most = max(most, on)
    return most


def percentile(values: list[float], share: float) -> float:
    """That share of them is at most so long; the largest of few, infinity of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))] if ordered else float("inf")


def summed(steps: Mapping[str, list[float]]) -> dict[str, tuple[float, float]]:
    """Each step's median and 95th percentile."""
    return {name: (percentile(values, 0.5), percentile(values, 0.95)) for name, values in steps.items()}


def _monotonic_s(ran: Ran, at: datetime) -> float:
    return ran.monotonic_s + (at - ran.at).total_seconds()
