"""`ivr demo --asterisk` below its terminal: an Asterisk of its own, the softphones, the run, and nothing left."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ivr.cli.demo_asterisk
import ivr.own_asterisk
from flows import library
from free_ports import free_port
from ivr.cli.demo_asterisk import TRUNK, call_softphones
from ivr.config import PathSettings, Settings
from ivr.errors import IvrError
from ivr.own_asterisk import own_instance
from ivr.session.progress import CallOver, ProgressEvent
from tests.asterisk_rig.fixture import ROOT, need_asterisk
from tests.shared_prompts import with_shared_prompts
from trunk.asterisk.instance import Ports

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(180)]

CALLEES: dict[str, Any] = {
    "defaults": {"ring_s": 0.2},
    "callees": {
        "+8613800000001": {
            "does": [{"on": "consent", "at_s": 0.3, "keys": "1"}, {"on": "rating", "at_s": 0.3, "keys": "5"}]
        },
        "+8613800000002": {"does": [{"on": "greet", "at_s": 1, "hang_up": True}]},
        "+8613800000003": {"pickup": "reject"},
    },
}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its name is short: Asterisk's control socket lies below it, and the system takes a hundred characters."""
    return with_shared_prompts(tmp_path_factory.mktemp("d"), tmp_path_factory)


@pytest.fixture
def shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Options of a short demo, whose Asterisk is on ports of its own."""
    need_asterisk()
    monkeypatch.setattr(ivr.own_asterisk, "PORTS", Ports.free())
    port = free_port(socket.SOCK_DGRAM)
    for module in (ivr.own_asterisk, ivr.cli.demo_asterisk):
        monkeypatch.setattr(module, "SOFTPHONE_PORT", port)
    (folder / "asterisk").mkdir()
    (folder / "asterisk" / "root").symlink_to(ROOT)
    rows = [f"{phone},5.20,2026-12-01" for phone in CALLEES["callees"]]
    (folder / "list.csv").write_text("\n".join(["phone,balance,pay_by", *rows]), encoding="utf-8")
    (folder / "callees.yaml").write_text(json.dumps(CALLEES), encoding="utf-8")
    settings = Settings(paths=PathSettings(var=folder))
    yield {
        "flow": library.path("low_balance_reminder", "zh-CN"),
        "contacts": folder / "list.csv",
        "settings": settings,
        "record": folder / "recordings",
        "database": folder / "calls.db",
        "recognizer": "none",
    }
    own_instance(settings).stop()


def test_the_people_of_the_callees_file_are_called_by_sip(shared: dict[str, Any], folder: Path) -> None:
    seen: list[ProgressEvent] = []
    results = call_softphones(shared, folder / "callees.yaml", seen.append)
    found = {attempt.phone: (attempt.outcome, attempt.disposition) for attempt in results.attempts}
    assert found == {
        "+8613800000001": ("answered", "consented"),
        "+8613800000002": ("answered", "incomplete"),
        "+8613800000003": ("rejected", "rejected"),
    }
    agreed = next(attempt for attempt in results.attempts if attempt.phone == "+8613800000001")
    assert {name: answer.value for name, answer in agreed.answers.items()} == {"consent": "yes", "rating": "5"}
    assert {attempt.trunk for attempt in results.attempts} == {TRUNK}
    assert agreed.recording is not None
    assert (folder / "recordings" / agreed.recording).stat().st_size > 10_000
    assert sum(isinstance(event, CallOver) for event in seen) == 3
    assert own_instance(shared["settings"]).pid is None  # it was started for this, and is stopped


def test_a_taken_port_is_told_and_asterisk_is_stopped_again(shared: dict[str, Any], folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", ivr.own_asterisk.SOFTPHONE_PORT))
        with pytest.raises(IvrError, match="is taken"):
            call_softphones(shared, folder / "callees.yaml", lambda event: None)
    assert own_instance(shared["settings"]).pid is None
