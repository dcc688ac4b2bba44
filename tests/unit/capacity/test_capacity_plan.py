"""The plan is arithmetic: checked against sums done by hand, and by what must be true of any plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ivr.capacity.costs import SHIPPED, Costs, CostsError, CpuCost, dump_costs, load_costs
from ivr.capacity.demand import Demand
from ivr.capacity.network import AUDIOSOCKET_PACKET_BYTES, RTP_PACKET_BYTES, mbit_per_s
from ivr.capacity.plan import DemandError, layout, per_call_ms, plan

pytestmark = pytest.mark.unit

COSTS = load_costs()
ROUND = COSTS.model_copy(
    update={
        "engine": CpuCost(source="test", per_call=1.0, per_setup=10.0),
        "decoding": CpuCost(source="test", per_spoken_answer=60.0),
        "encoding": CpuCost(source="test", per_recorded_call=2.0, per_recording=8.0),
        "asterisk": CpuCost(source="test", per_call=4.0, per_recorded_call=7.1),
        "bounds": COSTS.bounds.model_copy(update={"busy_share": 0.5, "calls_per_worker": 200}),
    }
)


def figures(demand: Demand, costs: Costs = COSTS) -> dict[str, float]:
    return {line.key: line.value for line in plan(demand, costs)}


def test_sums_done_by_hand() -> None:
    demand = Demand(
        1000, speech_share=0.25, answers_per_min=4, record_share=0.1, setups_per_s=100, cores_per_machine=4
    )
    found = figures(demand, ROUND)
    assert found["engine_cores"] == pytest.approx((1.0 + 10 * 0.1) * 1000 / 1000 / 0.5)
    assert found["decoding_cores"] == pytest.approx(0.25 * 4 / 60 * 60 / 0.5)
    assert found["encoding_cores"] == pytest.approx((0.1 * 2 + 0.1 * 8 * 0.1) / 0.5)
    assert found["asterisk_cores"] == pytest.approx((4 + 0.1 * 7.1) / 0.5)
    # 2 + 1 + 0.28 + 4.71 ms a call; 4 cores half busy are 2000 ms: 250 calls, so 4 machines and one more.
    assert found["calls_per_machine"] == 250
    assert found["asterisk_nodes"] == 5
    # a core half busy has 500 ms: 250 calls at 2 ms, but the most that was seen is 200.
    assert found["workers"] == 5 * 2


def test_a_g711_call_takes_what_the_textbooks_say() -> None:
    assert RTP_PACKET_BYTES == 218
    assert mbit_per_s(1, RTP_PACKET_BYTES) == pytest.approx(0.0872)
    assert AUDIOSOCKET_PACKET_BYTES == 393


def test_what_a_call_placed_costs_the_database() -> None:
    demand = Demand(600, setups_per_s=10, hours_per_day=1)
    found, cost = figures(demand), COSTS.database
    beats = cost.transactions_per_worker_s * found["workers"]
    assert found["database_transactions_per_s"] == pytest.approx(10 * cost.transactions_per_call + beats)
    assert found["database_gb_per_day"] == pytest.approx(36_000 * cost.kb_per_call / 1e6)
    assert found["database_connections"] == cost.connections_per_worker * found["workers"]


def test_a_call_takes_a_minute_unless_said() -> None:
    assert Demand(240).placed_per_s == 4
    assert Demand(240).placed_per_day == 144_000
    assert figures(Demand(240))["setups_per_s"] == 4


@given(
    calls=some.integers(1, 20_000),
    speech=some.floats(0, 1),
    record=some.floats(0, 1),
    cores=some.integers(2, 64),
)
def test_no_machine_and_no_worker_gets_more_than_it_carries(
    calls: int, speech: float, record: float, cores: int
) -> None:
    demand = Demand(calls, speech, record, cores_per_machine=cores)
    spread = layout(demand, COSTS)
    assert spread.machines * spread.calls_per_machine >= calls
    used_ms = COSTS.asterisk.fixed + spread.calls_per_machine * sum(
        per_call_ms(cost, demand) for cost in (COSTS.engine, COSTS.decoding, COSTS.encoding, COSTS.asterisk)
    )
    assert used_ms <= 1000 * COSTS.bounds.busy_share * cores
    assert spread.workers_per_machine * COSTS.bounds.calls_per_worker >= spread.calls_per_machine


def test_more_of_anything_never_needs_less() -> None:
    base = Demand(1000, 0.2, 0.1)
    for more in (Demand(1100, 0.2, 0.1), Demand(1000, 0.4, 0.1), Demand(1000, 0.2, 0.5)):
        few, many = figures(base), figures(more)
        for key in ("engine_cores", "decoding_cores", "asterisk_cores", "recordings_gb_per_day"):
            assert many[key] >= few[key], key


def test_a_machine_too_small_for_a_call_is_told() -> None:
    dear = ROUND.model_copy(update={"asterisk": CpuCost(source="test", per_call=2000.0)})
    with pytest.raises(DemandError, match="carries no call"):
        plan(Demand(1, cores_per_machine=1), dear)


def test_costs_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(dump_costs(COSTS), "utf-8")
    assert load_costs(path) == COSTS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machine = ", "isn't TOML"),
        ('machine = "x"', "engine: Field required"),
        ("x = 1", "isn't a file of costs"),
    ],
)
def test_a_file_that_isnt_costs(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CostsError, match=said):
        load_costs(path)


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("per_spoken_answer = 59.8", "per_speaking_call = 6.6", "decoding.per_speaking_call"),
        ("[decoding_memory]", "[unknown]", "decoding_memory"),
        ("[encoding]", "[unknown]", "encoding"),
    ],
)
def test_costs_of_an_earlier_version_are_refused_with_what_to_do(
    tmp_path: Path, before: str, after: str, where: str
) -> None:
    path = tmp_path / "mine.toml"
    shipped = SHIPPED.read_text("utf-8")
    assert before in shipped
    path.write_text(shipped.replace(before, after), "utf-8")
    with pytest.raises(CostsError) as raised:
        load_costs(path)
    said = str(raised.value)
    assert where in said
    assert f"ivr capacity --fit … --write {path}" in said
    assert "Extra inputs" not in said


def test_the_shipped_costs_name_a_command_or_a_document_for_each_part() -> None:
    costs = load_costs(SHIPPED)
    sources = [part["source"] for part in costs.model_dump().values() if isinstance(part, dict)]
    assert len(sources) == 12
    assert all("ivr bench" in source or "docs/" in source for source in sources), sources
