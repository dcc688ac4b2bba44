"""`ivr asterisk …`: its files, its sentences, its exit codes."""

from __future__ import annotations

import socket
import stat

import pytest

from free_ports import free_port
from tests.acceptance.asterisk_command.conftest import Folder
from tests.asterisk_rig.fixture import ROOT, AsteriskRig, need_asterisk

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time]

OPERATOR = """
[asterisk]
secret = "s3cret"
[trunks.unicom]
server = "sbc.example.com:5080"
[trunks.mobile]
server = "10.1.2.3"
username = "8610"
password = "pass"
[trunks.own]
endpoint = "theirs"
"""


def test_render_writes_what_asterisk_includes(folder: Folder) -> None:
    folder.settings(OPERATOR)
    (folder.path / "out").mkdir()
    (folder.path / "out" / "manager.conf").write_text("old")
    (folder.path / "out" / "manager.conf").chmod(0o644)
    run = folder.ivr("asterisk", "render", "--out", "out")
    assert run.returncode == 0, run.stderr
    files = {path.name: path for path in (folder.path / "out").iterdir()}
    assert set(files) == {"manager.conf", "extensions.conf", "pjsip.conf", "README.md", "README.zh-CN.md"}
    assert "out/README.md says where each of them goes." in run.stdout
    assert [stat.S_IMODE(files[name].stat().st_mode) for name in ("manager.conf", "pjsip.conf")] == [0o600] * 2
    assert "secret = s3cret" in files["manager.conf"].read_text()
    pjsip = files["pjsip.conf"].read_text()
    assert "[ivr-unicom]" in pjsip
    assert "client_uri = sip:8610@10.1.2.3" in pjsip
    assert "theirs" not in pjsip  # no server: it is in Asterisk already
    assert "s3cret" not in run.stdout


def test_render_takes_the_file_and_the_secret_that_it_is_given(folder: Folder) -> None:
    (folder.path / "other.toml").write_text("[asterisk]\nuser = 'robot'\n")
    run = folder.ivr("asterisk", "render", "--out", "out", "--config", "other.toml", IVR_AMI_SECRET="from outside")
    assert run.returncode == 0, run.stderr
    assert "[robot]\nsecret = from outside\n" in (folder.path / "out" / "manager.conf").read_text()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("", "There is no password for Asterisk's manager interface; set IVR_AMI_SECRET"),
        (OPERATOR.replace('"s3cret"', '"a\\nb"'), "has a line break, a control character or a blank"),
        (OPERATOR.replace('password = "pass"', ""), "PJSIP endpoint ivr-mobile has a username but no password"),
        (OPERATOR.replace("10.1.2.3", "sip:10.1.2.3"), "server 'sip:10.1.2.3' isn't an address"),
    ],
)
def test_what_cannot_be_rendered_is_a_sentence_and_no_file(folder: Folder, settings: str, sentence: str) -> None:
    folder.settings(settings)
    run = folder.ivr("asterisk", "render", "--out", "out")
    assert (run.returncode, run.stdout) == (2, "")
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert not (folder.path / "out").exists()


def test_check_says_what_holds_and_what_does_not(
    folder: Folder, asterisk_rig: AsteriskRig, rig_settings: str
) -> None:
    secret = {"IVR_AMI_SECRET": asterisk_rig.config.secret}
    folder.settings(rig_settings + "[trunks.down]\n[trunks.absent]\n")
    run = folder.ivr("asterisk", "check", **secret)
    assert run.returncode == 1, run.stderr
    assert "✓ audio: both ways at 127.0.0.1:" in run.stdout
    assert "✗ trunk absent: there is no PJSIP endpoint ivr-absent\n    → pjsip.conf: #include" in run.stdout
    assert (
        "✗ trunk down: the operator's server of ivr-down doesn't answer OPTIONS\n    → check server" in run.stdout
    )
    assert run.stdout.endswith("2 of these don't hold; mend them and call again.\n")
    assert asterisk_rig.config.secret not in run.stdout + run.stderr


def test_check_and_doctor_in_chinese(folder: Folder, asterisk_rig: AsteriskRig, rig_settings: str) -> None:
    secret = {"IVR_AMI_SECRET": asterisk_rig.config.secret, "IVR_LANG": "zh-CN"}
    folder.settings(rig_settings + "[trunks.absent]\n")
    run = folder.ivr("asterisk", "check", **secret)
    assert "✗ 中继 absent: 没有 PJSIP 端点 ivr-absent" in run.stdout
    doctor = folder.ivr("doctor", COLUMNS="200", **secret)
    assert doctor.returncode == 1
    assert "没有 PJSIP 端点 ivr-absent" in doctor.stdout


def test_check_without_trunks_or_password(folder: Folder, asterisk_rig: AsteriskRig, rig_settings: str) -> None:
    folder.settings(rig_settings)
    run = folder.ivr("asterisk", "check", IVR_AMI_SECRET=asterisk_rig.config.secret)
    assert run.returncode == 1
    assert "✗ trunks: there are none\n    → ivr.toml: [trunks.NAME]" in run.stdout
    run = folder.ivr("asterisk", "check")
    assert run.returncode == 2
    assert "There is no password" in run.stderr
    assert "Asterisk" not in folder.ivr("doctor").stdout  # nobody who rehearses needs one


def test_an_asterisk_of_our_own(folder: Folder) -> None:
    need_asterisk()
    (folder.path / "var" / "asterisk").mkdir(parents=True)
    (folder.path / "var" / "asterisk" / "root").symlink_to(ROOT)
    assert folder.ivr("asterisk", "status").returncode == 1
    file = folder.path / "var" / "asterisk" / "instance" / "ivr.toml"
    # It is the user's to edit; here because an Asterisk of theirs may have the usual port.
    file.write_text(file.read_text().replace("15038", str(free_port(socket.SOCK_STREAM))))
    run = folder.ivr("asterisk", "start")
    try:
        assert run.returncode == 0, run.stderr
        assert f"IVR_CONFIG={file} ivr asterisk check" in run.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert folder.ivr("asterisk", "start").returncode == 0  # as often as one likes
        status = folder.ivr("asterisk", "status")
        assert (status.returncode, status.stdout.splitlines()[1]) == (0, "0 channels")
        check = folder.ivr("asterisk", "check", IVR_CONFIG=str(file))
        assert "✓ audio" in check.stdout
        assert "✓ recordings" in check.stdout
    finally:
        assert folder.ivr("asterisk", "stop").returncode == 0
    assert folder.ivr("asterisk", "status").returncode == 1


def test_without_an_unpacked_asterisk_start_says_how_to_get_one(folder: Folder) -> None:
    run = folder.ivr("asterisk", "start")
    assert run.returncode == 2
    assert "run tools/asterisk build" in run.stderr
