"""Many customers who want a person and the agents who take them, over a real Asterisk: mixed behaviours, phones
that die. How soon the agent's phone rings, how soon both hear each other, and that nothing is left over."""

from __future__ import annotations

import click

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
        from tests.transfer_rig.checks import faults, p95, to_hearing_s, to_ringing_s
        from tests.transfer_rig.plan import mixed
        from tests.transfer_rig.world import ran

        found = ran(rig, mixed(agents, customers), scratch, scratch / "var")
    wrong, rings_s, hear_s = faults(found), to_ringing_s(found), to_hearing_s(found)
    figures: dict[str, float | int | str] = {"agents": agents, "customers": customers}
    figures |= {f"result_{name}": count for name, count in sorted(found.results.items())}
    figures |= {
        "faults": len(wrong),
        "rang_with_a_free_agent": len(rings_s),
        "to_ringing_p95_s": p95(rings_s),
        "heard_each_other": len(hear_s),
        "key_to_hearing_p95_s": p95(hear_s),
    }
    limits = {
        "faults": Limit("at_most", 0),
        "to_ringing_p95_s": Limit("at_most", TO_RINGING_S),
        "key_to_hearing_p95_s": Limit("at_most", TO_HEARING_S),
    }
    return BenchResult("transfers", figures, limits, tuple(wrong))
