"""The automatic screen: every new recording is measured once, part by part, behind the calls.

One recording at a time in a thread, a second of it in memory, reading at a low priority; the rows of one recording
come together or not at all. What can't be read gets a row that says why, and isn't tried again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.database.locks import lock_name
from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import plan_in_use
from ivr.inspection.signals import Walked, missing_steps
from ivr.inspection.sound import frames
from ivr.inspection.syllables import Levels, Loudness, syllables
from ivr.inspection.timeline import Listener, Sides, Stretch, inside, measure
from ivr.model import (
    Answer,
    Attempt,
    CallScreen,
    Campaign,
    FlowVersion,
    HungUpBy,
    Intention,
    Recording,
    Segment,
)
from speech.audio import FRAME_S

AT_ONCE = 50  # recordings that are looked up by one query
DAYS = 7
# Of a flow in which something is asked that nobody may hear: the recording is muted meanwhile.
_SECRET = re.compile(r'"secret":\s*true|"identity":\s*\{')


@dataclass(frozen=True, slots=True)
class Part:
    """One segment of a call, in seconds of its recording; `until_s` None: to its end."""

    segment: int
    agent: str  # "": the robot
    from_s: float
    until_s: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a recorded call before it is measured."""

    attempt_id: str
    file: str
    parts: tuple[Part, ...]
    may_be_muted: bool
    talk_overs_noticed: int  # answers that came over the robot's prompt


@dataclass(frozen=True, slots=True)
class Options:
    folder: Path
    days: int = DAYS  # recordings older than that are left alone


@dataclass(slots=True)
class Screened:
    """What a run did."""

    recordings: int = 0
    seconds: float = 0.0
    absent: int = 0  # files that aren't in the folder: they are looked for again by the next run
    problems: list[InspectionError] = field(default_factory=list)


def measure_call(call: Call, folder: Path) -> list[dict[str, Any]]:
    """The columns of the call's rows, one for each part. Blocks. Raises InspectionError when the file can't be
    read."""
    listener, loudness, one_sided = Listener(), Loudness(), False
    for callee, ours in frames(folder / call.file):
        if ours is None:
            one_sided = True
        else:
            loudness.hear(ours)
        listener.hear(callee, ours)
    listener.end()
    sides = Sides(
        listener.callee.stretches,
        None if one_sided else listener.ours.stretches,
        listener.muted.stretches if call.may_be_muted else (),
    )
    levels = loudness.levels()
    return [_columns(call, index, sides, listener.ticks, levels) for index in range(len(call.parts))]


def _columns(call: Call, index: int, sides: Sides, ticks: int, levels: Levels) -> dict[str, Any]:
    part = call.parts[index]
    stretch = _stretch(part, ticks)
    figures = asdict(measure(sides, stretch))
    if sides.ours is None and index == 0:
        figures["talk_overs"] = call.talk_overs_noticed
    return {
        "segment": part.segment,
        "agent": part.agent,
        "starts_s": round(stretch[0] * FRAME_S, 2),
        "syllables": None if sides.ours is None else syllables(levels, inside(sides.ours, stretch)),
        **figures,
    }


def _stretch(part: Part, ticks: int) -> Stretch:
    begin = min(ticks, _tick(part.from_s))
    end = ticks if part.until_s is None else min(ticks, _tick(part.until_s))
    return begin, max(begin, end)


def _tick(seconds: float) -> int:
    return round(seconds / FRAME_S)


# ---- the job ------------------------------------------------------------------------------------------------


async def screen(database: Database, options: Options, stop: asyncio.Event | None = None) -> Screened:
    """Measure every recording that wasn't yet. `stop` ends it after the one that is being measured."""
    since = database.clock.now() - timedelta(days=options.days)
    done, after = Screened(), 0
    while not (stop and stop.is_set()):
        found = await database.read(partial(_waiting, since=since, after=after))
        if not found:
            break
        for recording_id, attempt_id in found:
            after = recording_id
            if stop and stop.is_set():
                break
            call = await database.read(partial(_call, attempt_id=attempt_id))
            await _screen_one(database, call, options, done)
    return done


async def _screen_one(database: Database, call: Call, options: Options, done: Screened) -> None:
    found = await database.clock.outside(asyncio.to_thread(_measured, call, options))
    if found is None:
        done.absent += 1
        return
    rows, problem = found
    now = database.clock.now()
    if await database.run(lambda session: _write(session, call, rows, problem, now)):
        done.recordings += 1
        done.seconds += sum(row["seconds"] for row in rows)
        if problem:
            done.problems.append(problem)


def _measured(call: Call, options: Options) -> tuple[list[dict[str, Any]], InspectionError | None] | None:
    if not (options.folder / call.file).is_file():
        return None
    try:
        return measure_call(call, options.folder), None
    except InspectionError as error:
        return [], error


def _waiting(session: Session, since: datetime, after: int) -> list[tuple[int, str]]:
    screened = exists().where(CallScreen.attempt_id == Recording.attempt_id)
    rows = session.execute(
        select(Recording.id, Recording.attempt_id)
        .where(Recording.id > after, Recording.created_at >= since, ~screened)
        .order_by(Recording.id)
        .limit(AT_ONCE)
    )
    return [(recording_id, attempt_id) for recording_id, attempt_id in rows]


def _call(session: Session, attempt_id: str) -> Call:
    """Raises sqlalchemy's NoResultFound when the recording is gone."""
    attempt, file, document = session.execute(
        select(Attempt, Recording.file, FlowVersion.source)
        .join(Recording, Recording.attempt_id == Attempt.id)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .join(FlowVersion, FlowVersion.id == Campaign.flow_version_id)
        .where(Attempt.id == attempt_id)
        .order_by(Recording.id.desc())
        .limit(1)
    ).one()
    segments = session.scalars(select(Segment).where(Segment.attempt_id == attempt_id).order_by(Segment.number))
    over = select(func.count()).where(
        Answer.attempt_id == attempt_id, Answer.modality == Modality.SPEECH, Answer.reaction_ms < 0
    )
    return Call(
        attempt_id=attempt_id,
        file=file,
        parts=_parts(attempt, segments.all()),
        may_be_muted=bool(_SECRET.search(document)),
        talk_overs_noticed=session.scalar(over) or 0,
    )


def _parts(attempt: Attempt, segments: Sequence[Segment]) -> tuple[Part, ...]:
    """The recording begins with the answer. Stretches of no length (a person at once) are nobody's."""
    begun = attempt.answered_at or attempt.started_at
    found = []
    for one in segments:
        from_s = (one.started_at - begun).total_seconds()
        until_s = None if one.ended_at is None else (one.ended_at - begun).total_seconds()
        if until_s is None or until_s - from_s >= FRAME_S:
            found.append(Part(one.number, one.agent or "", from_s, until_s))
    if not found:
        return (Part(0, "", 0.0, None),)
    found[-1] = replace(found[-1], until_s=None)  # the recording's end is the call's
    return tuple(found)


def _write(
    session: Session, call: Call, rows: list[dict[str, Any]], problem: InspectionError | None, now: datetime
) -> bool:
    """Whether they are new: another screen may have been quicker."""
    lock_name(session, f"screen {call.attempt_id}")
    if session.scalar(select(exists().where(CallScreen.attempt_id == call.attempt_id))):
        return False
    missing = _missing(session, call.attempt_id, now)
    for index, row in enumerate(rows or [_unmeasured(call.parts[0])]):
        session.add(
            CallScreen(
                attempt_id=call.attempt_id,
                at=now,
                problem=None if problem is None else str(problem),
                missing=list(missing) if index == 0 else [],
                **row,
            )
        )
    return True


def _unmeasured(part: Part) -> dict[str, Any]:
    return {
        "segment": part.segment,
        "agent": part.agent,
        "starts_s": 0.0,
        "seconds": 0.0,
        "longest_silence_s": 0.0,
        "dead_air_s": 0.0,
        "moments": [],
    }


def _missing(session: Session, attempt_id: str, now: datetime) -> tuple[str, ...]:
    """Steps of the script that the call's path doesn't have, by the plan in use."""
    attempt, flow = session.execute(
        select(Attempt, FlowVersion.flow)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .join(FlowVersion, FlowVersion.id == Campaign.flow_version_id)
        .where(Attempt.id == attempt_id)
    ).one()
    walked = Walked(
        flow=flow,
        path=attempt.path,
        finished=attempt.hung_up_by is HungUpBy.US,
        success=attempt.intention is Intention.SUCCESS or attempt.pending,
    )
    return missing_steps(walked, plan_in_use(session, now).spec.script)
