"""The callees of `ivr bench capacity`: what each does follows from its number alone, so that the generator that
plays them and the bench that judges the answers need not talk about it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.callers import read_manifest

CALLERS = Path(__file__).parents[2] / "tests" / "callers" / "ko" / "manifest.tsv"
PREFIX = "+86138"
YES_NO = ("yes", "no")
KEYS = "12"
KEY_VALUES = {"1": "yes", "2": "no"}
FRAMES_PER_S = 50
REACTION_S = (0.7, 1.2)  # of quiet after a prompt; pauses inside one are shorter than the least
ALONE_SAYS = 4  # so often each recording is said when its callee is as good as alone …
ALONE_TOGETHER = 3  # … which is with two others: they seldom speak at the same moment


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded answer and what it means."""

    path: Path
    value: str  # as stored: "yes" or "no"


@dataclass(frozen=True, slots=True)
class Callee:
    """One callee. `says` None: it answers by keys."""

    number: int
    says: int | None  # index of the recording that it answers every question with
    recorded: bool  # its call is
    reaction_frames: int  # of silence before it answers

    @property
    def phone(self) -> str:
        return phone_of(self.number)


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator is told. `call_s` 0: calls last until the end."""

    sip_port: int
    speech_share: float
    says: Sequence[int]  # recordings that are said
    call_s: float
    arrivals: str  # file for when each frame came


@dataclass
class Story:
    """What became of one call, as the bench reads it."""

    number: int
    answered_at: float = 0.0  # s since the epoch, as all moments here
    ended_at: float = 0.0
    ended_by: str = ""  # "callee", or "platform"
    given: list[str] = field(default_factory=list)  # keys, or "said"


def phone_of(number: int) -> str:
    return f"{PREFIX}{number:08d}"


def number_of(user: str) -> int:
    """The callee who was dialled. Raises ValueError for a number that isn't one of ours."""
    digits = user.removeprefix("%2B").removeprefix("+")
    if not digits.startswith(PREFIX[1:]) or len(digits) != len(PREFIX) - 1 + 8:
        raise ValueError("not a callee's number")
    return int(digits[len(PREFIX) - 1 :])


def callee(number: int, speech_share: float, record_share: float, says: Sequence[int]) -> Callee:
    """Shares are dealt out evenly: among any n callees in a row, share · n (±1) speak, and say `says` in turn."""
    reaction_s = random.Random(number).uniform(*REACTION_S)
    turn = int((number + 1) * speech_share) - 1  # of those who speak
    speaks = _dealt(number, speech_share) and bool(says)
    return Callee(
        number,
        says[turn % len(says)] if speaks else None,
        _dealt(number, record_share),
        round(reaction_s * FRAMES_PER_S),
    )


def key_of(number: int, nth: int) -> str:
    """The key pressed the nth time (0, 1, …): so random that no lost or doubled one goes unnoticed."""
    return random.Random(number * 100_003 + nth).choice(KEYS)


def recordings(manifest: Path = CALLERS) -> Sequence[Recorded]:
    """The recorded answers to a yes/no question."""
    return [Recorded(one.path, one.meaning) for one in read_manifest(manifest) if one.meaning in YES_NO]


def _dealt(number: int, share: float) -> bool:
    return int((number + 1) * share) > int(number * share)
