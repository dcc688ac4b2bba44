"""`ivr call`: one test call, told line by line."""

from __future__ import annotations

import io
import json
import os
import pty
import re
from pathlib import Path

import pytest

from ivr.cli.main import main
from tests.acceptance.dial.conftest import FLOW, Desk, refuses, write_configuration
from tests.softphone import Softphone

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(150)]

MINE = "13800000009"
FILES = ("--flow", str(FLOW), "--recognizer", "none")
VALUE = ("--set", "balance=5.20")


async def test_what_happens_is_told(desk: Desk, phone: Softphone) -> None:
    run = await desk.ivr("call", MINE, *FILES, *VALUE, "--trunk", "main", "--json", "out.json", "--record", "rec")
    assert run.code == 0, run.out + run.err
    told = re.findall(r"(?m)^ *[0-9.]+ s  (.*)$", run.out)
    order = ["dialling +86****0009", "it rings", "answered", "[question]", "[agreed]", "[end]"]
    assert [line for line in told if line in order] == order
    assert any(line.startswith("says: This is Clearbrook Telecom's automated assistant") for line in told)
    assert "understood: yes (Keys)" in told
    assert told[-2].startswith("over: Answered · ")
    assert "hung up by us" in told[-2]
    assert [call.user for call in phone.calls] == [f"+86{MINE}"]
    (attempt,) = json.loads((desk.folder / "out.json").read_text(encoding="utf-8"))["attempts"]
    assert attempt["answers"]["consent"]["value"] == "yes"
    assert (desk.folder / "rec" / attempt["recording"]).stat().st_size > 0
    assert sorted(path.name for path in desk.folder.iterdir()) == ["ivr.toml", "out.json", "rec"]


async def test_who_isnt_reached_is_told_with_the_networks_words(desk: Desk, phone: Softphone) -> None:
    phone.on(f"+86{MINE}", refuses(486))
    run = await desk.ivr("call", MINE, *FILES, *VALUE, "--trunk", "main")
    assert run.code == 1, run.out + run.err
    assert "over: Busy · " in run.out
    assert "486" in run.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((MINE, *VALUE), "Several trunks are in the settings; choose one of down, main, spare with --trunk."),
        (("12", *VALUE, "--trunk", "main"), "“12” is not a phone number"),
        ((MINE, "--trunk", "main"), "The flow needs balance (money); give it with --set balance=VALUE."),
        ((MINE, "--trunk", "main", "--set", "balance=much"), "balance: “much” is not an amount of money"),
        ((MINE, "--trunk", "main", "--set", "colour=red"), "the flow asks for no colour; it needs balance"),
        ((MINE, *VALUE, "--trunk", "nowhere"), "There is no trunk nowhere in the settings"),
    ],
)
def test_what_can_be_mended_is_one_sentence(
    tmp_path: Path,
    dial_var: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """Nothing is dialled, so no Asterisk is needed, nor a process."""
    write_configuration(tmp_path, dial_var)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main(["call", *arguments, *FILES])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


async def test_what_the_flow_needs_is_asked_for_and_the_only_trunk_isnt(desk: Desk, phone: Softphone) -> None:
    desk.keep_one_trunk()
    ours, theirs = pty.openpty()
    try:
        started = await desk.start("call", MINE, *FILES, stdin=theirs)
        os.write(ours, b"much\n5.20\n")
        run = await started.ended()
    finally:
        os.close(ours)
        os.close(theirs)
    assert run.code == 0, run.out + run.err
    assert "balance (money)" in run.out
    assert "is not an amount of money" in run.out
    assert "Your balance is five" in run.out
    assert len(phone.calls) == 1
