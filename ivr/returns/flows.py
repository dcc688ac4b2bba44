"""Which flow customers hear who call back: their campaign's, or the one that its strategy names for them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document
from ivr.model import FlowVersion
from ivr.strategy.strategy import Strategy, StrategyError


def return_flow(session: Session, flow: Flow, strategy: Strategy) -> Flow:
    """`flow` is the campaign's. Raises StrategyError for one that isn't there, or doesn't fit the campaign."""
    spec = strategy.spec.return_calls
    named = None if spec is None else spec.flow
    if named is None:
        return flow
    told = {"flow": named.name, "version": named.version}
    source = session.execute(
        select(FlowVersion.source).where(FlowVersion.flow == named.name, FlowVersion.version == named.version)
    ).scalar_one_or_none()
    if source is None:
        raise StrategyError(
            "Who calls back hears version {version} of {flow}, which isn't there; publish it, or name another.",
            **told,
        )
    other = load_document(source)
    if other.purpose != flow.purpose:
        raise StrategyError(
            "Who calls back hears version {version} of {flow}, whose purpose isn't the campaign's.", **told
        )
    missing = sorted(set(other.needs) - set(flow.needs))
    if missing:
        raise StrategyError(
            "Who calls back hears version {version} of {flow}, which needs {needs}: the campaign's flow doesn't.",
            needs=", ".join(missing),
            **told,
        )
    return other
