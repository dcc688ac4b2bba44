"""What stands in score cards and sampling plans, as pydantic models. docs/inspection.md explains each key."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from flows.parts import Name, Purpose, rule_error
from flows.values import Frozen

SCHEMA_VERSION = 1
SIGNALS = ("complaint", "short_call", "dead_air", "talk_over", "fast_speech", "slow_speech", "missing_step")
LANGUAGES = ("zh-CN", "en", "ko")


def _title(value: Any) -> Any:
    """A title in one language for all, or in some of ours."""
    texts = value if isinstance(value, dict) else {"en": value}
    wrong = [text for text in texts.values() if not isinstance(text, str) or not 0 < len(text) <= 200]
    if not texts or wrong or not texts.keys() <= set(LANGUAGES):
        raise rule_error("a title is a text, or texts by language, such as {{zh-CN: 问候, en: Greeting}}")
    return dict.fromkeys(LANGUAGES, value) if isinstance(value, str) else value


def _signal(name: str) -> str:
    if name not in SIGNALS:
        raise rule_error("{name} is no signal; there are {known}", name=name, known=", ".join(SIGNALS))
    return name


Title = Annotated[dict[str, str], BeforeValidator(_title)]
Signal = Annotated[str, AfterValidator(_signal)]
Weight = Annotated[float, Field(gt=0, le=1000)]
Points = Annotated[int, Field(ge=1, le=100)]
ADaySoMany = Annotated[int, Field(ge=0, le=100)]


class ItemSpec(Frozen):
    """One thing to look at. It gets 0 to `points`; an `optional` one may not apply."""

    title: Title
    points: Points
    optional: bool = False


class SectionSpec(Frozen):
    title: Title
    weight: Weight
    items: dict[Name, ItemSpec] = Field(min_length=1, max_length=50)


class FailSpec(Frozen):
    """Whoever does this has failed, whatever else they did. `takes_success`: what was sold isn't."""

    title: Title
    takes_success: bool = False


class GradesSpec(Frozen):
    """From how many points on a call is excellent, good, passed; below it has failed."""

    excellent: float = Field(ge=0, le=100)
    good: float = Field(ge=0, le=100)
    passed: float = Field(ge=0, le=100, alias="pass")

    @model_validator(mode="after")
    def _fall(self) -> Self:
        if not self.excellent >= self.good >= self.passed:
            raise rule_error("excellent, good and pass must fall, as in 95, 85, 70")
        return self


class CardSpec(Frozen):
    schema_: int = Field(alias="schema")
    card: Name
    grades: GradesSpec
    sections: dict[Name, SectionSpec] = Field(min_length=1, max_length=20)
    instant_fail: dict[Name, FailSpec] = Field(default_factory=dict, max_length=50)


class ByKind(Frozen):
    """So many of each agent, and of the robot's calls in each campaign."""

    agent: ADaySoMany = 0
    bot: ADaySoMany = 0


class CardsSpec(Frozen):
    agent: Name
    bot: Name


class SuccessesSpec(Frozen):
    purposes: tuple[Purpose, ...] = ()
    who: tuple[Literal["agent", "bot"], ...] = ("agent", "bot")


class DoubleSpec(Frozen):
    share: float = Field(default=0.1, ge=0, le=1)
    within: float = Field(default=10.0, ge=0, le=100)


class RiskSpec(Frozen):
    daily: ByKind = ByKind()
    weights: dict[Signal, Weight] = Field(default_factory=dict)
    always: tuple[Signal, ...] = ()


class PaceSpec(Frozen):
    """Slower than `least` is slow, faster than `most` is fast."""

    least: float = Field(ge=0, le=1000)
    most: float = Field(gt=0, le=1000)

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.least >= self.most:
            raise rule_error("least must be below most, as in 180 and 330")
        return self


# In syllables as we count them, a minute of voice. Where they come from: docs/inspection.md, "What the machine
# measures"; docs/decisions/0214.
PACES = {
    "zh-CN": {"least": 180.0, "most": 330.0},
    "en": {"least": 180.0, "most": 350.0},
    "ko": {"least": 200.0, "most": 400.0},
}


def _paces(value: Any) -> Any:
    """Two figures for all languages, or for some of ours; what isn't said is as usual there."""
    given = value if isinstance(value, dict) else {"": value}
    if given.keys() <= PaceSpec.model_fields.keys():
        return {language: usual | given for language, usual in PACES.items()}
    if not given.keys() <= PACES.keys() or not all(isinstance(pace, dict) for pace in given.values()):
        raise rule_error(
            "write two figures for all languages, or by language, such as {{zh-CN: {{least: 180, most: 330}}}}"
        )
    return {language: usual | given.get(language, {}) for language, usual in PACES.items()}


Paces = Annotated[dict[str, PaceSpec], BeforeValidator(_paces)]


class SignalsSpec(Frozen):
    """From when on what was measured is a signal."""

    short_call_s: float = Field(default=10.0, ge=0, le=3600)
    silence_s: float = Field(default=8.0, ge=3, le=600)
    talk_overs_per_minute: float = Field(default=3.0, gt=0, le=60)
    syllables_per_minute: Paces = Field(default_factory=dict, validate_default=True)


class ScriptSpec(Frozen):
    """Nodes that the path of a call with this flow must have; of a list in the list one is enough."""

    flow: Name
    nodes: tuple[str | tuple[str, ...], ...] = Field(min_length=1, max_length=50)
    when: Literal["talked", "finished", "success"] = "finished"


class AppealsSpec(Frozen):
    days: int = Field(default=5, ge=1, le=365)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise rule_error("{name} is no time zone; write one like Asia/Shanghai", name=name) from error
    return name


class PlanSpec(Frozen):
    schema_: int = Field(alias="schema")
    plan: Name
    timezone: Annotated[str, AfterValidator(_time_zone)] = "Asia/Shanghai"
    seed: str = Field(default="", max_length=64)
    cards: CardsSpec
    daily: ByKind = ByKind(agent=2, bot=2)
    successes: SuccessesSpec = SuccessesSpec()
    double: DoubleSpec = DoubleSpec()
    risk: RiskSpec = RiskSpec()
    signals: SignalsSpec = SignalsSpec()
    script: tuple[ScriptSpec, ...] = Field(default=(), max_length=200)
    appeals: AppealsSpec = AppealsSpec()

    @property
    def zone(self) -> ZoneInfo:
        """In whose days calls are picked."""
        return ZoneInfo(self.timezone)
