"""Nodes that talk with the callee: say something, ask something, end the call."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ConfigDict, Field, field_validator

from flows.answers import ANSWER_TYPES
from flows.findings import listed, nearest
from flows.nodes.base import Node
from flows.parts import DigitsSpec, Key, Name, Prompt, Prompts, Text, Value, rule_error
from flows.values import Frozen
from flows.waits import BargeIn


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


class HangupNode(Node):
    """End the call. Stands alone: `hangup:`."""

    kind = "hangup"
    arm_names = ()
    example = "end:\n  hangup:\n  disposition: reminded\n  intention: success"

    hangup: None
