"""Which flow customers hear who call back: their campaign's, or the one that its strategy names for them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document
from ivr.flow_versions import version_of
from ivr.strategy.strategy import Strategy, StrategyError


def return_flow(session: Session, flow: Flow, strategy: Strategy) -> Flow:
    """`flow` is the campaign's. Raises StrategyError for one that isn't there, or doesn't fit the campaign."""
    named = strategy.spec.return_flow
    if named is None:
        return flow
    told = {"flow": named.name, "version": named.version}
    version = version_of(session, named.name, named.version)
    if version is None:
        raise StrategyError(
            "Who calls back hears version {version} of {flow}, which isn't there; publish it, or name another.",
            **told,
        )
    other = load_document(version.source)
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
