"""What the arms of an A/B test hear: for each arm that differs from its campaign, the deps of its calls.

An arm may have another version of the campaign's flow, prompts of its own laid over the others, or both."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document
from ivr.database import Database
from ivr.flow_versions import version_of
from ivr.session.deps import CallDeps
from ivr.strategy.schema import ArmSpec
from ivr.strategy.strategy import Strategy, StrategyError
from ivr.studio import Studio
from prompts.catalogue import Catalogue
from prompts.renderer import Renderer


async def arm_deps(
    stack: AsyncExitStack, studio: Studio, database: Database, strategy: Strategy, deps: CallDeps
) -> Mapping[str, CallDeps]:
    """The deps of each arm that hears something else than `deps` say, by name; `stack` closes what is opened.

    Raises StrategyError for an arm that can't be heard, PromptError for prompts that can't be said."""
    split = strategy.spec.split
    flows = await database.read(lambda session: arm_flows(session, deps.flow, strategy))
    if split is None:
        return {}
    found: dict[str, CallDeps] = {}
    for name, flow in flows.items():
        arm = split.arms[name]
        own = _studio(stack, studio, arm)
        if own is studio and flow is deps.flow:
            continue
        limit_s = float(flow.spec.limits.call_s)
        found[name] = replace(deps, flow=flow, speaker=await own.speaker(flow), call_limit_s=limit_s)
    return found


def arm_flows(session: Session, flow: Flow, strategy: Strategy) -> Mapping[str, Flow]:
    """The flow of each arm, by the arm's name; of a strategy without a split none.

    Raises StrategyError for a version that isn't there, or that the campaign's lists and trunks don't fit."""
    split = strategy.spec.split
    arms = split.arms if split is not None else {}
    return {name: _flow(session, flow, name, arm) for name, arm in arms.items()}


def _flow(session: Session, flow: Flow, name: str, arm: ArmSpec) -> Flow:
    if arm.flow_version is None:
        return flow
    version = version_of(session, flow.name, arm.flow_version)
    told = {"arm": name, "version": arm.flow_version, "flow": flow.name}
    if version is None:
        sentence = (
            "The arm {arm} hears version {version} of {flow}, which isn't there; publish it, or name another."
        )
        raise StrategyError(sentence, **told)
    other = load_document(version.source)
    if (other.language, other.purpose) != (flow.language, flow.purpose):
        raise StrategyError(
            "The arm {arm} hears version {version} of {flow}, whose language or purpose isn't the campaign's.",
            **told,
        )
    missing = sorted(set(other.needs) - set(flow.needs))
    if missing:
        raise StrategyError(
            "The arm {arm} hears version {version} of {flow}, which needs {needs}: the campaign's flow doesn't.",
            needs=", ".join(missing),
            **told,
        )
    return other


def _studio(stack: AsyncExitStack, studio: Studio, arm: ArmSpec) -> Studio:
    """With the arm's prompts over the others."""
    if arm.prompts is None:
        return studio
    catalogue = Catalogue.load((*studio.settings.paths.prompts, Path(arm.prompts)))
    cache = studio.settings.cache_dir / "prompts"
    renderer = Renderer(catalogue, studio.synthesizer, cache, studio.voices)

    async def close() -> None:
        await studio.clock.outside(renderer.close())

    stack.push_async_callback(close)
    return replace(studio, catalogue=catalogue, renderer=renderer)
