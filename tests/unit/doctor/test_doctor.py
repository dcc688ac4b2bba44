"""`ivr doctor` names what is missing and the command that mends it; it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr import doctor
from ivr.cli.doctor import command
from ivr.config import LanguageSpeech, PathSettings, Settings
from ivr.doctor import Finding, examine
from speech.vad import VoiceDetector
from trunk.asterisk import sweep

pytestmark = pytest.mark.unit


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(settings)}


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = findings(Settings(paths=PathSettings(var=tmp_path)))
    assert not found["espeak-ng"].ok
    assert found["espeak-ng"].mend == "apt-get install espeak-ng"
    assert found["dot"].mend == "apt-get install graphviz"
    assert not found["dot"].required
    assert not found["voice en"].ok


def test_an_unknown_voice_and_recogniser_are_found(tmp_path: Path) -> None:
    speech = {"en": LanguageSpeech(voice="qqq", recognizer="parrot")}
    found = findings(Settings(paths=PathSettings(var=tmp_path), speech=speech))
    assert not found["voice en"].ok
    assert not found["hearing en"].ok
    assert "parrot" in found["hearing en"].detail


def test_what_is_compiled_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "COMPILED", VoiceDetector)
    monkeypatch.setattr(sweep, "COMPILED", True)
    settings = Settings(paths=PathSettings(var=tmp_path))
    assert findings(settings)["voice detection"] == Finding("voice detection", True, "compiled")
    assert findings(settings)["audio sockets"] == Finding("audio sockets", True, "compiled")
    monkeypatch.setattr(doctor, "COMPILED", None)
    monkeypatch.setattr(sweep, "COMPILED", False)
    for what in ("voice detection", "audio sockets"):
        found = findings(settings)[what]
        assert (found.ok, found.required) == (False, False)
        assert found.mend.endswith("pip install -e .")


def test_a_file_that_is_no_database_is_found_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ivr.db").write_text("not a database, but longer than a header " * 4)
    found = findings(Settings(paths=PathSettings(var=tmp_path)))
    assert not found["database"].ok
    assert "ivr.db" in found["database"].detail
    assert (tmp_path / "ivr.db").read_text().startswith("not a database")


def test_the_command_fails_when_something_needed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(command, [], obj={})
    assert result.exit_code == 1
    assert "apt-get install espeak-ng" in result.output
    assert not (tmp_path / "var").exists()
