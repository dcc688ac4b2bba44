"""Runs flows: `start` and `resume` go on until the flow needs the world, and say what it needs.

Pure: no I/O, clock, logger, random. Everything that happened is in the events, everything that is needed to go on
is in the session. Limits and impossible conditions end the flow with an event; only a caller's mistake raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from flows import identity
from flows.events import CommandHeard, FlowEnded, NodeEntered, OptedOut
from flows.findings import FlowError, WrongResultError, WrongSessionError
from flows.flow import COMMON, Flow
from flows.nodes import AskNode, IdentityNode, Node, PlayNode
from flows.replies import failed, reply
from flows.results import CallEnded, Command, MachineDetected, Result, TransferEnded
from flows.run import Arm, Goto, Run, Step
from flows.session import Session, Sprint
from flows.values import CommandName, Scalar
from flows.visits import VISITS, play, question
from flows.waits import HangupWait, Wait

MAX_REPEATS = 3  # *repeat* at one node; after that it counts as not understood
DISPOSITION_INCOMPLETE = "incomplete"  # the call ended before the flow said what it came to
DISPOSITION_VOICEMAIL = "voicemail"

__all__ = ["MAX_REPEATS", "Session", "Sprint", "resume", "start"]


def start(
    flow: Flow,
    contact: Mapping[str, Scalar],
    *,
    constants: Mapping[str, Scalar] | None = None,
    entry: str | None = None,
) -> Sprint:
    """Begin a conversation. `contact` brings what the flow needs, and `phone` (or `tail`); `constants` are the
    campaign's own values; `entry` is one of the flow's entries or its `on_callback`, else its start. Raises
    FlowError when something that the flow needs isn't there."""
    if entry is not None and entry not in (*flow.spec.entries, flow.spec.on_callback):
        raise FlowError("{entry} is not among the `entries` of {name}", entry=entry, name=flow.name)
    missing = [name for name in flow.needs if contact.get(name) is None]
    if missing:
        raise FlowError("the contact has no {name}, which the flow {flow} needs", name=missing[0], flow=flow.name)
    unknown = sorted((constants or {}).keys() - flow.types.keys())
    if unknown:
        raise FlowError("the flow {flow} has no constant {name}", flow=flow.name, name=unknown[0])
    phone = str(contact.get("phone") or "")
    key = phone or json.dumps(dict(contact), sort_keys=True, default=str)
    variables: dict[str, Scalar] = {name: constant.value for name, constant in flow.spec.constants.items()}
    variables |= {"flow_name": flow.title, "tail": phone[-4:] or None} | dict(constants or {})
    variables |= {name: value for name, value in contact.items() if name in flow.types}
    session = Session(
        flow=flow.name, version=flow.version, seed=hashlib.sha256(key.encode()).hexdigest()[:16],
        node=entry or flow.spec.start, wait=None, variables=variables,
    )  # fmt: skip
    run = Run.of(flow, session)
    run.node = ""
    return _go_on(run, Goto(session.node, ""))


def resume(flow: Flow, session: Session, result: Result) -> Sprint:
    """Go on with what came back from the world. Raises WrongResultError for a result that the wait doesn't take
    (the session may be resumed again), WrongSessionError for a session that has ended or isn't this flow's."""
    if session.version != flow.version:
        raise WrongSessionError("the session belongs to version {theirs} of {flow}, not {ours}",
                                theirs=session.version[:12], ours=flow.version[:12], flow=flow.name)  # fmt: skip
    if session.wait is None:
        raise WrongSessionError("the conversation has ended at {node}", node=session.node)
    run = Run.of(flow, session)
    left = isinstance(result, TransferEnded) and result.status == "caller_left"
    if session.wait.kind == "transfer" and (left or isinstance(result, CallEnded)):
        return _left_in_transfer(run, session.wait)
    if isinstance(result, CallEnded):
        return _ended(run, session.wait)
    if isinstance(result, Command):
        return _go_on(run, _command(run, session.wait, result))
    if isinstance(result, MachineDetected):
        return _go_on(run, _machine(run, session.wait))
    if run.identity is not None:
        return _go_on(run, identity.reply(run, session.wait.kind, result))
    return _go_on(run, reply(run, session.wait.kind, result))


def _go_on(run: Run, step: Step) -> Sprint:
    """Follow arms from node to node until one waits."""
    while isinstance(step, (Arm, Goto)):
        previous = run.node or None
        arm = step.name if isinstance(step, Arm) else step.by
        if isinstance(step, Arm):
            target = run.here[1].arms().get(step.name)
            if target is None:
                return run.sprint(run.fail(f"missing arm: {step.name}"))
            node = run.qualified(target)
        else:
            node = step.node
        if run.steps >= run.flow.spec.limits.steps:
            return run.sprint(run.fail("limit: steps"))
        run.steps += 1
        run.node, run.attempt, run.repeats, run.last_failure = node, 1, 0, None
        run.events.append(NodeEntered(node=node, previous=previous, arm=arm or None))
        step = _visit(run)
    return run.sprint(step)


def _visit(run: Run) -> Step:
    _, node = run.here
    if node.kind != "opt_out":  # which settles its own
        run.dispose(node.disposition, node.intention, node.pending)
    return VISITS[node.kind](run, node)


def _command(run: Run, wait: Wait, command: Command) -> Step:
    """The global commands: the same at every question and every prompt; no flow can switch *opt out* off."""
    if wait.kind not in ("play", "ask"):
        raise WrongResultError("{node} waits for no command", node=run.node)
    run.events.append(CommandHeard(node=run.node, name=command.name, modality=command.modality))
    if command.name is CommandName.REPEAT:
        return _repeat(run)
    identity.leave(run)
    run.stack.clear()
    if command.name is CommandName.OPT_OUT:
        run.events.append(OptedOut(node=run.node, purpose=run.flow.purpose))
        run.settle("opted_out", "opted_out", "declined")
        return _common(run, "opt_out")
    agent = run.flow.spec.on_agent
    if command.name is CommandName.AGENT:
        return Goto(agent, "agent") if agent else _common(run, "agent")
    run.settle("complaint", "complaint", "declined")
    if run.flow.spec.on_complaint:
        return Goto(run.flow.spec.on_complaint, "complaint")
    run.stack.append(agent or run.flow.qualified(COMMON, "transfer"))
    return _common(run, "complaint")


def _common(run: Run, entry: str) -> Goto:
    for name, constant in run.flow.units[COMMON].spec.constants.items():
        run.variables.setdefault(name, constant.value)
    return Goto(run.flow.qualified(COMMON, entry), entry)


def _repeat(run: Run) -> Step:
    _, node = run.here
    run.repeats += 1
    if run.repeats <= MAX_REPEATS:
        return _again(run, node)
    if isinstance(node, IdentityNode):
        return identity.in_vain(run, "no_match")
    return failed(run, "no_match") if isinstance(node, AskNode) else Arm("next")


def _again(run: Run, node: Node) -> Step:
    if isinstance(node, AskNode):
        return question(run, node, full=True)
    if isinstance(node, IdentityNode):
        return identity.question(run, node)
    assert isinstance(node, PlayNode)
    return play(run, node)


def _machine(run: Run, wait: Wait) -> Step:
    """An answering machine: the flow's message, or hang up. Detected once; after that it is only noise."""
    if wait.kind not in ("play", "ask"):
        raise WrongResultError("{node} doesn't mind machines", node=run.node)
    identity.leave(run)
    target = run.flow.spec.on_machine
    if target is not None and not run.machine:
        run.machine = True
        run.stack.clear()
        return Goto(target, "machine")
    run.dispose(DISPOSITION_VOICEMAIL, "unreachable")
    return HangupWait(node=run.node)


def _left_in_transfer(run: Run, wait: Wait) -> Sprint:
    """The caller hung up while they waited for a person: go by the `caller_left` arm as far as it leads without
    them."""
    if "caller_left" in run.here[1].arms():
        _go_on(run, Arm("caller_left"))
    return _ended(run, wait)


def _ended(run: Run, wait: Wait) -> Sprint:
    identity.leave(run)
    if run.disposition is None:
        run.dispose(DISPOSITION_INCOMPLETE)
    if run.failed:
        run.events.append(FlowEnded(reason="failed"))
    else:
        run.events.append(FlowEnded(reason="hangup" if wait.kind == "hangup" else "call_ended"))
    return run.sprint(None)
