"""The node kinds, one class each. A node is a mapping with exactly one kind key, its arms beside it.

`arms` says where a node can go; `KINDS` is the registry that everything else walks. The reference page shows each
class's docstring and `example`."""

from __future__ import annotations

from typing import Any

from flows.nodes.base import ARM_FIELDS, Node
from flows.nodes.people import (
    CallbackNode,
    CallbackSpec,
    IdentityMethod,
    IdentityNode,
    IdentitySpec,
    OptOutNode,
    TransferNode,
    TransferSpec,
)
from flows.nodes.systems import ApiNode, ApiSpec, MessageNode, MessageSpec, SmsNode, SmsSpec
from flows.nodes.talk import AskNode, AskSpec, HangupNode, PlayNode
from flows.nodes.ways import Case, Computed, ReturnNode, SetNode, SplitNode, SubflowNode, SubflowSpec, SwitchNode

__all__ = [
    "ARM_FIELDS",
    "KINDS",
    "ApiNode",
    "ApiSpec",
    "AskNode",
    "AskSpec",
    "CallbackNode",
    "CallbackSpec",
    "Case",
    "Computed",
    "HangupNode",
    "IdentityMethod",
    "IdentityNode",
    "IdentitySpec",
    "MessageNode",
    "MessageSpec",
    "Node",
    "OptOutNode",
    "PlayNode",
    "ReturnNode",
    "SetNode",
    "SmsNode",
    "SmsSpec",
    "SplitNode",
    "SubflowNode",
    "SubflowSpec",
    "SwitchNode",
    "TransferNode",
    "TransferSpec",
    "kind_of",
]

KINDS: dict[str, type[Node]] = {
    cls.kind: cls
    for cls in (
        PlayNode,
        AskNode,
        SwitchNode,
        SetNode,
        TransferNode,
        IdentityNode,
        CallbackNode,
        OptOutNode,
        MessageNode,
        SmsNode,
        ApiNode,
        SubflowNode,
        SplitNode,
        HangupNode,
        ReturnNode,
    )
}


def kind_of(raw: Any) -> str | None:
    """The kind of a node as it stands in the file; None when it has none, or several. An arm may be called like
    another kind: a transfer's `callback` is one."""
    found = [kind for kind in KINDS if isinstance(raw, dict) and kind in raw]
    arms = {arm for kind in found for arm in KINDS[kind].optional_arms}
    found = [kind for kind in found if kind not in arms] or found
    return found[0] if len(found) == 1 else None
