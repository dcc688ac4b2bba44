"""What came of a wait: with one of these the interpreter goes on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flows.values import CommandName, Frozen, Modality, Scalar


class Played(Frozen):
    """The prompts of a PlayWait or MessageWait are over, or the caller interrupted them for good."""

    kind: Literal["played"] = "played"
    interrupted: bool = False


class Input(Frozen):
    """An answer. `value` is one of the node's values (yes, no, 1–5, a choice, digits)."""

    kind: Literal["input"] = "input"
    value: str
    modality: Modality
    transcript: str | None = None
    confidence: float | None = None
    reaction_ms: int | None = None  # from the prompt's end to the answer's begin; negative over the prompt
    rule: str | None = None  # what decided: "key", "grammar", "two-pass", …


class NoInput(Frozen):
    kind: Literal["no_input"] = "no_input"


class NoMatch(Frozen):
    kind: Literal["no_match"] = "no_match"
    transcript: str | None = None


class Command(Frozen):
    kind: Literal["command"] = "command"
    name: CommandName
    modality: Modality
    transcript: str | None = None


class MachineDetected(Frozen):
    """An answering machine, not a person: accepted by any PlayWait or AskWait."""

    kind: Literal["machine"] = "machine"


TransferStatus = Literal[
    "answered",  # agent and caller talked, and the agent hung up
    "declined",
    "busy",
    "no_answer",  # nobody picked up, or whoever did pressed no key
    "machine",  # the agent's answering machine picked up
    "no_agent",  # nobody there to be called
    "unlikely",  # nobody was likely to be free soon, so that nobody was offered
    "timed_out",  # the caller waited, and nobody was free in time
    "callback",  # the caller would rather be called back than wait
    "caller_left",
    "trunk",  # the network couldn't do it: no channel free, no way, no bridge
]


class TransferEnded(Frozen):
    kind: Literal["transfer_ended"] = "transfer_ended"
    status: TransferStatus
    agent: str | None = None  # the agent's number


CheckStatus = Literal[
    "right",
    "wrong",
    "unknown",  # there is nothing on record to compare with: another method may do
    "locked",  # too many wrong entries: nothing is compared for a while
    "unavailable",  # nobody can say now
]
IdentityOutcome = Literal["verified", "failed", "refused", "no_input", "locked", "unavailable"]
MethodOutcome = Literal["verified", "failed", "refused", "no_input", "locked", "unavailable", "unknown"]


class IdentityChecked(Frozen):
    """What the checker says of one entry."""

    kind: Literal["identity_checked"] = "identity_checked"
    status: CheckStatus


class IdentityJudged(Frozen):
    """A person has checked who the customer is, on the script's form: accepted wherever an identity node waits."""

    kind: Literal["identity_judged"] = "identity_judged"
    method: str  # password, name_address, id …
    result: IdentityOutcome


class CallbackBooked(Frozen):
    kind: Literal["callback_booked"] = "callback_booked"
    ok: bool = True
    at: str | None = None  # as it should be spoken


class SmsQueued(Frozen):
    kind: Literal["sms_queued"] = "sms_queued"
    ok: bool = True


class ApiReplied(Frozen):
    """`status` is the HTTP status, or None when nothing answered in time (the node's `offline` arm)."""

    kind: Literal["api_replied"] = "api_replied"
    status: int | None
    body: dict[str, Scalar] = Field(default_factory=dict)


class CallEnded(Frozen):
    """The call is over: accepted by every wait; ends the flow."""

    kind: Literal["call_ended"] = "call_ended"
    by: Literal["callee", "us", "network"]


Result = Annotated[
    Played
    | Input
    | NoInput
    | NoMatch
    | Command
    | MachineDetected
    | TransferEnded
    | IdentityChecked
    | IdentityJudged
    | CallbackBooked
    | SmsQueued
    | ApiReplied
    | CallEnded,
    Field(discriminator="kind"),
]
