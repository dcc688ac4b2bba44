"""The live table of a run: which trunks it shows, and how they are."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ivr.cli.watch import Watcher
from ivr.session.progress import TrunkChanged

pytestmark = pytest.mark.unit


def drawn(trunks: tuple[str, ...], *events: TrunkChanged) -> str:
    """What is on the terminal when the run is over."""
    out = io.StringIO()
    with Watcher(Console(file=out, force_terminal=True, width=120, color_system=None), trunks) as watcher:
        for event in events:
            watcher.observe(event)
    return out.getvalue()


def change(trunk: str, state: str, reason: str) -> TrunkChanged:
    return TrunkChanged(trunk, state, reason, 30.0, datetime(2026, 1, 5, tzinfo=UTC))


def test_several_trunks_are_shown_with_their_state() -> None:
    shown = drawn(("main", "spare"), change("spare", "out_of_service", "failures"))
    assert "main: in service · spare: out of service" in shown
    assert "Trunk spare is out of service for 30 s" in shown
    shown = drawn(("main", "spare"), change("main", "trial", "linked"))
    assert "main: on trial, one call at a time · spare: in service" in shown


def test_one_trunk_takes_no_line_of_the_table() -> None:
    assert "in service" not in drawn(("main",))
