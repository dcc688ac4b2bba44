"""The callees of the simulated network, as their file describes them: see docs/callees.md.

Owns the models; `trunk.carrier.callees_file` reads them with positions, `trunk.carrier.script` acts them out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from trunk.carrier.causes import Pickup
from trunk.carrier.errors import CarrierError

AFTER_S = 0.5  # people begin to answer about half a second after the question
Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
AGENTS_NODE = "whisper"  # where an agent is told who it is
_KEYS = re.compile(r"[0-9*#A-D]{1,64}")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _wrapped(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


def _range(value: Any) -> Any:
    """One number is the range from it to itself."""
    return value if isinstance(value, (list, tuple)) else (value, value)


def _keys(value: Any) -> str:
    """`5`, "5", "12#" and [1, 2, "#"] are all meant."""
    keys = "".join(str(part) for part in _wrapped(value))
    if isinstance(value, bool) or not _KEYS.fullmatch(keys):
        raise PydanticCustomError("keys", "keys")
    return keys


class Say(_Model):
    """Something said: a sound file, or a text to synthesise before the run."""

    wav: str | None = None  # relative to the callees file; any format that pydub reads
    text: str | None = Field(default=None, min_length=1, max_length=1000)
    voice: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Say:
        if (self.wav is None) == (self.text is None):
            raise PydanticCustomError("say", "say")
        return self


class Step(_Model):
    """What the callee does on one visit of the flow node `on`."""

    on: str
    after_s: Seconds | None = None  # from the end of the node's prompt; AFTER_S when neither is given
    at_s: Seconds | None = None  # from the begin of the node's prompt: talks over it
    say: Say | None = None
    keys: Annotated[str, BeforeValidator(_keys)] | None = None
    silence_s: Annotated[float, Field(gt=0, le=600)] | None = None
    hang_up: bool = False

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        if self.after_s is not None and self.at_s is not None:
            raise PydanticCustomError("step_time", "step_time")
        actions = (self.say is not None) + (self.keys is not None) + (self.silence_s is not None)
        if actions > 1 or (actions == 0 and not self.hang_up):
            raise PydanticCustomError("step_action", "step_action")
        return self


class Voicemail(_Model):
    """The machine behind `pickup: voicemail`: greeting, beep, then it listens and hangs up."""

    greeting: Say | None = None  # None: speech-shaped sound of 4 s
    beep_hz: Annotated[float, Field(ge=200, le=3400)] = 1000.0
    beep_ms: Annotated[int, Field(ge=20, le=5000)] = 400
    listen_s: Seconds = 30.0


class Callee(_Model):
    """One phone and whoever answers it. What a callee doesn't say is taken from the file's `defaults`."""

    pickup: Annotated[tuple[Pickup, ...], BeforeValidator(_wrapped), Field(min_length=1, max_length=20)] = (
        Pickup.ANSWER,
    )
    ring_s: Annotated[tuple[Seconds, Seconds], BeforeValidator(_range)] = (3.0, 3.0)
    noise_snr_db: Annotated[float, Field(ge=-20, le=60)] | None = None
    echo_db: Annotated[float, Field(ge=-60, le=0)] | None = None
    echo_ms: Annotated[float, Field(ge=0, le=500)] = 60.0
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    jitter_ms: Annotated[float, Field(ge=0, le=500)] = 0.0
    does: Annotated[tuple[Step, ...], Field(max_length=200)] = ()
    voicemail: Voicemail = Voicemail()

    def pickup_of(self, attempt: int) -> Pickup:
        """What the `attempt`-th call meets (1 is the first); the last one of a list stays."""
        return self.pickup[min(attempt, len(self.pickup)) - 1]

    def sayings(self) -> list[Say]:
        """Everything this callee may say."""
        said = [step.say for step in self.does if step.say is not None]
        if Pickup.VOICEMAIL in self.pickup and self.voicemail.greeting is not None:
            said.append(self.voicemail.greeting)
        return said


@dataclass(frozen=True, slots=True)
class CalleeBook:
    """All callees; a phone that isn't listed behaves as `defaults` say."""

    defaults: Callee = field(default_factory=Callee)
    callees: Mapping[str, Callee] = field(default_factory=dict)  # by phone, E.164
    folder: Path = Path()  # what `wav` is relative to
    node_places: Mapping[str, str] = field(default_factory=dict)  # flow node -> file:line:column of its first use

    @property
    def agents(self) -> tuple[str, ...]:
        """Phones of those who take calls over: extensions, and whoever does something while they are told who it
        is."""
        return tuple(
            phone
            for phone, callee in self.callees.items()
            if not phone.startswith("+") or any(step.on == AGENTS_NODE for step in callee.does)
        )

    def callee(self, phone: str) -> Callee:
        return self.callees.get(phone, self.defaults)

    def sayings(self) -> tuple[Say, ...]:
        """Everything that may be said, once each, in the file's order."""
        everyone = (self.defaults, *self.callees.values())
        return tuple(dict.fromkeys(say for callee in everyone for say in callee.sayings()))

    def strangers(self, nodes: Collection[str]) -> tuple[CarrierError, ...]:
        """A warning for each node of the steps that the flow doesn't have: those steps are never done.

        Not raised, since one file of callees may serve several flows."""
        return tuple(
            CarrierError(
                "{place}: the flow has no node {node} (fix: one of {nodes})",
                place=place,
                node=node,
                nodes=", ".join(sorted(nodes)),
            )
            for node, place in self.node_places.items()
            if node not in nodes
        )


def inherited(callee: Callee, defaults: Callee) -> Callee:
    """The callee with everything it leaves open taken from the defaults."""
    return defaults.model_copy(update={name: getattr(callee, name) for name in callee.model_fields_set})
