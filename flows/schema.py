"""The whole document: what stands in a flow file, as pydantic models. `flows.nodes` has the node kinds."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from flows.nodes import (
    ApiNode,
    AskNode,
    CallbackNode,
    HangupNode,
    IdentityNode,
    MessageNode,
    Node,
    OptOutNode,
    PlayNode,
    ReturnNode,
    SetNode,
    SmsNode,
    SplitNode,
    SubflowNode,
    SwitchNode,
    TransferNode,
    kind_of,
)
from flows.parts import Constant, Limits, Name, Purpose, Text, VariableType
from flows.values import Frozen
from flows.waits import BargeIn

SCHEMA_VERSION = 1
MAX_NODES = 500

# There in every flow without being declared.
SYSTEM_VARIABLES: dict[str, str] = {
    "tail": "digits",  # the last four digits of the number called
    "flow_name": "text",  # the flow's title
    "summary": "text",  # in a transfer's brief: the transfer's own `summary`
    "answers": "text",  # in a transfer's brief: what the callee has answered, in the agent's language
}
BRIEF_VARIABLES = frozenset({"summary", "answers"})


def _tag(raw: Any) -> str | None:
    if isinstance(raw, Node):
        return f"<{raw.kind}>"
    kind = kind_of(raw)
    return f"<{kind}>" if kind else None


# Tags stand in angle brackets so that no path through the file can be mistaken for one.
AnyNode = Annotated[
    Annotated[PlayNode, Tag("<play>")]
    | Annotated[AskNode, Tag("<ask>")]
    | Annotated[SwitchNode, Tag("<switch>")]
    | Annotated[SetNode, Tag("<set>")]
    | Annotated[TransferNode, Tag("<transfer>")]
    | Annotated[IdentityNode, Tag("<identity>")]
    | Annotated[CallbackNode, Tag("<callback>")]
    | Annotated[OptOutNode, Tag("<opt_out>")]
    | Annotated[MessageNode, Tag("<message>")]
    | Annotated[SmsNode, Tag("<sms>")]
    | Annotated[ApiNode, Tag("<call_api>")]
    | Annotated[SubflowNode, Tag("<subflow>")]
    | Annotated[SplitNode, Tag("<split>")]
    | Annotated[HangupNode, Tag("<hangup>")]
    | Annotated[ReturnNode, Tag("<return>")],
    Discriminator(_tag),
]


class FlowSpec(Frozen):
    """One flow file."""

    schema_: Literal[1] = Field(alias="schema", description="the version of this language: 1")
    flow: Name = Field(description="the flow's name; the file is called after it")
    title: Text | None = Field(default=None, description="what people call it; `{flow_name}` in prompts")
    language: str = Field(
        pattern=re.compile(r"^[a-z]{2,3}(-[A-Z]{2})?$"), description="of the prompts: zh-CN, en, ko"
    )
    purpose: Purpose = Field(description="policy, numbers and do-not-disturb depend on it")
    needs: dict[Name, VariableType] = Field(
        default_factory=dict, max_length=100, description="what every row of the list must bring, with its type"
    )
    constants: dict[Name, Constant] = Field(
        default_factory=dict, max_length=100, description="values of the flow itself; a campaign may override them"
    )
    limits: Limits = Limits()
    barge_in: BargeIn = Field(default=BargeIn(), description="for nodes that don't say otherwise")
    start: Name = Field(description="the first node")
    entries: tuple[Name, ...] = Field(
        default=(), max_length=50, description="nodes where other flows may enter this one as a subflow"
    )
    on_machine: Name | None = Field(
        default=None, description="node for an answering machine; without it: hang up, disposition `voicemail`"
    )
    on_agent: Name | None = Field(
        default=None, description="node for the command *agent*; without it: the built-in transfer"
    )
    on_complaint: Name | None = Field(
        default=None, description="node for a complaint; without it: apologise, then as for *agent*"
    )
    on_callback: Name | None = Field(
        default=None, description="node where a call begins that the callee had asked for; without it: `start`"
    )
    nodes: dict[Name, AnyNode] = Field(min_length=1, max_length=MAX_NODES)
