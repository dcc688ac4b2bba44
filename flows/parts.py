"""The small parts that nodes are made of: names, prompts, keys, values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from flows.values import Frozen, Scalar

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
PROMPT_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"
PROMPT_RULE = "a prompt is the id of a catalogue entry (low_balance.greet), or {{say: text}}"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]
PromptId = Annotated[str, StringConstraints(pattern=PROMPT_PATTERN, max_length=128)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")]
Intention = Literal["unreachable", "success", "strongly_interested", "interested", "declined"]
Purpose = Literal["service", "marketing", "survey", "care"]
VariableType = Literal[
    "text",
    "money",
    "number",
    "percent",
    "integer",
    "boolean",
    "date",
    "time",
    "slot",
    "duration",
    "digits",
    "phone",
]


def rule_error(template: str, **params: object) -> PydanticCustomError:
    """What a validator of the schema raises: a sentence that can be translated (flows.explain reads it back)."""
    return PydanticCustomError("flow_rule", template, {**params, "template": template})


def _number_as_text(value: Any) -> Any:
    """YAML reads `1: 5` as a number; answers are text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Value = Annotated[str, BeforeValidator(_number_as_text), StringConstraints(min_length=1, max_length=64)]


class Prompt(Frozen):
    """What is said: the id of a prompt in the catalogue, or `{say: text}` with a template of one's own."""

    id: PromptId | None = None
    say: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_id(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"id": value}
        if not isinstance(value, (dict, Prompt)):
            raise rule_error(PROMPT_RULE)
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Prompt:
        if (self.id is None) == (self.say is None):
            raise rule_error(PROMPT_RULE)
        return self


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


Prompts = Annotated[tuple[Prompt, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=10)]


class Constant(Frozen):
    """A value of the flow itself; a campaign may override it."""

    type: VariableType
    value: Scalar


class Limits(Frozen):
    call_s: int = Field(default=180, ge=10, le=3600, description="longest talk with the robot, seconds")
    steps: int = Field(default=60, ge=1, le=1000, description="most nodes entered in one call")


class DigitsSpec(Frozen):
    """How many digits a `digits` question takes."""

    min: int = Field(default=1, ge=1, le=32)
    max: int = Field(default=1, ge=1, le=32)
    terminator: Key | None = Field(default="#", description="ends the digits early; null for none")
    secret: bool = Field(default=False, description="never stored, logged or recorded")

    @model_validator(mode="after")
    def _ordered(self) -> DigitsSpec:
        if self.min > self.max:
            raise rule_error("min is {min}, larger than max, {max}", min=self.min, max=self.max)
        return self
