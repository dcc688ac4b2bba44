"""Calls of a real worker reach the people who are signed in, and their day tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.desk import roster
from ivr.desk.presence import Change, choose, find
from ivr.desk.telling import requests_of, story
from ivr.model import Agent, AgentState, AgentStateChange, Answer, HandoffResult, Segment, SegmentKind
from tests.worker_rig.scene import Scene, ended, phone, scene_on, var

__all__ = ["scene_on", "var"]  # fixtures
pytestmark = [pytest.mark.integration, pytest.mark.real_time]
FLOW = """
schema: 1
flow: ask_for_help
title: hands over at once
language: en
purpose: service
constants:
  company: {type: text, value: Clearbrook}
limits: {call_s: 60, steps: 20}
start: hello
nodes:
  hello: {play: {say: "Hello, this is {company}'s automated assistant. It is recorded."}, next: help}
  help:
    transfer: {queue: care, comfort: {say: "One moment."}, answer_within_s: 30}
    answered: rate
    unavailable: sorry
  rate:
    ask: {prompt: {say: "How was it?"}, expect: rating, attempts: 1, save_as: rating}
    next: bye
    no_input: bye
    no_match: bye
  bye: {hangup: , disposition: helped}
  sorry: {hangup: , disposition: nobody}
"""
ROSTER = b"""schema: 1
queues:
  care: {wrap_up_s: 0}
agents:
  1: {name: Takes, phone: 601, skills: {care: 5}, hired_on: 2024-03-01}
  2: {name: Declines, phone: 602, skills: {care: 9}, hired_on: 2024-03-01}
  3: {name: Is not ready, phone: 603, skills: {care: 9}, hired_on: 2024-03-01}
"""
TAKES = {"does": [{"on": "whisper", "at_s": 0.2, "keys": 1}, {"on": "bridged", "at_s": 0.5, "hang_up": True}]}
DECLINES = {"does": [{"on": "whisper", "at_s": 0.2, "keys": 2}]}
WAITS = [AgentState.SIGNED_IN, AgentState.READY]
TAKEN = [AgentState.RESERVED, AgentState.TALKING, AgentState.READY]
DECLINED = [AgentState.RESERVED, AgentState.READY]


def ratings(session: Session) -> list[tuple[str, str | None]]:
    return [(one.value, one.agent) for one in session.scalars(select(Answer))]


def test_whoever_is_ready_is_rung_and_their_day_says_so(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    scene = scene_on(postgresql_url)
    scene.callees(
        {
            "defaults": {"ring_s": 0, "does": [{"on": "rate", "keys": 4}]},
            "callees": {"601": TAKES, "602": DECLINES, "603": TAKES},
        }
    )
    spec, now = roster.loads(ROSTER), datetime.now(UTC)

    def at_work(session: Session) -> None:
        roster.take(session, spec, "ann", now)
        for number, states in {"1": WAITS, "2": WAITS, "3": WAITS[:1]}.items():
            for state in states:
                choose(session, find(session, number), Change(state, number), now)

    scene.run(at_work)
    scene.campaign("care", [phone(1)], flow=FLOW)
    ended(scene.worker("--until-done"))
    assert [one.disposition for one in scene.attempts()] == ["helped"]

    def seen(session: Session) -> tuple[list[str | None], dict[str, list[AgentState]]]:
        talked = session.scalars(select(Segment.agent).where(Segment.kind == SegmentKind.AGENT)).all()
        days: dict[str, list[AgentState]] = {}
        rows = select(Agent.number, AgentStateChange).join(Agent, Agent.id == AgentStateChange.agent_id)
        for number, row in session.execute(rows.order_by(AgentStateChange.agent_id, AgentStateChange.number)):
            days.setdefault(number, []).append(row.state)
        return list(talked), days

    def told(session: Session) -> list[str]:
        return [one.template.format(**one.params) for one in story(session, phone(1), 10)]

    (call,) = scene.attempts()
    (transfer,) = scene.run(lambda session: requests_of(session, [call.id]))[call.id]
    assert [(one["agent"], one["result"]) for one in transfer.tried] == [("2", "declined"), ("1", "talked")]
    assert (transfer.result, transfer.agent, transfer.ready) == (HandoffResult.TALKED, "1", 2)
    assert None not in (transfer.found_at, transfer.accepted_at, transfer.talked_from, transfer.ended_at)
    assert transfer.talk_ms > 0
    assert "somebody of care was needed: they talked; agent 1" in scene.run(told)[0]
    assert "the chance of somebody within 30 s was 100 % (ready 2," in scene.run(told)[1]
    talked, days = scene.run(seen)
    assert talked == ["1"]
    assert scene.run(ratings) == [("4", "1")]  # the rating is of who talked with them
    assert days == {"1": WAITS + TAKEN, "2": WAITS + DECLINED, "3": WAITS[:1]}
