"""What is kept of an agent's entries, and when: opt-outs at once and for good, secrets not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from flows.results import ApiReplied
from flows.waits import ApiWait
from ivr.byhand.cards import Card
from ivr.byhand.errors import TaskError
from ivr.database import Database, DatabaseError
from ivr.identity.hashes import make_hash
from ivr.model import DoNotDisturb, Handling, HandlingState, Outbox, Supervision, SupervisionKind
from ivr.session.api import ApiClient
from tests.integration.byhand.office import Office, office, phone

pytestmark = pytest.mark.integration
LEAVES: dict[str, Any] = {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}
NO_MORE = """
schema: 1
flow: no_more
title: no more
language: en
purpose: marketing
limits: {call_s: 300, steps: 60}
start: again
nodes:
  again:
    ask: {prompt: {say: "May we call again?"}, expect: yes_no}
    yes: end
    no: text
    no_input: end
    no_match: end
  text: {sms: {prompt: {say: "We won't call again."}}, sent: out, failed: out}
  out: {opt_out: this, next: end}
  end: {hangup: }
"""
PIN = """
schema: 1
flow: pin
title: the PIN
language: en
purpose: service
limits: {call_s: 300, steps: 60}
start: pin
nodes:
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 6, secret: true}, save_as: pin}
    next: check
    no_input: end
    no_match: end
  check:
    call_api: {method: POST, url: "https://x.example/check", send: {pin: pin}}
    ok: fine
    error: fine
    offline: fine
  fine:
    ask: {prompt: {say: "All right?"}, expect: yes_no}
    yes: end
    no: end
    no_input: end
    no_match: end
  end: {hangup: }
"""


async def talk(at: Office, flow: str, **more: Any) -> tuple[int, Card]:
    """A campaign of that flow with one contact, and the preview of its task."""
    campaign_id = await at.campaign([phone(1)], flow=flow, **more)
    await at.at_work("1001")
    card = await at.tasks.next("1001")
    assert isinstance(card, Card)
    return campaign_id, card


def test_an_opt_out_behind_an_errand_is_heeded_at_once(database_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id, _ = await talk(at, NO_MORE)
        async with at.dialing(campaign_id):
            await at.call("1001")
            await at.tasks.answer("1001", "no")
            (attempt,) = await at.attempts()
            heeded = [(one.phone, one.purpose, one.attempt_id) for one in await at.rows(DoNotDisturb)]
            assert heeded == [(phone(1), "marketing", attempt.id)]
            assert len(await at.rows(Outbox)) == 1
            with pytest.raises(TaskError, match="can't be gone back on"):
                await at.tasks.back("1001")
            await at.until("1001", HandlingState.WRAP_UP)
            # As a process left it that kept the entry, and no more:
            await at.db.run(lambda session: session.execute(delete(DoNotDisturb)) and None)
            assert (await at.tasks.finish("1001")).disposition == "opted_out"
        assert [(one.phone, one.purpose) for one in await at.rows(DoNotDisturb)] == [(phone(1), "marketing")]

    office(database_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_an_opt_out_is_kept_with_its_entry_or_not_at_all(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written, the next write fails: an entry without its opt-out would be known, and never heeded."""
    run = Database.run

    async def story(at: Office) -> None:
        campaign_id, first = await talk(at, NO_MORE.replace("no: text", "no: out"))
        async with at.dialing(campaign_id):
            await at.call("1001")
            written: list[object] = []

            async def once(self: Database, work: Callable[[Session], Any], *more: Any, **given: Any) -> Any:
                if self is at.db and "_keep" in getattr(work, "__qualname__", ""):
                    written.append(work)
                elif written:
                    raise DatabaseError("The database is away.")
                return await run(self, work, *more, **given)

            with monkeypatch.context() as gone:
                gone.setattr(Database, "run", once)
                await at.tasks.answer("1001", "no")
            assert len(written) == 1
            assert len((await at.handling(first.handling_id)).entries) == 1
            assert len(await at.rows(DoNotDisturb)) == 1
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001")

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_a_secret_is_neither_kept_with_an_errand_nor_recorded(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id, first = await talk(at, PIN)
        async with at.dialing(campaign_id):
            await at.call("1001")
            (hush,) = await at.rows(Supervision)  # the first thing that the script asks for
            assert (hush.kind, hush.stopping, hush.who) == (SupervisionKind.HUSH, False, "1001")
            await at.quiet("1001")
            await at.tasks.answer("1001", "739182")
            (hush,) = await at.rows(Supervision)
            assert hush.stopping
            entries = (await at.handling(first.handling_id)).entries
            assert [one["errand"]["body"] for one in entries if one["errand"]] == [{"pin": "***"}]
            assert "739182" not in json.dumps(entries)
            await at.tasks.back("1001")  # before the worker has heeded the step forward, or after it
            assert [one.stopping for one in await at.rows(Supervision)] == [True, False]
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.answer("1001", "739182")
            await at.tasks.finish("1001")
        assert "739182" not in json.dumps([one.entries for one in await at.rows(Handling)])

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_an_errand_whose_secret_is_gone_with_its_process_is_not_done(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []

    async def call(self: ApiClient, wait: ApiWait, attempt_id: str) -> ApiReplied:
        sent.append(wait.body)
        if len(sent) == 1:
            raise SystemError("the process dies")
        return ApiReplied(status=200)

    async def story(at: Office) -> None:
        campaign_id, _ = await talk(at, PIN)
        async with at.dialing(campaign_id):
            await at.call("1001", HandlingState.WRAP_UP)
            with pytest.raises(SystemError):
                await at.tasks.answer("1001", "739182")
            with pytest.raises(TaskError, match="What check needs is a secret that is kept nowhere"):
                await at.tasks.answer("1001")
            await at.tasks.back("1001")
            card = await at.tasks.answer("1001", "0000")  # as good a PIN as any while somebody knows it
            assert card.form.node == "fine"
            await at.tasks.finish("1001")
        assert sent == [{"pin": "739182"}, {"pin": "0000"}]

    monkeypatch.setattr(ApiClient, "call", call)
    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_an_agent_sees_no_password_hash(sqlite_url: str, tmp_path: Path) -> None:
    kept = make_hash("739182")

    async def story(at: Office) -> None:
        _, card = await talk(at, PIN, attributes={"plan": "Light", "password_hash": kept})
        assert card.contact == {"plan": "Light", "password_hash": "***"}

    office(sqlite_url, story, var=tmp_path)
