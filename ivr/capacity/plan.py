"""The plan: arithmetic from a demand and measured costs to machines, memory, network, disk and database. Pure.

The unit is the call machine: one Asterisk, and beside it as many workers as its calls need, so that the sound
between them stays on the machine. Calls are spread evenly, and one machine more than needed is counted in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.capacity.costs import Costs, CpuCost
from ivr.capacity.demand import Demand
from ivr.capacity.network import AUDIOSOCKET_PACKET_BYTES, PACKETS_PER_S, RTP_PACKET_BYTES, mbit_per_s
from ivr.errors import IvrError


class DemandError(IvrError):
    """No machine of the given size carries even one call."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the plan: `template` and `params` tell where it comes from."""

    key: str
    title: str
    value: float
    unit: str
    template: str
    params: dict[str, object]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the calls are spread."""

    machines: int  # that are needed; one more is planned
    calls_per_machine: int  # when they share evenly
    workers_per_machine: int

    @property
    def workers(self) -> int:
        """With those of the machine to spare."""
        return (self.machines + 1) * self.workers_per_machine


def per_call_ms(cost: CpuCost, demand: Demand) -> float:
    """CPU ms per second that one call of the mix adds, its share of the answers and set-ups included."""
    return (
        cost.per_call
        + cost.per_recorded_call * demand.record_share
        + cost.per_spoken_answer * demand.spoken_per_s / demand.calls
        + cost.per_setup * demand.placed_per_s / demand.calls
        + cost.per_recording * demand.record_share * demand.placed_per_s / demand.calls
    )


def calls_per_worker(demand: Demand, costs: Costs) -> int:
    """One worker's own Python runs on one core; a process beside it decodes on others."""
    room_ms = costs.bounds.busy_share * 1000 - costs.engine.fixed
    return max(1, min(costs.bounds.calls_per_worker, int(room_ms / per_call_ms(costs.engine, demand))))


def layout(demand: Demand, costs: Costs) -> Layout:
    """Raises DemandError when a machine is too small for one call."""
    room_ms = demand.cores_per_machine * costs.bounds.busy_share * 1000 - costs.asterisk.fixed
    each_ms = sum(
        per_call_ms(cost, demand) for cost in (costs.engine, costs.decoding, costs.encoding, costs.asterisk)
    )
    each_ms += costs.engine.fixed / calls_per_worker(demand, costs)
    most = int(room_ms / each_ms)
    if most < 1:
        raise DemandError(
            "A machine of {cores} cores carries no call of this mix: one takes {each:.0f} ms of CPU a second.",
            cores=demand.cores_per_machine,
            each=each_ms,
        )
    machines = math.ceil(demand.calls / most)
    calls = math.ceil(demand.calls / machines)
    return Layout(machines, calls, math.ceil(calls / calls_per_worker(demand, costs)))


def plan(demand: Demand, costs: Costs) -> tuple[Line, ...]:
    """Every figure with where it comes from, in the order in which people ask."""
    spread = layout(demand, costs)
    parts = (_calls, _machines, _memory, _network, _recordings, _database)
    return tuple(line for part in parts for line in part(demand, costs, spread))


def _calls(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    yield Line(
        "setups_per_s",
        "calls placed",
        value=demand.placed_per_s,
        unit="/s",
        template="as asked; without --setups-per-s a call takes a minute of its channel",
        params={},
    )
    running = spread.machines * spread.workers_per_machine
    yield _cores("engine_cores", "cores for the engine", (costs.engine, running), (demand, costs))
    yield _cores("decoding_cores", "cores for decoding speech", (costs.decoding, 0), (demand, costs))
    yield _cores("encoding_cores", "cores for encoding recordings", (costs.encoding, 0), (demand, costs))
    yield _cores("asterisk_cores", "cores for Asterisk", (costs.asterisk, spread.machines), (demand, costs))


def _cores(key: str, title: str, part: tuple[CpuCost, int], given: tuple[Demand, Costs]) -> Line:
    """`part`: what it costs, and how many processes do it."""
    (cost, processes), (demand, costs) = part, given
    each_ms, busy_share = per_call_ms(cost, demand), costs.bounds.busy_share
    return Line(
        key,
        title,
        value=(each_ms * demand.calls + cost.fixed * processes) / 1000 / busy_share,
        unit="",
        template="{each:.2f} ms of CPU per call-second, measured; cores {busy:.0f} % busy",
        params={"each": each_ms, "busy": 100 * busy_share},
    )


def _machines(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    yield Line(
        "calls_per_machine",
        "calls per machine",
        value=spread.calls_per_machine,
        unit="",
        template="shared evenly by the machines that are needed, {cores} cores each",
        params={"cores": demand.cores_per_machine},
    )
    yield Line(
        "asterisk_nodes",
        "call machines, each with one Asterisk",
        value=spread.machines + 1,
        unit="",
        template="{needed} that are needed and one more, so that the failure of one is no failure",
        params={"needed": spread.machines},
    )
    yield Line(
        "workers",
        "workers",
        value=spread.workers,
        unit="",
        template="{each} per machine: one carries {most} calls of this mix on its core",
        params={"each": spread.workers_per_machine, "most": calls_per_worker(demand, costs)},
    )


def _memory(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    engine, decoding, asterisk = costs.engine_memory, costs.decoding_memory, costs.asterisk_memory
    used_mb = asterisk.fixed_mb + spread.workers_per_machine * (engine.fixed_mb + decoding.fixed_mb)
    speaking_kb = engine.per_speaking_call_kb + decoding.per_speaking_call_kb
    each_kb = engine.per_call_kb + decoding.per_call_kb + asterisk.per_call_kb + speaking_kb * demand.speech_share
    used_mb += spread.calls_per_machine * each_kb / 1000
    yield Line(
        "memory_per_machine_gb",
        "memory per call machine",
        value=used_mb / 1000 / costs.bounds.busy_share,
        unit="GB",
        template="{asterisk:.0f} MB Asterisk, {engine:.0f} MB each worker and {decoding:.0f} MB what decodes for "
        "it, {each:.0f} KB per call; {busy:.0f} % full",
        params={
            "asterisk": asterisk.fixed_mb,
            "engine": engine.fixed_mb,
            "decoding": decoding.fixed_mb,
            "each": each_kb,
            "busy": 100 * costs.bounds.busy_share,
        },
    )


def _network(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    yield Line(
        "rtp_mbit_per_s",
        "network to the operators, in and out each",
        value=mbit_per_s(demand.calls, RTP_PACKET_BYTES),
        unit="Mbit/s",
        template="arithmetic: G.711, {rate} packets a second of {size} bytes with their headers",
        params={"rate": PACKETS_PER_S, "size": RTP_PACKET_BYTES},
    )
    yield Line(
        "rtp_per_machine_mbit_per_s",
        "of which each call machine",
        value=mbit_per_s(spread.calls_per_machine, RTP_PACKET_BYTES),
        unit="Mbit/s",
        template="arithmetic: {packets} packets a second in each direction",
        params={"packets": spread.calls_per_machine * PACKETS_PER_S},
    )
    yield Line(
        "audiosocket_mbit_per_s",
        "between Asterisk and workers, in and out each",
        value=mbit_per_s(demand.calls, AUDIOSOCKET_PACKET_BYTES),
        unit="Mbit/s",
        template="arithmetic: 8 kHz, 16 bits, {size} bytes a frame; on no cable while both are on one machine",
        params={"size": AUDIOSOCKET_PACKET_BYTES},
    )


def _recordings(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    cost = costs.recordings
    yield Line(
        "recordings_gb_per_day",
        "recordings kept",
        value=demand.recorded_s_per_day * cost.kb_per_s / 1e6,
        unit="GB/d",
        template="{each:.1f} KB per second of a recorded call (FLAC, stereo), measured; "
        "{hours:g} h of dialling a day",
        params={"each": cost.kb_per_s, "hours": demand.hours_per_day},
    )
    yield Line(
        "recordings_mb_per_s",
        "recordings written per call machine",
        value=spread.calls_per_machine * demand.record_share * cost.raw_kb_per_s / 1000,
        unit="MB/s",
        template="arithmetic: {each:.1f} KB/s raw while a call lasts",
        params={"each": cost.raw_kb_per_s},
    )


def _database(demand: Demand, costs: Costs, spread: Layout) -> Iterator[Line]:
    cost, placed_per_s = costs.database, demand.placed_per_s
    yield Line(
        "database_transactions_per_s",
        "PostgreSQL: transactions",
        value=cost.transactions_per_call * placed_per_s + cost.transactions_per_worker_s * spread.workers,
        unit="/s",
        template="{each:.1f} per call and {beat:.1f} a second per worker, measured",
        params={"each": cost.transactions_per_call, "beat": cost.transactions_per_worker_s},
    )
    yield Line(
        "database_cores",
        "PostgreSQL: cores",
        value=costs.database_cpu.per_setup * placed_per_s / 1000 / costs.bounds.busy_share,
        unit="",
        template="{each:.1f} ms per call placed, measured; cores {busy:.0f} % busy",
        params={"each": costs.database_cpu.per_setup, "busy": 100 * costs.bounds.busy_share},
    )
    yield Line(
        "database_connections",
        "PostgreSQL: connections",
        value=cost.connections_per_worker * spread.workers,
        unit="",
        template="at most {each} per worker; max_connections must be above",
        params={"each": cost.connections_per_worker},
    )
    yield Line(
        "database_gb_per_day",
        "PostgreSQL: growth",
        value=demand.placed_per_day * cost.kb_per_call / 1e6,
        unit="GB/d",
        template="{each:.1f} KB per call with its indexes, measured; {calls:.0f} calls a day",
        params={"each": cost.kb_per_call, "calls": demand.placed_per_day},
    )
    yield Line(
        "database_wal_gb_per_day",
        "PostgreSQL: write-ahead log",
        value=demand.placed_per_day * cost.wal_kb_per_call / 1e6,
        unit="GB/d",
        template="{each:.1f} KB per call, measured; a standby is sent as much",
        params={"each": cost.wal_kb_per_call},
    )
    yield Line(
        "database_mbit_per_s",
        "PostgreSQL: network",
        value=placed_per_s * cost.network_kb_per_call * 1000 * 8 / 1e6,
        unit="Mbit/s",
        template="{each:.1f} KB per call, both directions together, measured",
        params={"each": cost.network_kb_per_call},
    )
