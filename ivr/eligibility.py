"""Asked live: another system says, just before a number is dialled, whether it may be and with what values.

Tables `[eligibility.NAME]` in ivr.toml name the systems; the first that fits a campaign is asked about each of its
numbers between lease and dialling. Its deadline is kept; so many questions are on their way at once, at most; one
that fails again and again isn't asked for a while, so that calls aren't slowed. What it says is on record as a
decision by the rule `not_eligible`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flows.values import Scalar
from ivr.asking import FAULTS, AskedSystem, Manners, token_of
from ivr.config import EligibilitySettings, Settings
from ivr.contacts_import.report import CellError, shown
from ivr.contacts_import.values import convert
from ivr.database import Database
from ivr.dialer import store
from ivr.identity.hashes import shareable
from ivr.model import Campaign, Contact, DecisionStage
from ivr.policy.decide import Decision, Rule, Verdict
from ivr.policy.policy import CampaignRules
from ivr.policy.record import note
from ivr.policy.words import NO_ANSWER

log = logging.getLogger(__name__)
LONGEST_LATER = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the system said. `until` of later; `attributes` replace the contact's."""

    verdict: Verdict
    reason: str = ""
    until: datetime | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


class Eligibility:
    """Asks one system for one campaign. `close` it when the campaign is over."""

    def __init__(self, name: str, settings: EligibilitySettings, campaign: str, database: Database) -> None:
        self._name, self._settings, self._campaign, self._database = name, settings, campaign, database
        self._system = AskedSystem(
            Manners(
                settings.url,
                token_of("eligibility", name, settings.token_env),
                settings.deadline_ms,
                settings.at_once,
                settings.failures,
                settings.rest_s,
            )
        )

    async def ask(self, lease: store.Lease, rules: CampaignRules) -> store.Lease | None:
        """The lease with the values that hold now; None: its number isn't to be called, and its task says why."""
        answer = await self._answer(lease, rules)
        if answer is None:
            answer = self._without()
        if answer.verdict is Verdict.CALL:
            if not answer.attributes or dict(answer.attributes).items() <= lease.attributes.items():
                return lease
            values = {**lease.attributes, **answer.attributes}
            await self._database.run(lambda session: _keep_values(session, lease, values))
            return lease._replace(attributes=values)
        detail: dict[str, Scalar] = {"source": self._name, "said": answer.reason or "-"}
        decision = Decision(answer.verdict, Rule.NOT_ELIGIBLE, answer.until, detail)
        now = self._database.clock.now()

        def write(session: Session) -> None:
            note(session, rules, {lease.task_id: decision}, DecisionStage.PLACE, now)
            store.apply(session, {lease.task_id: decision}, now)

        await self._database.run(write)
        return None

    async def close(self) -> None:
        await self._system.close()

    def _without(self) -> Answer:
        """What holds when nobody has answered in time."""
        verdict = Verdict(self._settings.on_failure)
        until = None
        if verdict is Verdict.LATER:
            until = self._database.clock.now() + timedelta(seconds=self._settings.retry_s)
        return Answer(verdict, NO_ANSWER, until)

    async def _answer(self, lease: store.Lease, rules: CampaignRules) -> Answer | None:
        """None: nothing that can be used came in time, or nobody was asked because nothing does."""
        if not self._system.may_ask():
            return None
        question = {
            "campaign": self._campaign,
            "purpose": rules.purpose,
            "phone": lease.phone,
            "task_id": lease.task_id,
            "attributes": shareable(lease.attributes),
        }
        try:
            answer = read_answer(await self._system.ask(question), rules, self._database.clock.now())
        except FAULTS as error:
            self._system.failed()
            extra = {"source": self._name, "task_id": lease.task_id, "error": type(error).__name__}
            log.warning("eligibility_failed", extra=extra)
            return None
        self._system.answered()
        return answer


def read_answer(said: Any, rules: CampaignRules, now: datetime) -> Answer:
    """What a reply means: `{"eligible": true, "attributes": {…}}`, `{"eligible": false, "reason": "…"}` or
    `{"later": moment or seconds, "reason": "…"}`. Raises ValueError for anything else."""
    if not isinstance(said, dict):
        raise ValueError("the reply is no JSON object")  # noqa: TRY004 one error type for all unusable replies
    reason = shown(said.get("reason") or "")
    if "later" in said:
        return Answer(Verdict.LATER, reason, _moment(said["later"], now))
    if said.get("eligible") is False:
        return Answer(Verdict.NEVER, reason)
    if said.get("eligible") is not True:
        raise ValueError("the reply says neither eligible nor later")
    return Answer(Verdict.CALL, reason, None, _attributes(said.get("attributes") or {}, rules))


def _moment(later: Any, now: datetime) -> datetime:
    if isinstance(later, (int, float)) and not isinstance(later, bool):
        moment = now + timedelta(seconds=min(max(0.0, float(later)), LONGEST_LATER.total_seconds()))
    else:
        moment = datetime.fromisoformat(str(later))
        if moment.tzinfo is None:
            raise ValueError("the moment has no time zone")
    return min(max(moment.astimezone(UTC), now), now + LONGEST_LATER)


def _attributes(said: Any, rules: CampaignRules) -> dict[str, Scalar]:
    """Values of what the flow and the policy know, by their types; what nobody knows is left aside."""
    if not isinstance(said, dict):
        raise ValueError("attributes is no JSON object")  # noqa: TRY004 as above
    types = {**rules.policy.spec.attributes, **rules.types}
    try:
        return {name: convert(_plain(value), types[name]) for name, value in said.items() if name in types}
    except CellError as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> str | int | float | bool:
    if not isinstance(value, (str, int, float, bool)):
        raise ValueError("an attribute is no plain value")  # noqa: TRY004 as above
    return value


def _keep_values(session: Session, lease: store.Lease, values: dict[str, Scalar]) -> None:
    session.execute(update(Contact).where(Contact.id == lease.contact_id).values(attributes=values))


async def eligibility_of(settings: Settings, rules: CampaignRules, database: Database) -> Eligibility | None:
    """Whom to ask about the campaign's numbers; None: nobody. Raises ConfigError when a token isn't there."""
    if not settings.eligibility:
        return None
    campaign = await database.read(
        lambda session: session.execute(select(Campaign.name).where(Campaign.id == rules.campaign_id)).scalar_one()
    )
    for name, one in settings.eligibility.items():
        if (not one.campaigns or campaign in one.campaigns) and (
            not one.purposes or rules.purpose in one.purposes
        ):
            return Eligibility(name, one, campaign, database)
    return None
