"""Two hundred people for the many calls: what each does, and what must be found in the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trunk.carrier import Callee, CalleeBook
from trunk.carrier.callees import Say, Step
from trunk.carrier.causes import Pickup

CALLERS = Path(__file__).parents[2] / "callers" / "ko" / "espeak_f"
YES, NO, TWO = (Say(wav=str(CALLERS / f"{name}.wav")) for name in ("00_네", "10_아니오", "17_이"))
RING_S = (0.2, 0.6)


@dataclass(frozen=True)
class Person:
    """`answers` are question -> (value, modality); `silent`: the network doesn't even say that it tries."""

    callee: Callee
    outcome: str
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    silent: bool = False


def _talks(*does: Step, **answers: tuple[str, str]) -> Person:
    return Person(Callee(ring_s=RING_S, does=does), "answered", answers)


def _refused(pickup: Pickup, outcome: str) -> Person:
    return Person(Callee(pickup=(pickup,), ring_s=RING_S), outcome)


def _keys(consent: str, rating: str | None = None, **when: float) -> Person:
    answers = {"consent": ("yes" if consent == "1" else "no", "keys")}
    does = [Step(on="consent", keys=consent, **(when or {"after_s": 0.2}))]
    if rating is not None:
        does.append(Step(on="rating", keys=rating, **(when or {"after_s": 0.2})))
        answers["rating"] = (rating, "keys")
    return _talks(*does, **answers)


# Words are said twice if need be: how well they are heard isn't the question here, but what becomes of it.
_SAYS_YES = (Step(on="consent", after_s=0.3, say=YES), Step(on="consent", after_s=0.3, say=YES))
_SAYS_NO = (Step(on="consent", after_s=0.3, say=NO), Step(on="consent", after_s=0.3, say=NO))
_SAYS_TWO = (Step(on="rating", after_s=0.3, say=TWO), Step(on="rating", after_s=0.3, say=TWO))
_KEYS_THREE = Step(on="rating", after_s=0.2, keys="3")
_BY_VOICE = ("yes", "speech")

KINDS: tuple[tuple[int, Person], ...] = (
    *((9, _keys("1", str(rating))) for rating in range(1, 6)),
    (25, _keys("2")),
    (20, _keys("1", "4", at_s=0.2)),  # over the questions
    (9, _talks(*_SAYS_YES, _KEYS_THREE, consent=_BY_VOICE, rating=("3", "keys"))),
    (8, _talks(*_SAYS_NO, consent=("no", "speech"))),
    (8, _talks(*_SAYS_YES, *_SAYS_TWO, consent=_BY_VOICE, rating=("2", "speech"))),
    (5, _talks(Step(on="consent", keys="*"), Step(on="consent", keys="1"), Step(on="rating", keys="5"),
               consent=("yes", "keys"), rating=("5", "keys"))),  # asks to hear it again
    (5, _talks(Step(on="consent", keys="7"), Step(on="consent", keys="2"), consent=("no", "keys"))),  # mistypes
    (5, _talks()),  # says nothing
    (6, _talks(Step(on="greet", at_s=0.1, hang_up=True))),
    (6, _talks(Step(on="consent", at_s=0.2, hang_up=True))),
    (6, _talks(Step(on="consent", after_s=0.4, hang_up=True))),
    (6, _talks(Step(on="consent", after_s=0.2, keys="1"), Step(on="rating", after_s=0.2, keys="2", hang_up=True),
               consent=("yes", "keys"), rating=("2", "keys"))),  # hangs up with the last key
    (8, _refused(Pickup.BUSY, "busy")),
    (8, _refused(Pickup.REJECT, "rejected")),
    (6, _refused(Pickup.NO_ANSWER, "no_answer")),
    (8, _refused(Pickup.INVALID, "invalid_number")),
    (6, _refused(Pickup.UNREACHABLE, "unreachable")),
    (4, _refused(Pickup.POWERED_OFF, "unreachable")),  # SIP has no word for it but 480
    (4, _refused(Pickup.CONGESTION, "congestion")),
    (2, Person(Callee(), "failed", silent=True)),
)  # fmt: skip


def everybody() -> dict[str, Person]:
    """By phone; the kinds are dealt out like cards, so that at any time the calls are mixed."""
    hands = [[person] * count for count, person in KINDS]
    dealt = list(_deal(hands))
    return {f"+8613800{number:06}": person for number, person in enumerate(dealt, start=1)}


def book(people: dict[str, Person]) -> CalleeBook:
    return CalleeBook(callees={phone: person.callee for phone, person in people.items()})


def _deal(hands: list[list[Person]]) -> Iterator[Person]:
    """Each kind spread evenly over the whole."""
    total = sum(map(len, hands))
    places = [
        ((index + 0.5) * total / len(hand), kind, person)
        for kind, hand in enumerate(hands)
        for index, person in enumerate(hand)
    ]
    for _, _, person in sorted(places, key=lambda place: place[:2]):
        yield person
