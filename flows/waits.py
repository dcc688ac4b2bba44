"""What the interpreter stops at: each wait says what is needed of the world until the flow can go on.

Barge-in, endpointing and recognition happen inside a wait; the interpreter sees its result alone. Every type is
frozen and survives a JSON round trip."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flows.values import CommandName, Frozen, Scalar


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
