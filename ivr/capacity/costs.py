"""What a call costs, as it was measured: one data file (`costs.toml`) with the machine and each part's origin.

KB and MB are 10^3 and 10^6 bytes. CPU is modelled as a line: what a process costs by itself, what each call on it
adds and a recorded one more, and what each answer that is said and each call that is set up cost."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.errors import IvrError

SHIPPED = Path(__file__).parent / "costs.toml"
EARLIER_KEY = "per_speaking_call"  # decoding's CPU by those who speak, before it was counted by what they say
_EARLIER = (
    "{file} holds costs that an earlier version fitted ({where} is counted otherwise now): run ivr bench capacity "
    "and ivr capacity --fit … --write {file} again, or leave --costs out to plan with the shipped ones"
)


class CostsError(IvrError):
    """The file of costs can't be used."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)  # how it was measured, or that it is arithmetic


class CpuCost(_Part):
    """CPU of one part, in ms per second (of one core: 1000 are a busy core), and ms per what happens once."""

    fixed: float = Field(default=0.0, ge=0)  # of each process
    per_call: float = Field(default=0.0, ge=0)
    per_recorded_call: float = Field(default=0.0, ge=0)  # more than per_call
    per_spoken_answer: float = Field(default=0.0, ge=0)  # ms, once per answer that a callee says
    per_setup: float = Field(default=0.0, ge=0)  # ms, once per call placed
    per_recording: float = Field(default=0.0, ge=0)  # ms, once per call recorded


class MemoryCost(_Part):
    fixed_mb: float = Field(ge=0)  # of each process
    per_call_kb: float = Field(ge=0)
    per_speaking_call_kb: float = Field(default=0.0, ge=0)  # more, of a callee who answers by speech


class DatabaseCost(_Part):
    """PostgreSQL, per call placed."""

    transactions_per_call: float = Field(gt=0)
    transactions_per_worker_s: float = Field(ge=0)  # heartbeats, quotas, looking for campaigns
    kb_per_call: float = Field(gt=0)  # rows and their indexes, kept
    wal_kb_per_call: float = Field(gt=0)  # written ahead; what a standby is sent
    network_kb_per_call: float = Field(gt=0)  # both directions
    connections_per_worker: int = Field(ge=1)


class RecordingCost(_Part):
    kb_per_s: float = Field(gt=0)  # kept, FLAC
    raw_kb_per_s: float = Field(gt=0)  # while the call lasts


class Bounds(_Part):
    busy_share: float = Field(gt=0, le=1)  # of every core: the rest is for peaks and for what fails
    calls_per_worker: int = Field(ge=1)  # the most seen to hold in one process


class Costs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    engine: CpuCost
    decoding: CpuCost
    encoding: CpuCost  # of recordings, by programs that workers start
    asterisk: CpuCost
    generator: CpuCost  # of `ivr bench capacity`: no part of a plan, but the yardstick of the machine's speed
    database_cpu: CpuCost
    engine_memory: MemoryCost
    decoding_memory: MemoryCost  # of the process that decodes beside each worker
    asterisk_memory: MemoryCost
    database: DatabaseCost
    recordings: RecordingCost
    bounds: Bounds

    @property
    def cpu(self) -> Mapping[str, CpuCost]:
        return {
            "engine": self.engine,
            "decoding": self.decoding,
            "encoding": self.encoding,
            "asterisk": self.asterisk,
            "database": self.database_cpu,
        }

    @property
    def memory(self) -> Mapping[str, MemoryCost]:
        return {
            "engine": self.engine_memory,
            "decoding": self.decoding_memory,
            "asterisk": self.asterisk_memory,
        }


def load_costs(path: Path = SHIPPED) -> Costs:
    """Raises CostsError (or OSError, which the command line words itself) when the file isn't one of costs."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        _refuse_earlier(document, path)
        return Costs.model_validate(document)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CostsError("{file} isn't TOML: {reason}", file=path, reason=error) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise CostsError(
            "{file} isn't a file of costs: {where}: {reason} (fix: take the shipped ivr/capacity/costs.toml as "
            "a model)",
            file=path,
            where=".".join(map(str, first["loc"])) or "-",
            reason=first["msg"],
        ) from None


def _refuse_earlier(document: Mapping[str, object], path: Path) -> None:
    """Costs that an earlier version fitted can't be told in today's terms: what was counted is another thing."""
    parts = {name: part for name, part in document.items() if isinstance(part, dict)}
    for name, part in parts.items():
        if EARLIER_KEY in part:
            raise CostsError(_EARLIER, file=path, where=f"{name}.{EARLIER_KEY}")
    for name in ("encoding", "decoding_memory"):
        if "engine" in parts and name not in parts:
            raise CostsError(_EARLIER, file=path, where=name)


def dump_costs(costs: Costs) -> str:
    """As TOML, which `load_costs` reads back the same."""
    document = costs.model_dump()
    lines = [f"machine = {_value(document.pop('machine'))}"]
    for name, part in document.items():
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in part.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        return f'"{escaped}"'
    return repr(round(value, 4)) if isinstance(value, float) else repr(value)
