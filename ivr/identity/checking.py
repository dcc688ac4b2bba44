"""Whether what a customer has keyed is right: by a hash of the list's, or by a system that is asked.

One `IdentityChecks` serves the calls of one campaign. It counts before it compares: a number with too many wrong
entries, in this call and earlier ones, is locked, and nobody is asked about it any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, cast, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.nodes import IdentityNode
from flows.results import CheckStatus
from flows.values import Scalar
from flows.waits import IdentityWait
from ivr.asking import FAULTS, AskedSystem, Manners, token_of
from ivr.config import CheckerSettings, ConfigError, IdentitySettings, Settings
from ivr.database import Database, DatabaseError
from ivr.identity.hashes import UnreadableHashError, fits, shareable
from ivr.identity.rows import wrong_entries
from ivr.model import Campaign
from ivr.policy.policy import CampaignRules

log = logging.getLogger(__name__)
NOBODYS = ("", "-")  # in the column of those who have no such password
HASHED_AT_ONCE = 2  # comparisons with argon2id need 64 MiB each


@dataclass(frozen=True, slots=True)
class Question:
    """Whose entry is to be compared, of which method. Its digits are in no log."""

    attempt_id: str
    task_id: int
    phone: str
    attributes: Mapping[str, Scalar]
    wait: IdentityWait


class Checker(Protocol):
    """Decides what is right. It never raises: whoever can't say is unavailable."""

    async def check(self, question: Question) -> CheckStatus: ...

    async def close(self) -> None: ...


class HttpChecker:
    """A system that is asked, `[checkers.NAME]`: it is told number, method and digits, and says one word."""

    def __init__(self, name: str, settings: CheckerSettings, campaign: str, purpose: str) -> None:
        """Raises ConfigError when its token isn't there."""
        self._name, self._campaign, self._purpose = name, campaign, purpose
        self._system = AskedSystem(
            Manners(
                settings.url,
                token_of("checkers", name, settings.token_env),
                settings.deadline_ms,
                settings.at_once,
                settings.failures,
                settings.rest_s,
            )
        )

    async def check(self, question: Question) -> CheckStatus:
        if not self._system.may_ask():
            return "unavailable"
        asked = {
            "campaign": self._campaign,
            "purpose": self._purpose,
            "phone": question.phone,
            "task_id": question.task_id,
            "attempt_id": question.attempt_id,
            "attributes": shareable(question.attributes),
            "method": question.wait.method,
            "digits": question.wait.digits,
        }
        try:
            status = _status(await self._system.ask(asked, question.wait.timeout_s))
        except FAULTS as error:
            self._system.failed()
            extra = {"source": self._name, "attempt_id": question.attempt_id, "error": type(error).__name__}
            log.warning("identity_unavailable", extra=extra)
            return "unavailable"
        self._system.answered()
        return status

    async def close(self) -> None:
        await self._system.close()


def _status(said: Any) -> CheckStatus:
    """`{"result": "right"}` and the like. Raises ValueError for anything else."""
    word = said.get("result") if isinstance(said, dict) else None
    if word not in get_args(CheckStatus):
        raise ValueError("the reply has no result that we know")
    return cast(CheckStatus, word)


class HashChecker:
    """The contact's own attribute, that the method names, holds a salted hash."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(HASHED_AT_ONCE)

    async def check(self, question: Question) -> CheckStatus:
        kept = question.attributes.get(question.wait.against or "")
        if kept is None or str(kept).strip() in NOBODYS:
            return "unknown"
        try:
            async with asyncio.timeout(question.wait.timeout_s):
                right = await self._fits(question.wait.digits, str(kept))
        except TimeoutError:
            late = {"source": "hash", "attempt_id": question.attempt_id, "error": "TimeoutError"}
            log.warning("identity_unavailable", extra=late)
            return "unavailable"
        except UnreadableHashError as error:
            extra = {"attempt_id": question.attempt_id, "column": question.wait.against, "why": str(error)}
            log.warning("identity_hash_unreadable", extra=extra)
            return "unavailable"
        return "right" if right else "wrong"

    async def _fits(self, digits: str, kept: str) -> bool:
        """A comparison that nobody waits for any more goes on in its thread, and keeps its place meanwhile."""
        await self._places.acquire()
        comparing = asyncio.ensure_future(asyncio.to_thread(fits, digits, kept))
        comparing.add_done_callback(lambda _: self._places.release())
        return await asyncio.shield(comparing)

    async def close(self) -> None: ...


class IdentityChecks:
    """Of one campaign's calls. `checker` None: nobody but the list can say."""

    def __init__(self, settings: IdentitySettings, database: Database, checker: Checker | None) -> None:
        self._settings = settings
        self._database = database
        self._checker = checker
        self._hashes = HashChecker()

    async def check(self, question: Question) -> CheckStatus:
        since = self._database.clock.now() - timedelta(hours=self._settings.locked_h)
        try:
            before = await self._database.read(lambda session: wrong_entries(session, question.phone, since))
        except DatabaseError as error:  # whether the number is locked can't be known, so nothing is compared
            extra = {"source": "database", "attempt_id": question.attempt_id, "error": type(error).__name__}
            log.warning("identity_unavailable", extra=extra)
            return "unavailable"
        if before + question.wait.wrong >= self._settings.wrong_at_most:
            return "locked"
        checker = self._checker if question.wait.against is None else self._hashes
        if checker is None:
            return "unavailable"
        return await self._database.clock.outside(checker.check(question))

    async def close(self) -> None:
        if self._checker is not None:
            await self._checker.close()


async def identity_checks(
    settings: Settings, rules: CampaignRules, database: Database, *, real: bool = True
) -> IdentityChecks:
    """For one campaign's calls. Not `real`: nobody else is asked about made-up people.

    Raises ConfigError when a token isn't there."""
    checker: Checker | None = None
    if real and settings.checkers:

        def named(session: Session) -> str:
            return session.execute(select(Campaign.name).where(Campaign.id == rules.campaign_id)).scalar_one()

        campaign = await database.read(named)
        for name, one in settings.checkers.items():
            for_it = not one.campaigns or campaign in one.campaigns
            if for_it and (not one.purposes or rules.purpose in one.purposes):
                checker = HttpChecker(name, one, campaign, rules.purpose)
                break
    return IdentityChecks(settings.identity, database, checker)


def missing_checker(flow: Flow, settings: Settings, *, real: bool = True) -> tuple[ConfigError, ...]:
    """A warning when the flow checks who customers are, and nobody can say what is right."""
    if real and settings.checkers:
        return ()
    for unit, _, name, node in flow.walk():
        if isinstance(node, IdentityNode) and any(one.against is None for one in node.identity.methods):
            return (_nobody_says(flow.qualified(unit, name), real=real),)
    return ()


def _nobody_says(node: str, *, real: bool) -> ConfigError:
    if not real:
        return ConfigError(
            "{node} checks who customers are by another system, which isn't asked about made-up people: it takes "
            "`unavailable`.",
            node=node,
        )
    return ConfigError(
        "{node} checks who customers are, and nobody can say what is right: it takes `unavailable` (add "
        "[checkers.NAME], or compare with a column by `against`).",
        node=node,
    )
