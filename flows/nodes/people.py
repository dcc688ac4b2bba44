"""Nodes about people: hand the call to one, find out who the callee is, call again, never again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from flows.nodes.base import Node
from flows.parts import Name, Prompt, Prompts, Purpose, Text, rule_error
from flows.values import Frozen
from flows.waits import BargeIn

STORED = "stored"  # in the context in which a stored flow is read
WHISPER = {"id": "common.whisper"}


class TransferSpec(Frozen):
    queue: Name = Field(description="the queue of agents")
    mode: Literal["warm", "blind"] = "warm"
    brief: Prompt | None = Field(
        default=None,
        description="whispered to the agent before the hand-over; `null`: only which keys to press",
        json_schema_extra={"default": dict(WHISPER)},
    )
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

    @model_validator(mode="before")
    @classmethod
    def _usual_brief(cls, spec: Any, info: ValidationInfo) -> Any:
        """What the file of a warm transfer leaves out. A stored flow has left nothing out: those published before
        there was a usual brief mean what they meant, under the hash that they had."""
        if not isinstance(spec, dict) or spec.get("mode") == "blind" or (info.context or {}).get(STORED):
            return spec
        return {"brief": dict(WHISPER), **spec}


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
        "help:\n  transfer: {queue: retention, mode: warm, summary: wants to leave, answer_within_s: 60}\n"
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
