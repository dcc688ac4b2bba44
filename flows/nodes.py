"""The node kinds, one class each. A node is a mapping with exactly one kind key, its arms beside it.

`arms` says where a node can go; `KINDS` is the registry that everything else walks. The reference page shows each
class's docstring and `example`.

Above 400 lines because it is one table: fifteen kinds of a dozen lines each, read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from flows.answers import ANSWER_TYPES
from flows.findings import listed, nearest
from flows.parts import (
    DigitsSpec,
    Expression,
    Intention,
    Key,
    Name,
    Prompt,
    Prompts,
    Purpose,
    Text,
    Value,
    rule_error,
)
from flows.sprint import BargeIn, Frozen, Scalar


class Node(Frozen):
    """What every node may carry besides its kind and its arms."""

    disposition: Name | None = Field(default=None, description="the call's business result from here on")
    intention: Intention | None = Field(default=None, description="the customer's class from here on")
    pending: bool = Field(default=False, description="accepted by voice, still to be confirmed by something else")

    kind: ClassVar[str]
    arm_names: ClassVar[tuple[str, ...]] = ("next",)
    optional_arms: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str]

    def arms(self) -> dict[str, str]:
        """Arm -> target node, in the order they are declared."""
        named = {name: getattr(self, ARM_FIELDS.get(name, name)) for name in self.arm_names + self.optional_arms}
        return {name: target for name, target in named.items() if target is not None}

    def missing_arms(self) -> tuple[str, ...]:
        """Arms without which a call could get stuck here."""
        taken = self.arms()
        return tuple(name for name in self.arm_names if name not in taken)

    def possible_arms(self) -> tuple[str, ...]:
        return self.arm_names + self.optional_arms

    def prompts(self) -> tuple[Prompt, ...]:
        """What this node says to the callee when it is come to, in the order of saying."""
        return ()

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        """Everything this node may say or write to anybody, with the path inside the node."""
        for index, prompt in enumerate(self.prompts()):
            yield (self.kind, index), prompt


ARM_FIELDS = {"else": "else_"}  # arms that are Python keywords


class PlayNode(Node):
    """Say one prompt or several, then go on. Commands by key work meanwhile; speech interrupts where `barge_in`
    lets it."""

    kind = "play"
    example = (
        "greet:\n  play: low_balance.greet\n"
        "  barge_in: {keys: true, speech: {after_s: 2.0, ignore: [嗯, 喂]}}\n  next: consent"
    )

    play: Prompts
    barge_in: BargeIn | None = Field(default=None, description="default: the flow's `barge_in`")
    next: Name | None = None

    def prompts(self) -> tuple[Prompt, ...]:
        return self.play


class AskSpec(Frozen):
    """A question, by keys and by speech at once."""

    prompt: Prompts
    short: Prompts | None = Field(default=None, description="said instead of `prompt` from the second try on")
    no_input_prompt: Prompts = Field(
        default=(Prompt(id="common.no_input"),), description="said before the question when nothing was heard"
    )
    no_match_prompt: Prompts = Field(
        default=(Prompt(id="common.no_match"),), description="said before the question when it wasn't understood"
    )
    expect: str = Field(description="an answer type: see below")
    keys: dict[Key, Value] | None = Field(
        default=None, description="key -> value; default: the answer type's own keys; `{}` for none"
    )
    speech: bool | None = Field(default=None, description="false: keys only; default: true, for digits false")
    choices: dict[Value, tuple[Text, ...]] = Field(
        default_factory=dict, description="for `expect: choice`: value -> phrases that mean it"
    )
    digits: DigitsSpec | None = Field(default=None, description="for `expect: digits`")
    no_input_s: float = Field(default=4.0, ge=0.5, le=30, description="silence that counts as no answer, seconds")
    attempts: int = Field(default=3, ge=1, le=10, description="tries before the no_input or no_match arm is taken")
    visits: int = Field(
        default=3, ge=1, le=10, description="how often one call may come back to this question; then no_match"
    )
    save_as: Name | None = Field(default=None, description="variable for the answer; default: the node's name")
    consent: bool = Field(default=False, description="the answer binds the customer: the linter is stricter")
    retention: bool = Field(default=False, description="asks again after a no: once at most")

    @field_validator("expect")
    @classmethod
    def _registered(cls, value: str) -> str:
        if value not in ANSWER_TYPES:
            near = nearest(value, ANSWER_TYPES)
            if near:
                raise rule_error("{name} is not an answer type; did you mean {near}?", name=value, near=near)
            raise rule_error(
                "{name} is not an answer type; there are {names}", name=value, names=listed(ANSWER_TYPES)
            )
        return value

    @property
    def hears(self) -> bool:
        """Whether the answer may be spoken. Digits are keyed unless the question says otherwise."""
        return self.expect != "digits" if self.speech is None else self.speech

    def values(self) -> tuple[str, ...]:
        """What can come back; empty when any string of digits can."""
        return tuple(self.choices) if self.expect == "choice" else ANSWER_TYPES[self.expect].values

    def effective_keys(self) -> dict[str, str]:
        """The keys as they work: the question's own, or the answer type's."""
        if self.keys is not None:
            return dict(self.keys)
        if self.expect == "choice":
            return {str(number): value for number, value in enumerate(self.choices, start=1) if number <= 9}
        return dict(ANSWER_TYPES[self.expect].keys)


class AskNode(Node):
    """Ask one question. Each value may have an arm of its own; `next` takes the values that have none. After the
    last attempt, silence takes `no_input` and misunderstanding takes `no_match`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Name]

    kind = "ask"
    example = (
        "consent:\n  ask:\n    prompt: low_balance.consent\n    short: low_balance.consent_short\n"
        "    expect: yes_no\n    consent: true\n  yes: send_sms\n  no: declined\n"
        "  no_input: give_up\n  no_match: keys_only"
    )

    ask: AskSpec
    barge_in: BargeIn | None = Field(default=None, description="default: the flow's `barge_in`")
    next: Name | None = Field(default=None, description="for every value that has no arm of its own")
    no_input: Name | None = Field(default=None, description="after the last attempt brought silence")
    no_match: Name | None = Field(default=None, description="after the last attempt wasn't understood")

    def arms(self) -> dict[str, str]:
        arms = dict(self.__pydantic_extra__ or {})
        for name in ("next", "no_input", "no_match"):
            target = getattr(self, name)
            if target is not None:
                arms[name] = target
        return arms

    def missing_arms(self) -> tuple[str, ...]:
        arms = self.arms()
        open_values = () if "next" in arms else tuple(v for v in self.ask.values() if v not in arms)
        if not self.ask.values() and "next" not in arms:
            open_values = ("next",)
        return open_values + tuple(name for name in ("no_input", "no_match") if name not in arms)

    def possible_arms(self) -> tuple[str, ...]:
        return (*self.ask.values(), "next", "no_input", "no_match")

    def prompts(self) -> tuple[Prompt, ...]:
        return self.ask.prompt

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        fields = ("prompt", "short", "no_input_prompt", "no_match_prompt")
        for field in fields if self.ask.attempts > 1 else fields[:1]:
            for index, prompt in enumerate(getattr(self.ask, field) or ()):
                yield (self.kind, field, index), prompt


class Case(Frozen):
    when: Expression
    next: Name


class SwitchNode(Node):
    """Go where the first true condition says, else to `else`. Conditions are CEL over the flow's variables; one
    about a value that isn't there yet is false."""

    kind = "switch"
    arm_names = ("else",)
    example = (
        "route:\n  switch:\n    - {when: balance < 0.0, next: overdue}\n"
        "    - {when: 'consent == \"yes\"', next: sms}\n  else: close"
    )

    switch: tuple[Case, ...] = Field(min_length=1, max_length=50)
    else_: Name | None = Field(default=None, alias="else")

    def arms(self) -> dict[str, str]:
        return {case.when: case.next for case in self.switch} | super().arms()

    def possible_arms(self) -> tuple[str, ...]:
        return (*(case.when for case in self.switch), "else")


class Computed(Frozen):
    cel: Expression


class SetNode(Node):
    """Set variables, to values or to what a CEL expression gives: `{cel: tries + 1}`. Each expression sees the
    ones set before it."""

    kind = "set"
    example = "count:\n  set: {tries: {cel: tries + 1}, source: reminder}\n  next: consent"

    set: dict[Name, Scalar | Computed] = Field(min_length=1, max_length=50)
    next: Name | None = None


class TransferSpec(Frozen):
    queue: Name = Field(description="the queue of agents")
    mode: Literal["warm", "blind"] = "warm"
    brief: Prompt | None = Field(default=None, description="whispered to the agent before the hand-over")
    summary: Text | None = Field(default=None, description="`{summary}` in the brief: why the callee is here")
    comfort: Prompts = Field(
        default=(Prompt(id="common.comfort"),), description="said to the callee again and again while they wait"
    )
    answer_within_s: float = Field(
        default=20.0,
        ge=1,
        le=600,
        description="until an agent picks up, waiting and all that are tried together, seconds",
    )
    save_as: Name | None = Field(default=None, description="variable for the agent's number")


class TransferNode(Node):
    """Hand over to a person: `warm` whispers the brief to them and has them take the callee by key, `blind` joins
    the two as soon as they pick up. `answered` is taken when the person has hung up and the callee is still there;
    without it the call ends then. `declined`, `busy`, `no_answer`, `machine` (theirs), `no_agent`, `unlikely`
    (nobody would be free soon), `timed_out` and `trunk` may have arms of their own; `unavailable` takes the rest.
    Only with an arm `callback` may the callee ask for a call back by key while they wait. `caller_left` is taken
    when the callee hangs up while they wait: nothing can be said any more, but its nodes may still set what the
    call came to."""

    kind = "transfer"
    arm_names = ("unavailable",)
    optional_arms = (
        "answered", "declined", "busy", "no_answer", "machine", "no_agent", "unlikely", "timed_out", "callback",
        "caller_left", "trunk",
    )  # fmt: skip
    example = (
        "help:\n  transfer: {queue: retention, mode: warm, brief: common.whisper, answer_within_s: 60}\n"
        "  answered: survey\n  callback: book_callback\n  unavailable: book_callback"
    )

    transfer: TransferSpec
    answered: Name | None = None
    unavailable: Name | None = None
    declined: Name | None = None
    busy: Name | None = None
    no_answer: Name | None = None
    machine: Name | None = None
    no_agent: Name | None = None
    unlikely: Name | None = None
    timed_out: Name | None = None
    callback: Name | None = None
    caller_left: Name | None = None
    trunk: Name | None = None

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        if self.transfer.brief:
            yield (self.kind, "brief"), self.transfer.brief
        for index, prompt in enumerate(self.transfer.comfort):
            yield (self.kind, "comfort", index), prompt


class IdentityMethod(Frozen):
    """One thing that the customer is asked for, and how often."""

    by: Name = Field(description="what is asked for, as the checker and the results call it: `password`, `id` …")
    prompt: Prompts
    min: int = Field(default=6, ge=1, le=32, description="fewest digits")
    max: int = Field(default=6, ge=1, le=32, description="most digits; `#` ends them early")
    against: Name | None = Field(
        default=None,
        description="one of `needs` that holds a salted hash of it; default: the installation's checker",
    )
    tries: int = Field(default=3, ge=1, le=5, description="so many wrong entries, and the next method is asked")
    speech: bool = Field(default=False, description="true: the digits may be said as well")

    @model_validator(mode="after")
    def _ordered(self) -> IdentityMethod:
        if self.min > self.max:
            raise rule_error("min is {min}, larger than max, {max}", min=self.min, max=self.max)
        return self


class IdentitySpec(Frozen):
    methods: tuple[IdentityMethod, ...] = Field(
        min_length=1, max_length=5, description="tried in this order until one of them is right: see below"
    )
    wrong_prompt: Prompts = Field(
        default=(Prompt(id="identity.wrong"),), description="said before the question after a wrong entry"
    )
    no_input_prompt: Prompts = Field(
        default=(Prompt(id="common.no_input"),), description="said before the question when nothing was keyed"
    )
    no_match_prompt: Prompts = Field(
        default=(Prompt(id="common.no_match"),), description="said before the question when digits were missing"
    )
    attempts: int = Field(
        default=2, ge=1, le=5, description="so often is asked in vain, then the next method; wrong entries apart"
    )
    no_input_s: float = Field(default=6.0, ge=0.5, le=30, description="silence that counts as no entry, seconds")
    timeout_s: float = Field(default=3.0, ge=0.1, le=30, description="a check that takes longer is unavailable")
    save_as: Name | None = Field(
        default=None, description="variable for the result's name: `verified`, `failed` …"
    )


class IdentityNode(Node):
    """Check who the customer is, by what they key: the service password first, say, then the ID's last digits. `*`
    says that they don't have it: the next method is asked. What is right is decided by the installation's checker
    (docs/identity.md). The digits are kept nowhere, and nothing is recorded meanwhile. `failed` is taken when
    something wrong was keyed and nothing right; `refused` (only `*`), `no_input` (nothing) and `locked` (too many
    wrong entries, in earlier calls too) may have arms of their own, else `failed` takes them. `unavailable` is
    taken when nobody can say."""

    kind = "identity"
    arm_names = ("verified", "failed", "unavailable")
    optional_arms = ("refused", "no_input", "locked")
    example = (
        "who:\n  identity:\n    methods:\n      - {by: password, prompt: identity.password, min: 6, max: 8}\n"
        "      - {by: id, prompt: identity.id_tail, min: 6, max: 6}\n"
        "  verified: change_plan\n  failed: say_sorry\n  unavailable: to_a_person"
    )

    identity: IdentitySpec
    barge_in: BargeIn | None = Field(default=None, description="default: the flow's `barge_in`")
    verified: Name | None = None
    failed: Name | None = None
    unavailable: Name | None = None
    refused: Name | None = None
    no_input: Name | None = None
    locked: Name | None = None

    def prompts(self) -> tuple[Prompt, ...]:
        return self.identity.methods[0].prompt

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        for number, method in enumerate(self.identity.methods):
            for index, prompt in enumerate(method.prompt):
                yield (self.kind, "methods", number, "prompt", index), prompt
        for field in ("wrong_prompt", "no_input_prompt", "no_match_prompt"):
            for index, prompt in enumerate(getattr(self.identity, field)):
                yield (self.kind, field, index), prompt


class CallbackSpec(Frozen):
    queue: Name | None = None
    when: Name | None = Field(default=None, description="variable with the time; else ours to choose")
    number: Name | None = Field(default=None, description="variable with the number; else this call's")
    save_as: Name | None = Field(default=None, description="variable for the booked time, as it should be spoken")


class CallbackNode(Node):
    """Book a call back by a person."""

    kind = "callback"
    arm_names = ("booked", "failed")
    example = "book:\n  callback: {when: slot, number: number}\n  booked: say_booked\n  failed: say_sorry"

    callback: CallbackSpec
    booked: Name | None = None
    failed: Name | None = None


class OptOutNode(Node):
    """Take the callee's number off calls of some types (`this`: of this flow's purpose; `all`: of every one), at
    once, in every campaign. The global command does the same; no flow can switch that off."""

    kind = "opt_out"
    example = "no_more:\n  opt_out: this\n  next: say_registered"

    opt_out: Purpose | Literal["this", "all"]
    next: Name | None = None


class MessageSpec(Frozen):
    prompt: Prompts
    wait_s: float = Field(default=30.0, ge=1, le=120, description="longest wait for the beep, seconds")


class MessageNode(Node):
    """Leave a message on an answering machine: wait for its beep, then speak."""

    kind = "message"
    example = "leave_message:\n  message: {prompt: low_balance.voicemail}\n  next: machine_end"

    message: MessageSpec
    next: Name | None = None

    def prompts(self) -> tuple[Prompt, ...]:
        return self.message.prompt

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        for index, prompt in enumerate(self.message.prompt):
            yield (self.kind, "prompt", index), prompt


class SmsSpec(Frozen):
    prompt: Prompt = Field(description="the message's text")
    to: Name | None = Field(default=None, description="variable with the number; default: the one being called")


class SmsNode(Node):
    """Put a text message into the outbox."""

    kind = "sms"
    arm_names = ("sent", "failed")
    example = "send_sms:\n  sms: {prompt: low_balance.sms}\n  sent: sms_sent\n  failed: sms_failed"

    sms: SmsSpec
    sent: Name | None = None
    failed: Name | None = None

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        yield (self.kind, "prompt"), self.sms.prompt


class ApiSpec(Frozen):
    method: Literal["GET", "POST"] = "GET"
    url: str = Field(pattern=r"^https?://[^\s{}]+$", max_length=2000)
    send: dict[Name, Name] = Field(
        default_factory=dict,
        max_length=50,
        description="field -> variable; in the query of a GET, in the JSON body of a POST",
    )
    save: dict[Name, Text] = Field(
        default_factory=dict, max_length=50, description="variable -> field of the JSON reply"
    )
    timeout_s: float = Field(default=3.0, ge=0.1, le=30)


class ApiNode(Node):
    """Ask another system over HTTP. `ok` for a 2xx reply, `error` for any other, `offline` when none came."""

    kind = "call_api"
    arm_names = ("ok", "error", "offline")
    example = (
        "check:\n  call_api:\n    {url: 'https://billing.example/paid', send: {tail: tail}, save: {paid: paid}}\n"
        "  ok: route\n  error: reminder\n  offline: reminder"
    )

    call_api: ApiSpec
    ok: Name | None = None
    error: Name | None = None
    offline: Name | None = None


class SubflowSpec(Frozen):
    flow: Name
    entry: Name | None = Field(default=None, description="one of that flow's `entries`; default: its `start`")


class SubflowNode(Node):
    """Run another flow: the file of that name beside this one, else the shipped one of the same language.
    Variables are shared. `next` is taken when it reaches a `return`."""

    kind = "subflow"
    example = "book:\n  subflow: {flow: callback, entry: when}\n  next: close"

    subflow: SubflowSpec
    next: Name | None = None


class SplitNode(Node):
    """Share calls out by weight: the same number always takes the same arm. The arm is kept in a variable with the
    node's name."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Name]

    kind = "split"
    arm_names = ()
    example = "variant:\n  split: {short: 50, long: 50}\n  short: greet_short\n  long: greet_long"

    split: dict[Name, int] = Field(min_length=2, max_length=20)

    @field_validator("split")
    @classmethod
    def _weighted(cls, value: dict[str, int]) -> dict[str, int]:
        if any(weight < 0 for weight in value.values()) or sum(value.values()) == 0:
            raise rule_error("weights are whole numbers from 0 up, at least one of them above 0")
        return value

    def arms(self) -> dict[str, str]:
        return dict(self.__pydantic_extra__ or {})

    def missing_arms(self) -> tuple[str, ...]:
        return tuple(name for name in self.split if name not in self.arms())

    def possible_arms(self) -> tuple[str, ...]:
        return tuple(self.split)


class HangupNode(Node):
    """End the call. Stands alone: `hangup:`."""

    kind = "hangup"
    arm_names = ()
    example = "end:\n  hangup:\n  disposition: reminded\n  intention: success"

    hangup: None


class ReturnNode(Node):
    """Go back to the flow that called this one as a subflow; in the call's own flow it ends the call."""

    kind = "return"
    arm_names = ()
    example = "done:\n  return:"

    return_: None = Field(alias="return")


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
