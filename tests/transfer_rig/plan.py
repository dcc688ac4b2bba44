"""Who does what: agents and customers of one run, mixed, by number alone so that a run repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

AgentDoes = Literal[
    "takes", "declines", "no_answer", "rings_long", "says_nothing", "dies_in_whisper", "dies_in_talk", "signs_out"
]
CustomerDoes = Literal["stays", "gives_up", "leaves", "leaves_at_key"]
Once = Literal["rung", "told"]
CARE = "care"
LEFT = frozenset({"left_waiting", "left_ringing", "left_whisper", "left_bridging"})
# What may come of a call that goes to everybody: who declines or doesn't pick up is followed by somebody else.
SHARED = frozenset({"talked", "declined", "no_answer", "nobody_accepted", "timed_out", "unlikely"})


@dataclass(frozen=True)
class AgentPlan:
    number: str
    phone: str
    does: AgentDoes
    queue: str = CARE
    ring_s: float = 0.3
    key_after_s: float = 0.8  # from the first words of the brief
    talk_s: float = 2.5


@dataclass(frozen=True)
class CustomerPlan:
    phone: str  # E.164
    does: CustomerDoes
    queue: str = CARE
    once: Once | None = None  # `leaves`: when their agent's phone rings, or the agent hears who it is
    after_s: float = 0.0  # `leaves`: so long after that, or after they were handed over
    expected: frozenset[str] = SHARED


@dataclass(frozen=True)
class Plan:
    agents: tuple[AgentPlan, ...]
    customers: tuple[CustomerPlan, ...]
    queues: tuple[str, ...] = field(default=(CARE,))

    def as_json(self) -> dict[str, Any]:
        """What the phones need to know, by the user who is dialled."""
        agents = {one.phone: asdict(one) for one in self.agents}
        customers = {one.phone: {**asdict(one), "expected": None} for one in self.customers}
        return {"agents": agents, "customers": customers}


# One agent of their own and one customer for each way that must be seen; for "dead" a second customer: one of them
# is talking when the phone dies, the other one finds it dead, whoever asks first.
ALONE: tuple[tuple[str, AgentDoes, CustomerDoes, Once | None, frozenset[str]], ...] = (
    ("ringing", "rings_long", "leaves", "rung", frozenset({"left_ringing"})),
    ("whisper", "says_nothing", "leaves", "told", frozenset({"left_whisper"})),
    ("bridging", "takes", "leaves_at_key", None, frozenset({"left_whisper", "left_bridging", "talked"})),
    ("lost", "dies_in_whisper", "stays", None, frozenset({"no_key", "phone_lost"})),
    ("dead", "dies_in_talk", "gives_up", None, frozenset({"talked", "unreachable"})),
)
LEAVES_AFTER_S = 1.0


def mixed(agents: int, customers: int) -> Plan:
    """A run of this size. Of those who take everybody's calls one signs out in a call, every sixth declines and
    every eighth doesn't pick up; of the customers every fourth leaves after a while."""
    team = list(_alone_agents())
    shared = agents - len(team)
    team += [AgentPlan(str(2001 + index), str(2001 + index), _of(index)) for index in range(shared)]
    callers = list(_alone_customers())
    for index in range(customers - len(callers)):
        phone = f"+86138{index + 1001:08}"
        if index % 4 == 3:
            leaves = frozenset(LEFT | SHARED)
            callers.append(CustomerPlan(phone, "leaves", after_s=0.5 + 1.7 * (index % 9), expected=leaves))
        else:
            callers.append(CustomerPlan(phone, "stays"))
    return Plan(tuple(team), tuple(callers), (CARE, *(name for name, *_ in ALONE)))


def _of(index: int) -> AgentDoes:
    if index == 0:
        return "signs_out"
    if index % 6 == 2:
        return "declines"
    return "no_answer" if index % 8 == 4 else "takes"


def _alone_agents() -> Iterator[AgentPlan]:
    for index, (queue, does, *_) in enumerate(ALONE):
        number = str(1001 + index)
        yield AgentPlan(number, number, does, queue, ring_s=60.0 if does == "rings_long" else 0.3)


def _alone_customers() -> Iterator[CustomerPlan]:
    for index, (queue, _, does, once, expected) in enumerate(ALONE):
        yield CustomerPlan(f"+86139{index + 1:08}", does, queue, once, LEAVES_AFTER_S, expected)
    yield CustomerPlan(
        f"+86139{len(ALONE) + 1:08}", "stays", "dead", expected=frozenset({"talk_lost", "unreachable"})
    )
