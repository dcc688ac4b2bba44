"""The queues that a flow hands calls to, and which of them are missing."""

from __future__ import annotations

from collections.abc import Collection

from flows.flow import COMMON, Flow
from flows.nodes import TransferNode
from ivr.desk.errors import DeskError


def own_queues(flow: Flow) -> tuple[str, ...]:
    """The queues that the flow's own nodes hand calls to: those of its people, not of whom a callee may ask for
    anywhere. Without any: those."""
    own = {
        node.transfer.queue: None
        for unit, _, _, node in flow.walk()
        if isinstance(node, TransferNode) and unit != COMMON
    }
    return tuple(own) or queues_of(flow)


def queues_of(flow: Flow) -> tuple[str, ...]:
    """The queues that the flow hands calls to, in its order."""
    named = {
        node.transfer.queue: None
        for unit, _, _, node in flow.walk()
        if isinstance(node, TransferNode) and not (unit == COMMON and flow.spec.on_agent)
    }
    return tuple(named)


def missing_queues(flow: Flow, known: Collection[str]) -> tuple[DeskError, ...]:
    """A warning for each queue that the flow hands calls to and the roster (`known`) doesn't have. Without any
    roster: one, where the flow's own document hands calls over; where another's does it is said when somebody asks
    for a person (`ivr.session.progress.NoQueue`)."""
    expected = queues_of(flow) if known else _of_own_document(flow)
    return tuple(missing_queue(queue, known) for queue in expected if queue not in known)


def missing_queue(queue: str, known: Collection[str]) -> DeskError:
    """What is missing where calls are handed to this queue, and what to do. `known` are the queues that there are;
    none: there is no roster."""
    if not known:
        return DeskError(
            "The flow hands calls to people (queue {queue}), and there is no roster: nobody takes them. Take one "
            "in with ivr desk load roster.yaml (docs/desk.md); ivr rehearse and ivr call also take --roster FILE.",
            queue=queue,
        )
    return DeskError(
        "The flow hands calls to the queue {queue}, which the roster doesn't have (it has {known}): nobody takes "
        "them. Add it to the roster's queues (docs/desk.md).",
        queue=queue,
        known=", ".join(sorted(known)),
    )


def _of_own_document(flow: Flow) -> tuple[str, ...]:
    nodes = flow.units[flow.name].spec.nodes.values()
    return tuple(node.transfer.queue for node in nodes if isinstance(node, TransferNode))[:1]
