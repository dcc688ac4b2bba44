"""Who takes calls, as the settings say it."""

from __future__ import annotations

import asyncio

import pytest

from flows import library
from flows.loader import load
from ivr.agents import ConfiguredAgents, missing_queues
from ivr.config import QueueSettings
from ivr.model import HandoffResult
from ivr.ports import Request

pytestmark = pytest.mark.unit

NOBODY: frozenset[str] = frozenset()
CARE_CALL, SALES_CALL = Request("care", "a", 1), Request("sales", "a", 1)
CARE = QueueSettings(agents={"1": "601", "2": "602"})


def test_agents_are_held_until_released_by_every_queue_that_names_them() -> None:
    async def scenario() -> None:
        agents = ConfiguredAgents({"care": CARE, "sales": QueueSettings(agents={"1": "601"}, ring_s=7)})
        first = await agents.claim(CARE_CALL, NOBODY)
        assert first is not None
        assert (first.number, first.phone, first.ring_s) == ("1", "601", 15.0)
        assert await agents.claim(SALES_CALL, NOBODY) is None  # the same phone
        second = await agents.claim(CARE_CALL, NOBODY)
        assert second is not None
        assert second.number == "2"
        assert await agents.claim(CARE_CALL, NOBODY) is None
        await agents.release(first, "answered")
        again = await agents.claim(SALES_CALL, NOBODY)
        assert again is not None
        assert again.ring_s == 7

    asyncio.run(scenario())


def test_who_was_tried_is_not_offered_again() -> None:
    async def scenario() -> None:
        agents = ConfiguredAgents({"care": CARE})
        found = await agents.claim(CARE_CALL, frozenset({"1"}))
        assert found is not None
        assert found.number == "2"
        await agents.release(found, "declined")
        assert await agents.claim(CARE_CALL, frozenset({"1", "2"})) is None

    asyncio.run(scenario())


def test_a_queue_that_is_not_there_has_nobody() -> None:
    assert asyncio.run(ConfiguredAgents({}).ask(CARE_CALL)).refused is HandoffResult.NO_QUEUE
    assert asyncio.run(ConfiguredAgents({"care": CARE}).ask(CARE_CALL)).refused is None


def test_queues_that_a_flow_names_and_the_settings_lack_are_warned_of() -> None:
    def missing(name: str, *queues: str) -> list[object]:
        flow = load(library.path(name, "en"))
        return [error.params["queue"] for error in missing_queues(flow, dict.fromkeys(queues, CARE))]

    assert missing("low_balance_reminder", "default", "callback") == []
    assert missing("low_balance_reminder", "care") == ["callback", "default"]
    assert missing("satisfaction_survey", "care", "callback") == []  # it has its own way to a person
    assert missing("satisfaction_survey") == []  # no queues at all: nobody expects transfers
