"""Which flow customers hear who call back, and what is signed with it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from flows.loader import loads
from ivr.campaigns.hashing import parts_of
from ivr.config import Settings
from ivr.database import Database
from ivr.flow_versions import version_row
from ivr.model import Campaign
from ivr.returns.flows import return_flow
from ivr.strategy import Strategy
from ivr.strategy import loads as load_strategy
from ivr.strategy.strategy import StrategyError
from tests.worker_rig.scene import FLOW, anytime

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
OWN = loads(FLOW.format(name="own", purpose="marketing").encode())


def strategy(flow: str = "") -> Strategy:
    return load_strategy(f"schema: 1\nstrategy: back\nreturn_calls: {{{flow}}}\n".encode())


def publish(session: Session, name: str, purpose: str = "marketing", more: str = "") -> int:
    return version_row(session, loads((FLOW.format(name=name, purpose=purpose) + more).encode()), "test", NOW).id


async def test_the_campaigns_own_unless_the_strategy_names_another(db: Database) -> None:
    await db.run(lambda session: publish(session, "other"))
    named = strategy("flow: {name: other, version: 1}")
    assert await db.read(lambda session: return_flow(session, OWN, strategy())) is OWN
    assert (await db.read(lambda session: return_flow(session, OWN, named))).name == "other"


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("{name: other, version: 2}", "isn't there"),
        ("{name: service, version: 1}", "purpose isn't the campaign's"),
        ("{name: needy, version: 1}", "needs tariff"),
    ],
)
async def test_one_that_doesnt_fit_is_refused(db: Database, named: str, sentence: str) -> None:
    def fill(session: Session) -> None:
        publish(session, "other")
        publish(session, "service", "service")
        publish(session, "needy", more="needs: {tariff: text}\n")

    await db.run(fill)
    with pytest.raises(StrategyError, match=sentence):
        await db.read(lambda session: return_flow(session, OWN, strategy(f"flow: {named}")))


async def test_it_is_part_of_what_is_approved(db: Database) -> None:
    def signed(session: Session, of: Strategy) -> str:
        campaign = session.get_one(Campaign, 1)
        campaign.strategy = of.document
        return parts_of(session, campaign, Settings().paths.prompts)["flow"]

    def work(session: Session) -> tuple[str, str]:
        own = publish(session, "own")
        publish(session, "other")
        session.add(
            Campaign(
                name="c", flow_version_id=own, purpose="marketing", concurrency=1, policy=anytime(),
                strategy=strategy().document, created_at=NOW, created_by="test",
            )
        )  # fmt: skip
        session.flush()
        return signed(session, strategy()), signed(session, strategy("flow: {name: other, version: 1}"))

    without, named = await db.run(work)
    assert without != named
