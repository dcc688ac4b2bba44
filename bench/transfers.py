"""Many customers who want a person and the agents who take them, over a real Asterisk: mixed behaviours, phones
that die. How soon the agent's phone rings, how soon both hear each other, and that nothing is left over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from bench.capacity.meters import cpu_s
from bench.over_asterisk import own_asterisk
from bench.result import BenchResult, Limit
from ivr.i18n import translate

TO_RINGING_S = 1.0  # with a free agent
TO_HEARING_S = 0.3  # from the key


@click.command(help=translate("Customers who want a person, and agents of all kinds, over a real Asterisk."))
@click.option("--agents", default=30, show_default=True, type=click.IntRange(8, 200), help=translate("How many."))
@click.option(
    "--customers", default=60, show_default=True, type=click.IntRange(8, 400), help=translate("Calls at once.")
)
def command(agents: int, customers: int) -> BenchResult:
    with own_asterisk() as (scratch, rig):
        from tests.transfer_rig import steps
        from tests.transfer_rig.checks import faults
        from tests.transfer_rig.plan import mixed
        from tests.transfer_rig.world import ran

        before_s = cpu_s(rig.instance.pid)
        found = ran(rig, mixed(agents, customers), scratch, scratch / "var")
        found.cpu_s["asterisk"] = cpu_s(rig.instance.pid) - before_s
        wrong, at_once = faults(found), steps.at_once(found)
        ringing, hearing = steps.to_ringing_s(found), steps.to_hearing_s(found)
        parts = {"to_ringing": steps.summed(ringing), "key_to_hearing": steps.summed(hearing)}
    figures: dict[str, float | int | str] = {"agents": agents, "customers": customers, "on_at_once": at_once}
    figures |= {f"result.{name}": count for name, count in sorted(found.results.items())}
    figures |= {
        "faults": len(wrong),
        "rang_with_a_free_agent": len(ringing["whole"]),
        "heard_each_other": len(hearing["whole"]),
    }
    for what, summed in parts.items():
        figures |= {f"{what}_p50_s": summed["whole"][0], f"{what}_p95_s": summed["whole"][1]}
    figures |= {f"cpu_{part}_s": spent_s for part, spent_s in found.cpu_s.items()}
    limits = {
        "faults": Limit("at_most", 0),
        "to_ringing_p95_s": Limit("at_most", TO_RINGING_S),
        "key_to_hearing_p95_s": Limit("at_most", TO_HEARING_S),
    }
    return BenchResult("transfers", figures, limits, (*wrong, *_lines(parts)))


def _lines(parts: Mapping[str, Mapping[str, tuple[float, float]]]) -> Iterator[str]:
    """Where the time goes."""
    for what, summed in parts.items():
        for step, (median_s, most_s) in summed.items():
            yield f"{what}: {step:<20} p50 {1000 * median_s:6.0f} ms, p95 {1000 * most_s:6.0f} ms"
