"""Figures about people: time, plans, staff, talks (seeds S3 and S6). Entries of the book like all others."""

from __future__ import annotations

from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.people_rows import AGENT_TIME, HANDLED, INSPECTED, SHIFTS, STAFF, TALKS
from ivr.metrics.terms import count

SIGNED_IN = "x.state <> 'signed_out'"
# At calls' disposal: not what they have set themselves, and what is planned for them.
AT_CALLS = "x.state NOT IN ('signed_out', 'busy', 'rest', 'training', 'meeting')"
IDLE = "x.state IN ('signed_in', 'ready', 'away')"
_LEFT = "x.at = 'left'"
_AT_START = "x.at = 'start'"
_AT_END = "x.at = 'end'"

_NOT_BEGUN = Said("Shifts that haven't begun, and those after an agent's last day.")
NOT_THERE = Said("Time signed out.")
_UNSETTLED = Said(
    "Inspections that aren't settled: nobody has scored them yet, or an appeal is open; the first level's, where "
    "the level above has settled its own of the same part of a call."
)
_OPEN = Said("Calls whose work isn't over yet.")


def _seconds(condition: str) -> str:
    return f"SUM(x.seconds) FILTER (WHERE {condition})"


def _of_call(condition: str) -> str:
    """The seconds that an agent was in states because of the call of row x, to their end."""
    return (
        "(SELECT SUM(SECONDS(n.at, b.at)) FROM agent_state_change b JOIN agent_state_change n"  # noqa: S608 below
        " ON n.agent_id = b.agent_id AND n.number = b.number + 1"
        f" WHERE b.attempt_id = x.attempt_id AND +b.agent_id = x.agent_id AND b.state {condition})"
    )


_HANDLED_S = _of_call("IN ('dialing', 'talking', 'wrap_up')")
_WRAP_UP_S = _of_call("= 'wrap_up'")

PEOPLE: tuple[Metric, ...] = (
    # ---- staff and plans ------------------------------------------------------------------------------------
    Metric(
        name="staff",
        title=Said("Staff"),
        formula=Said("Agents employed at the end of the period."),
        excluded=Said("Whoever left in the period, on its last day too."),
        unit=Unit.COUNT,
        source="S3",
        relation=STAFF,
        part=count(_AT_END),
    ),
    Metric(
        name="turnover",
        title=Said("Turnover"),
        formula=Said(
            "Agents who left in the period / the mean of the staff at its start and at its end. Start: hired "
            "before its first day and not gone by then. The last day of somebody who leaves is `left_on`."
        ),
        excluded=Said(
            "Who moved between teams leaves none: they count for one at the period's start, for the other at its "
            "end."
        ),
        unit=Unit.SHARE,
        source="S3",
        relation=STAFF,
        part=count(_LEFT),
        whole=f"({count(_AT_START)} + {count(_AT_END)}) / 2.0",
    ),
    Metric(
        name="attendance",
        title=Said("Attendance"),
        formula=Said(
            "People present / people scheduled, day by day. Present: signed in at some time of one of the day's "
            "shifts. A shift belongs to the day on which it begins."
        ),
        excluded=_NOT_BEGUN,
        unit=Unit.SHARE,
        source="S3",
        relation=SHIFTS,
        part="COUNT(DISTINCT CAST(x.agent_id AS VARCHAR) || ' ' || x.day) FILTER (WHERE x.attended)",
        whole="COUNT(DISTINCT CAST(x.agent_id AS VARCHAR) || ' ' || x.day)",
    ),
    Metric(
        name="days_absent",
        title=Said("Days absent"),
        formula=Said("Days with a shift to none of which the agent came, summed over agents."),
        excluded=_NOT_BEGUN,
        unit=Unit.COUNT,
        source="S6",
        relation=SHIFTS,
        part="COUNT(DISTINCT CAST(x.agent_id AS VARCHAR) || ' ' || x.day)"
        " - COUNT(DISTINCT CAST(x.agent_id AS VARCHAR) || ' ' || x.day) FILTER (WHERE x.attended)",
    ),
    Metric(
        name="scheduled_time",
        title=Said("Scheduled hours"),
        formula=Said("Seconds of the shifts that were attended."),
        excluded=Said(
            "Shifts to which nobody came or after an agent's last day, and what of a shift is still ahead."
        ),
        unit=Unit.SECONDS,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds("x.attended"),
    ),
    Metric(
        name="adherence",
        title=Said("Adherence"),
        formula=Said(
            "Signed-in time / scheduled hours. As in the source, all time signed in counts, overtime too: it can "
            "be above 100 %."
        ),
        excluded=Said("Shifts to which nobody came: attendance shows those."),
        unit=Unit.SHARE,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds(SIGNED_IN),
        whole=_seconds("x.attended"),
    ),
    Metric(
        name="plan_kept",
        title=Said("Plan kept"),
        formula=Said("Time signed in within shifts / time of all shifts, attended or not."),
        excluded=Said("Overtime, and shifts after an agent's last day."),
        unit=Unit.SHARE,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds(f"x.shift_id IS NOT NULL AND {SIGNED_IN}"),
        whole=_seconds("x.shift_id IS NOT NULL"),
    ),
    # ---- time -----------------------------------------------------------------------------------------------
    Metric(
        name="signed_in_time",
        title=Said("Signed-in time"),
        formula=Said("Seconds from sign-in to sign-out."),
        excluded=NOT_THERE,
        unit=Unit.SECONDS,
        source="S3, S6",
        relation=AGENT_TIME,
        part=_seconds(SIGNED_IN),
    ),
    Metric(
        name="work_efficiency",
        title=Said("Work efficiency"),
        formula=Said("Time in calls, each from its dialling to its end / signed-in time."),
        excluded=Said("Wrap-up, and time signed out."),
        unit=Unit.SHARE,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds("x.state IN ('dialing', 'talking')"),
        whole=_seconds(SIGNED_IN),
    ),
    Metric(
        name="busy_rate",
        title=Said("Busy-state rate"),
        formula=Said("Time that agents had set themselves busy / signed-in time."),
        excluded=Said("Rest, training, meetings, wrap-up: they are states of their own."),
        unit=Unit.SHARE,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds("x.state = 'busy'"),
        whole=_seconds(SIGNED_IN),
    ),
    Metric(
        name="idle_rate",
        title=Said("Idle rate"),
        formula=Said(
            "Time signed in with neither call nor operation / signed-in time: ready, signed in but not ready "
            "yet, or not picking up."
        ),
        excluded=NOT_THERE,
        unit=Unit.SHARE,
        source="S3",
        relation=AGENT_TIME,
        part=_seconds(IDLE),
        whole=_seconds(SIGNED_IN),
    ),
    Metric(
        name="call_utilisation",
        title=Said("Call utilisation"),
        formula=Said(
            "Time in talks / time at calls' disposal. The source doesn't define it; here that is signed-in time "
            "without busy, rest, training and meetings."
        ),
        excluded=NOT_THERE,
        unit=Unit.SHARE,
        source="S6",
        relation=AGENT_TIME,
        part=_seconds("x.state = 'talking'"),
        whole=_seconds(AT_CALLS),
    ),
    Metric(
        name="busy_and_wrap_up_per_hour",
        title=Said("Busy and wrap-up per hour"),
        formula=Said("Seconds of busy and of wrap-up for each hour signed in."),
        excluded=NOT_THERE,
        unit=Unit.SECONDS,
        source="S6",
        relation=AGENT_TIME,
        part=_seconds("x.state IN ('busy', 'wrap_up')"),
        whole=f"{_seconds(SIGNED_IN)} / 3600.0",
    ),
    Metric(
        name="agent_calls_per_hour",
        title=Said("Calls per signed-in hour"),
        formula=Said(
            "Calls that agents dialled or took over / hours signed in. Unlike calls per hour, which counts the "
            "clock's hours, it is for each person."
        ),
        excluded=NOT_THERE,
        unit=Unit.PER_HOUR,
        source="S3, S6",
        relation=AGENT_TIME,
        part="SUM(x.begins_call)",
        whole=f"{_seconds(SIGNED_IN)} / 3600.0",
    ),
    Metric(
        name="agent_states",
        title=Said("Time by state"),
        formula=Said("Seconds signed in, by what agents did."),
        excluded=NOT_THERE,
        unit=Unit.SECONDS,
        source="S3",
        relation=AGENT_TIME,
        part=f"COALESCE({_seconds(SIGNED_IN)}, 0)",
        keys=(("state", "x.state"),),
    ),
    # ---- talks ----------------------------------------------------------------------------------------------
    Metric(
        name="agent_talks",
        title=Said("Agents' talks"),
        formula=Said("Talks of agents with customers."),
        excluded=Said("What the robot said before and after."),
        unit=Unit.COUNT,
        source="S6",
        relation=TALKS,
        part="COUNT(*)",
    ),
    Metric(
        name="voice_time",
        title=Said("Voice time"),
        formula=Said("Seconds of agents' talks, by when they began."),
        excluded=Said("What the robot said before and after."),
        unit=Unit.SECONDS,
        source="S6",
        relation=TALKS,
        part="SUM(SECONDS(x.ended_at, x.started_at))",
    ),
    Metric(
        name="mean_voice_time",
        title=Said("Mean talk time of agents"),
        formula=Said("Voice time / agents' talks. Without wrap-up."),
        excluded=Said("What the robot said before and after."),
        unit=Unit.SECONDS,
        source="S3",
        relation=TALKS,
        part="SUM(SECONDS(x.ended_at, x.started_at))",
        whole="COUNT(*)",
    ),
    Metric(
        name="mean_handling_time",
        title=Said("Mean handling time"),
        formula=Said(
            "Dialling, talking and wrap-up of a call / calls in which the agent talked, by when they began."
        ),
        excluded=_OPEN,
        unit=Unit.SECONDS,
        source="S3",
        relation=HANDLED,
        part=f"SUM({_HANDLED_S})",
        whole="COUNT(*)",
    ),
    Metric(
        name="mean_wrap_up_time",
        title=Said("Mean wrap-up time"),
        formula=Said("Wrap-up after calls / calls in which the agent talked, by when those began."),
        excluded=_OPEN,
        unit=Unit.SECONDS,
        source="S3",
        relation=HANDLED,
        part=f"SUM(COALESCE({_WRAP_UP_S}, 0))",
        whole="COUNT(*)",
    ),
    # ---- quality --------------------------------------------------------------------------------------------
    Metric(
        name="inspected",
        title=Said("Recordings inspected"),
        formula=Said(
            "Inspections that are settled, by when the call began: each part of it, an agent's or the robot's, "
            "by itself, and once where it was inspected at both levels."
        ),
        excluded=_UNSETTLED,
        unit=Unit.COUNT,
        source="S2b, S3",
        relation=INSPECTED,
        part="COUNT(*)",
    ),
    Metric(
        name="excellence_rate",
        title=Said("Excellence rate"),
        formula=Said("Settled inspections graded excellent / settled inspections."),
        excluded=_UNSETTLED,
        unit=Unit.SHARE,
        source="S2b, S3",
        relation=INSPECTED,
        part=count("x.grade = 'excellent'"),
        whole="COUNT(*)",
    ),
)
