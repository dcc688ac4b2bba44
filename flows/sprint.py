"""What the interpreter says and hears: the waits it stops at, the results that resume it, the events it leaves.

A *sprint* is what happens between two waits (goflow's term). `start` and `resume` run the flow until it needs
the world: then they return a `Sprint` with the session (plain JSON), the events of this sprint in order, and
exactly one wait, or none when the flow has ended. Barge-in, endpointing and recognition happen inside a wait;
the interpreter sees the result alone. Every type is frozen and survives a JSON round trip.

All of them stand in one file: `Wait`, `Result` and `Event` are the whole of what goes out and in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = str | int | float | bool | None
SECRET = "***"  # noqa: S105  # what stands for secret digits wherever they would be shown or stored


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Modality(StrEnum):
    SPEECH = "speech"
    KEYS = "keys"
    AGENT = "agent"  # entered by a person into the script's form


class CommandName(StrEnum):
    """Things a caller may ask for anywhere. No flow can switch OPT_OUT off."""

    AGENT = "agent"
    REPEAT = "repeat"
    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"


# ---- what is said -------------------------------------------------------------------------------------------


class PromptRef(Frozen):
    """One prompt: an id of the catalogue or an inline template, with the variables as they are now."""

    id: str | None = None
    text: str | None = None
    variables: dict[str, Scalar] = Field(default_factory=dict)
    types: dict[str, str] = Field(default_factory=dict)  # variable -> declared type (money, date, digits…)


class SpeechBargeIn(Frozen):
    """Talk-over pauses, then decides. Words in `ignore` resume the prompt; words in `always` stop it for good."""

    after_s: float = 0.0  # speech earlier than this after the prompt's start is not talk-over
    ignore: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    min_chars: int = 2  # fewer recognised characters (words where words are spaced) resume the prompt


class BargeIn(Frozen):
    keys: bool = True
    speech: SpeechBargeIn | None = None  # None: speech doesn't interrupt


# ---- waits --------------------------------------------------------------------------------------------------


class PlayWait(Frozen):
    """Say the prompts; commands (by key, and by speech where barge-in allows it) may interrupt."""

    kind: Literal["play"] = "play"
    node: str
    prompts: tuple[PromptRef, ...]
    barge_in: BargeIn = BargeIn()
    command_keys: dict[str, CommandName] = Field(default_factory=dict)  # {"0": agent, "9": opt_out, …}
    commands: tuple[CommandName, ...] = ()  # by speech


class Expect(Frozen):
    """What an `ask` takes for an answer. `type` is a registered answer type (speech.answers)."""

    type: str  # yes_no | rating | choice | digits | …
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # choice: value -> phrases
    min_digits: int = 1
    max_digits: int = 1
    terminator: str | None = None  # ends a digit string early
    secret: bool = False  # digits never stored, logged or recorded


class AskWait(Frozen):
    """Say the prompts and take one answer, by key and by speech at once; the first key drops speech."""

    kind: Literal["ask"] = "ask"
    node: str
    prompts: tuple[PromptRef, ...]
    expect: Expect
    keys: dict[str, str] = Field(default_factory=dict)  # key -> value
    speech: bool = True
    no_input_s: float = 4.0
    barge_in: BargeIn = BargeIn()
    command_keys: dict[str, CommandName] = Field(default_factory=dict)
    commands: tuple[CommandName, ...] = ()
    attempt: int = 1  # 1 is the first time this question is asked
    attempts: int = 3


class MessageWait(Frozen):
    """A machine answered: wait for its beep (or silence, or `wait_s`), then say the prompts."""

    kind: Literal["message"] = "message"
    node: str
    prompts: tuple[PromptRef, ...]
    wait_s: float = 30.0


class TransferWait(Frozen):
    """Hand the caller over to a person and wait until that person has hung up, or until nobody can be had."""

    kind: Literal["transfer"] = "transfer"
    node: str
    queue: str
    mode: Literal["warm", "blind"] = "warm"
    brief: PromptRef | None = None
    comfort: tuple[PromptRef, ...] = ()  # said to the caller again and again meanwhile
    answer_within_s: float = 20.0  # until an agent's phone is answered, over all agents that are tried
    callback: bool = False  # whether the caller may ask for a call back instead of waiting


class IdentityWait(Frozen):
    """Have the checker say whether what the customer keyed is right. The digits are in the sprint's wait alone,
    never in the session's."""

    kind: Literal["identity"] = "identity"
    node: str
    method: str
    against: str | None = None  # the contact's attribute with the hash; None: the installation's checker
    digits: str = Field(default="", repr=False)
    wrong: int = 0  # entries of this method before this one: they aren't on record yet
    timeout_s: float = 3.0


class CallbackWait(Frozen):
    """Book a call back. `when` and `number` are values the flow has asked for; None leaves the choice to us."""

    kind: Literal["callback"] = "callback"
    node: str
    queue: str | None = None
    when: str | None = None
    number: str | None = None


class SmsWait(Frozen):
    kind: Literal["sms"] = "sms"
    node: str
    prompt: PromptRef  # the message's text
    to: str | None = None  # None: the number being called


class ApiWait(Frozen):
    kind: Literal["call_api"] = "call_api"
    node: str
    method: Literal["GET", "POST"] = "GET"
    url: str
    body: dict[str, Scalar] | None = None
    timeout_s: float = 3.0


class HangupWait(Frozen):
    """The flow is over: hang up. The only result it accepts is CallEnded."""

    kind: Literal["hangup"] = "hangup"
    node: str


Wait = Annotated[
    PlayWait | AskWait | MessageWait | TransferWait | IdentityWait | CallbackWait | SmsWait | ApiWait | HangupWait,
    Field(discriminator="kind"),
]

# ---- results ------------------------------------------------------------------------------------------------


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

# ---- events -------------------------------------------------------------------------------------------------


class NodeEntered(Frozen):
    """A node of the flow; `subflow.node` inside a subflow. `arm` of `previous` led here (None at the start)."""

    kind: Literal["node_entered"] = "node_entered"
    node: str
    previous: str | None = None
    arm: str | None = None


class AnswerTaken(Frozen):
    """One answer to one question; `name` is the ask's `save_as`."""

    kind: Literal["answer"] = "answer"
    node: str
    name: str
    input: Input


class IdentityNoted(Frozen):
    """What one method of an identity check came to: no digits, ever."""

    kind: Literal["identity"] = "identity"
    node: str
    method: str
    result: MethodOutcome
    tries: int  # entries that were compared


class QuestionFailed(Frozen):
    """One try of a question brought nothing; `reason` keeps silence and misunderstanding apart."""

    kind: Literal["question_failed"] = "question_failed"
    node: str
    reason: Literal["no_input", "no_match"]
    attempt: int


class CommandHeard(Frozen):
    kind: Literal["command"] = "command"
    node: str
    name: CommandName
    modality: Modality


class OptedOut(Frozen):
    """The callee wants no more calls of this type; honoured at once, whatever comes later in the call."""

    kind: Literal["opted_out"] = "opted_out"
    node: str
    purpose: str


class VariableSet(Frozen):
    kind: Literal["variable_set"] = "variable_set"
    name: str
    value: Scalar


class DispositionSet(Frozen):
    """The business result so far; the last one counts. `intention` is one of S4's five classes."""

    kind: Literal["disposition"] = "disposition"
    disposition: str | None = None
    intention: str | None = None
    pending: bool = False  # an acceptance by voice that something else must still confirm


class FlowFailed(Frozen):
    """A limit or an impossible condition ended the flow; a value, not an exception."""

    kind: Literal["flow_failed"] = "flow_failed"
    node: str
    reason: str


class FlowEnded(Frozen):
    kind: Literal["flow_ended"] = "flow_ended"
    reason: Literal["hangup", "call_ended", "failed"]


Event = Annotated[
    NodeEntered
    | AnswerTaken
    | IdentityNoted
    | QuestionFailed
    | CommandHeard
    | OptedOut
    | VariableSet
    | DispositionSet
    | FlowFailed
    | FlowEnded,
    Field(discriminator="kind"),
]
