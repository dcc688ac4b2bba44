"""Every figure about people counted without SQL: minute by minute, from a world's plain events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

from ivr.model import AgentState as S

from .people_world import OPPOSITE, TICK_S, Call, Person, World, finished

TIMES = ("hour", "day", "weekday", "week", "month")
Counted = dict[str, dict[str, tuple[float, float | None]]]  # metric -> slice -> part, whole


@dataclass(frozen=True)
class Tick:
    """What an agent was at for the next minute."""

    agent: str
    team: str
    local: datetime
    state: S
    shift: tuple[datetime, datetime] | None
    attended: bool
    begins: int  # so many calls


SLICES: dict[str | None, Callable[[datetime, str, str], str]] = {
    None: lambda local, agent, team: "",
    "agent": lambda local, agent, team: agent,
    "team": lambda local, agent, team: team,
    "hour": lambda local, agent, team: f"{local.hour:02}",
    "day": lambda local, agent, team: f"{local.date()}",
    "weekday": lambda local, agent, team: str((local.weekday() + 1) % 7),
    "week": lambda local, agent, team: f"{local.date() - timedelta(days=local.weekday())}",
    "month": lambda local, agent, team: f"{local.year}-{local.month:02}",
}


def slice_of(by: str | None, local: datetime, agent: str, team: str) -> str:
    return SLICES[by](local, agent, team)


def team_on(made: World, agent: str, local: datetime) -> str:
    return next((one.team_on(local.date()) for one in made.people if one.number == agent), "")


@cache
def ticks(made: World, since: datetime, until: datetime) -> list[Tick]:
    found = []
    for person in made.people:
        rows = [one for one in made.changes if one.agent == person.number]
        shifts = [(begin, end) for agent, begin, end in planned(made) if agent == person.number]
        attended = {one: came(made, person.number, *one) for one in shifts}
        firsts: dict[str, int] = {}
        for index, one in enumerate(rows):
            if one.call and one.state in {S.DIALING, S.TALKING}:
                firsts.setdefault(one.call, index)
        at, index = since, -1
        while at < until:
            begins = 0
            while index + 1 < len(rows) and rows[index + 1].at <= at:
                index += 1
                begins += rows[index].at == at and firsts.get(rows[index].call or "") == index
            row = rows[index] if index >= 0 else None
            shift = next((one for one in shifts if one[0] <= at < one[1]), None)
            state = row.state if row else S.SIGNED_OUT
            local = at.astimezone(made.zone)
            found.append(Tick(person.number, person.team_on(local.date()), local, state, shift,
                              shift is not None and attended[shift], begins))  # fmt: skip
            at += timedelta(seconds=TICK_S)
    return found


def planned(made: World) -> list[tuple[str, datetime, datetime]]:
    """The shifts of those who were still there on the day on which they begin."""
    last = {one.number: one.left_on or date.max for one in made.people}
    return [one for one in made.shifts if one[1].astimezone(made.zone).date() <= last[one[0]]]


def came(made: World, agent: str, begin: datetime, end: datetime) -> bool:
    """Whether an agent was signed in at some time of a shift."""
    state = S.SIGNED_OUT
    for one in made.changes:
        if one.agent != agent or one.at >= end or one.at > made.until:
            continue
        if one.at > begin and one.state is not S.SIGNED_OUT:
            return True
        if one.at <= begin:
            state = one.state
    return state is not S.SIGNED_OUT


def by_ticks(made: World, by: str | None, until: datetime) -> Counted:
    sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for tick in ticks(made, made.since, until):
        if tick.state is S.SIGNED_OUT and tick.shift is None and not tick.begins:
            continue
        here = sums[slice_of(by, tick.local, tick.agent, tick.team)]
        here["calls"] += tick.begins
        here["scheduled"] += TICK_S * tick.attended
        here["planned"] += TICK_S * (tick.shift is not None)
        if tick.state is not S.SIGNED_OUT:
            here["in"] += TICK_S
            here["kept"] += TICK_S * (tick.shift is not None)
            here[tick.state] += TICK_S
    found: Counted = defaultdict(dict)
    for slice_, n in sums.items():
        idle = n[S.SIGNED_IN] + n[S.READY] + n[S.AWAY]
        open_ = n["in"] - n[S.BUSY] - n[S.REST] - n[S.TRAINING] - n[S.MEETING]
        for name, part, whole in (
            ("signed_in_time", n["in"], None), ("scheduled_time", n["scheduled"], None),
            ("adherence", n["in"], n["scheduled"]), ("plan_kept", n["kept"], n["planned"]),
            ("work_efficiency", n[S.DIALING] + n[S.TALKING], n["in"]), ("busy_rate", n[S.BUSY], n["in"]),
            ("idle_rate", idle, n["in"]), ("call_utilisation", n[S.TALKING], open_),
            ("busy_and_wrap_up_per_hour", n[S.BUSY] + n[S.WRAP_UP], n["in"] / 3600),
            ("agent_calls_per_hour", n["calls"], n["in"] / 3600),
        ):  # fmt: skip
            found[name][slice_] = (part, whole)
    return found


def by_shifts(made: World, by: str | None, until: datetime) -> Counted:
    days: defaultdict[str, dict[tuple[str, date], bool]] = defaultdict(dict)
    for agent, begin, end in planned(made):
        local = begin.astimezone(made.zone)
        if made.since <= begin < until:
            of = days[slice_of(by, local, agent, team_on(made, agent, local))]
            key = (agent, local.date())
            of[key] = of.get(key, False) or came(made, agent, begin, end)
    return {
        "attendance": {one: (sum(of.values()), len(of)) for one, of in days.items()},
        "days_absent": {one: (len(of) - sum(of.values()), None) for one, of in days.items()},
    }


def by_staff(made: World, by: str | None, until: datetime) -> Counted:
    first = made.since.astimezone(made.zone).date()
    last = (until - timedelta(seconds=1)).astimezone(made.zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    spans: defaultdict[str, list[date]] = defaultdict(list)
    for day in days:
        spans[slice_of(None if by == "team" else by, datetime.combine(day, datetime.min.time()), "", "")].append(
            day
        )
    found: Counted = {"staff": {}, "turnover": {}}
    for span, inside in spans.items():
        groups = {"", "north", "south"} if by == "team" else {span}
        for group in groups:

            def of_group(day: date) -> list[Person]:
                return [one for one in made.people if by != "team" or one.team_on(day) == group]  # noqa: B023 called here

            before = {one.number for one in of_group(inside[0]) if one.hired_on < inside[0]
                      and not (one.left_on and one.left_on < inside[0])}  # fmt: skip
            there = set(before)
            left = 0
            for day in inside:
                there &= {one.number for one in of_group(day)}
                there |= {one.number for one in of_group(day) if one.hired_on <= day}
                there -= {one.number for one in of_group(day) if one.left_on and one.left_on < day}
                gone = {one.number for one in of_group(day) if one.left_on == day} & there
                left += len(gone)
                there -= gone
            if before or there or left:
                found["staff"][group] = (len(there), None)
                found["turnover"][group] = (left, (len(before) + len(there)) / 2)
    return found


def by_calls(made: World, by: str | None, until: datetime, campaign: str | None) -> Counted:
    """Figures of calls, each put down to the agent who talked last, else to who dialled it."""
    sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    people: defaultdict[str, set[tuple[str, date]]] = defaultdict(set)
    for call in finished(made.calls, made.until):
        if not made.since <= call.started_at < until or (campaign and call.campaign != campaign):
            continue
        agent = call.talks[-1][0] if call.talks else call.dialled_by or ""
        local = call.started_at.astimezone(made.zone)
        slice_ = call.campaign if by == "campaign" else slice_of(by, local, agent, team_on(made, agent, local))
        here = sums[slice_]
        here["calls"] += 1
        here["talked"] += call.talk_s > 0
        here["success"] += call.success
        here["success_of"] += call.success and agent != ""
        here["complaints"] += call.complained
        here["rated"] += call.sms is not None
        here["satisfied"] += call.sms is not None and call.sms >= 4
        if agent:
            people[slice_].add((agent, local.date()))
    found: Counted = defaultdict(dict)
    for slice_, n in sums.items():
        for name, part, whole in (
            ("attempts", n["calls"], None), ("contact_rate", n["talked"], n["calls"]),
            ("success_rate", n["success"], n["talked"]), ("complaint_rate", n["complaints"], n["talked"]),
            ("success_value", n["success"] ** 2, n["talked"]),
            ("successes_per_person", n["success_of"], float(len(people[slice_]))),
        ):  # fmt: skip
            found[name][slice_] = (part, whole)
        if n["rated"]:
            found["sms_satisfaction"][slice_] = (n["satisfied"], n["rated"])
    return found


@cache
def works(made: World) -> dict[str, tuple[str, datetime, dict[S, float] | None]]:
    """Of each call with a talk: whose, since when, and what it took; None: its agent is still at it."""
    found: dict[str, tuple[str, datetime, dict[S, float] | None]] = {}
    for person in made.people:
        rows = [one for one in made.changes if one.agent == person.number and one.at <= made.until]
        for row, after in pairwise((*rows, None)):
            assert row is not None
            if row.call is None:
                continue
            agent, begin, spent = found.get(row.call, (person.number, None, defaultdict(float)))
            if begin is None and row.state is S.TALKING:
                begin = row.at
            if after is None:
                spent = None
            elif spent is not None:
                spent[row.state] += (after.at - row.at).total_seconds()
            found[row.call] = (agent, begin, spent)  # type: ignore[assignment] # those without a talk go below
    return {call: work for call, work in found.items() if work[1] is not None}


def by_talks(made: World, by: str | None, until: datetime, campaign: str | None) -> Counted:
    talks: defaultdict[str, list[float]] = defaultdict(list)
    handled: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    grades: defaultdict[str, list[bool]] = defaultdict(list)

    def put(call: Call, agent: str, begin: datetime) -> str | None:
        if not made.since <= begin < until or (campaign and call.campaign != campaign):
            return None
        local = begin.astimezone(made.zone)
        return call.campaign if by == "campaign" else slice_of(by, local, agent, team_on(made, agent, local))

    for call in finished(made.calls, made.until):
        for agent, grade in call.inspected:
            if grade and (slice_ := put(call, agent, call.started_at)) is not None:
                above = agent != "" and call.above in {"settled", "appealed"}  # then its judgement stands
                appealed = agent != "" and (call.above == "appealed" if above else call.appealed)
                grades[slice_] += [(OPPOSITE[grade] if above else grade) == "excellent"] * (not appealed)
        for agent, begin, end in call.talks:
            if (slice_ := put(call, agent, begin)) is not None:
                talks[slice_].append((end - begin).total_seconds())
        agent, begin, spent = works(made).get(call.id, ("", made.since, None))
        if spent is not None and (slice_ := put(call, agent, begin)) is not None:
            worked = spent[S.DIALING] + spent[S.TALKING] + spent[S.WRAP_UP]
            handled[slice_].append((worked, spent[S.WRAP_UP]))
    found: Counted = defaultdict(dict)
    for slice_, some in talks.items():
        found["agent_talks"][slice_] = (len(some), None)
        found["voice_time"][slice_] = (sum(some), None)
        found["mean_voice_time"][slice_] = (sum(some), len(some))
    for slice_, excellent in grades.items():
        if not excellent:  # an appeal is open against the only one
            continue
        found["inspected"][slice_] = (len(excellent), None)
        found["excellence_rate"][slice_] = (sum(excellent), len(excellent))
    for slice_, pairs in handled.items():
        found["mean_handling_time"][slice_] = (sum(one for one, _ in pairs), len(pairs))
        found["mean_wrap_up_time"][slice_] = (sum(one for _, one in pairs), len(pairs))
    return found
