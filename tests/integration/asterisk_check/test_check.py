"""Each thing that calls need, broken in a real Asterisk: the proof fails, and says what mends it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.asterisk_rig.fixture import AsteriskRig
from tests.integration.asterisk_check.conftest import Edit
from trunk.asterisk.check import Proof, check
from trunk.asterisk.config import EndpointConfig, PbxConfig

pytestmark = [pytest.mark.integration, pytest.mark.real_time]


async def proofs(
    config: PbxConfig, endpoints: Sequence[EndpointConfig] = (), now: Callable[[], float] = time.time
) -> dict[str, Proof]:
    """title -> proof; two of one title would be a fault."""
    found = [proof async for proof in check(config, endpoints, now)]
    named = {proof.title.format(**proof.params): proof for proof in found}
    assert len(named) == len(found)
    return named


def sentence(proof: Proof) -> str:
    assert not proof.ok
    return f"{proof.template.format(**proof.params)} -> {proof.fix.format(**proof.params)}"


async def test_all_holds_and_nothing_is_left(asterisk_rig: AsteriskRig, edit: Edit, answering: int) -> None:
    edit("pjsip.conf", "qualify_frequency = 0", "qualify_frequency = 30")
    found = await proofs(asterisk_rig.config, [asterisk_rig.endpoint("main")])
    assert [f"{title}: {sentence(proof)}" for title, proof in found.items() if not proof.ok] == []
    assert list(found) == [
        *("manager interface", "permissions", "version", "clock", "modules", "dialplan"),
        *("trunk main", "audio", "keys", "recordings"),
    ]
    assert await asyncio.to_thread(asterisk_rig.channels) == 0
    assert list(asterisk_rig.config.media_dir.iterdir()) == []


async def test_wrong_password(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(replace(asterisk_rig.config, secret="wrong"))
    assert list(found) == ["manager interface"]
    assert "refuses the manager user ivr" in sentence(found["manager interface"])


async def test_nobody_there(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(replace(asterisk_rig.config, port=1))
    assert list(found) == ["manager interface"]
    assert "can't be reached" in sentence(found["manager interface"])


@pytest.mark.parametrize(
    ("write", "missing"),
    [
        ("call,originate,reporting", "MixMonitor, ModuleCheck, PJSIPShowEndpoint"),
        ("system,originate,reporting", "Bridge"),
        ("system,call,reporting", "Originate"),
        ("system,call,originate", "ShowDialPlan"),
    ],
)
async def test_each_permission_is_needed(asterisk_rig: AsteriskRig, edit: Edit, write: str, missing: str) -> None:
    edit("manager.conf", "write = system,call,originate,reporting", f"write = {write}")
    found = await proofs(asterisk_rig.config)
    assert list(found)[-1] == "permissions"  # nothing else could be told from it
    assert sentence(found["permissions"]).startswith(
        f"the manager user may not: {missing} -> manager.conf: write ="
    )


@pytest.mark.parametrize(
    ("read", "title", "problem"),
    [
        ("system,dtmf", "audio", "no events of calls arrive -> manager.conf"),
        ("system,call", "keys", "no events of keys arrive -> manager.conf"),
    ],
)
async def test_each_class_of_events_is_needed(
    asterisk_rig: AsteriskRig, edit: Edit, read: str, title: str, problem: str
) -> None:
    edit("manager.conf", "read = system,call,dtmf", f"read = {read}")
    found = await proofs(asterisk_rig.config)
    assert sentence(found[title]).startswith(problem)


async def test_clocks_apart(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(asterisk_rig.config, now=lambda: time.time() + 60)
    assert "s apart from ours -> run chrony" in sentence(found["clock"])


async def test_a_module_is_missing(asterisk_rig: AsteriskRig) -> None:
    await asyncio.to_thread(asterisk_rig.command, "module unload codec_ulaw.so")
    try:
        found = await proofs(asterisk_rig.config)
    finally:
        await asyncio.to_thread(asterisk_rig.command, "module load codec_ulaw.so")
    assert sentence(found["modules"]).startswith("not loaded: codec_ulaw -> modules.conf")
    assert "audio" not in found


async def test_a_context_is_missing(asterisk_rig: AsteriskRig, edit: Edit) -> None:
    edit("extensions.conf", "[ivr-agent]", "[somebody-agent]")
    found = await proofs(asterisk_rig.config)
    assert sentence(found["dialplan"]).startswith("missing or not ours: ivr-agent -> extensions.conf")


async def test_what_live_listening_needs_is_asked_for_where_a_trunk_listens(
    asterisk_rig: AsteriskRig, edit: Edit
) -> None:
    edit("extensions.conf", "[ivr-listen]", "[somebody-listen]")
    await asyncio.to_thread(asterisk_rig.command, "module unload app_chanspy.so")
    try:
        deaf = await proofs(asterisk_rig.config, [asterisk_rig.endpoint("spare")])
        live = await proofs(asterisk_rig.config, [replace(asterisk_rig.endpoint("spare"), live_early_media=1)])
    finally:
        await asyncio.to_thread(asterisk_rig.command, "module load app_chanspy.so")
    assert deaf["modules"].ok
    assert deaf["dialplan"].ok
    assert sentence(live["modules"]).startswith("not loaded: app_chanspy -> modules.conf")
    assert sentence(live["dialplan"]).startswith("missing or not ours: ivr-listen -> extensions.conf")


async def test_another_prefix_than_the_rendered_one(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(replace(asterisk_rig.config, dialplan="other"))
    assert "other-call, other-agent, other-echo" in sentence(found["dialplan"])


async def test_asterisk_does_not_reach_us(asterisk_rig: AsteriskRig, edit: Edit) -> None:
    edit("extensions.conf", "Set(IVR_TRIES=0)", "Set(IVR_AUDIO=127.0.0.1:1)")
    found = await proofs(asterisk_rig.config)
    assert "Asterisk doesn't reach us at 127.0.0.1:" in sentence(found["audio"])
    assert "audio_host" in sentence(found["audio"])
    assert "keys" not in found


async def test_no_sound_comes_back(asterisk_rig: AsteriskRig, edit: Edit) -> None:
    edit("extensions.conf", ",Echo()", ",Verbose(Echo)\n same => n,Wait(20)")
    found = await proofs(asterisk_rig.config)
    assert "what we say doesn't come back from ivr-echo" in sentence(found["audio"])
    assert found["keys"].ok


async def test_no_key_arrives(asterisk_rig: AsteriskRig, edit: Edit) -> None:
    edit("extensions.conf", "SendDTMF(5)", "NoOp()")
    found = await proofs(asterisk_rig.config)
    assert "a key sent by ivr-echo doesn't arrive" in sentence(found["keys"])
    assert found["audio"].ok


async def test_asterisk_cannot_write_recordings(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(replace(asterisk_rig.config, media_dir=Path("/proc/nowhere")))
    assert sentence(found["recordings"]).startswith("Asterisk was to write /proc/nowhere/check-")
    assert "make /proc/nowhere writable for Asterisk's user" in sentence(found["recordings"])


async def test_we_look_for_recordings_elsewhere(asterisk_rig: AsteriskRig, tmp_path: Path) -> None:
    found = await proofs(replace(asterisk_rig.config, media_dir_here=tmp_path))
    assert f"it isn't in {tmp_path} -> " in sentence(found["recordings"])
    for left in asterisk_rig.config.media_dir.iterdir():
        left.unlink()


async def test_we_may_not_read_recordings(asterisk_rig: AsteriskRig, tmp_path: Path) -> None:
    inside = tmp_path / "file"
    inside.write_text("a file where the folder should be")
    found = await proofs(replace(asterisk_rig.config, media_dir_here=inside))
    assert "we can't read and delete in" in sentence(found["recordings"])
    assert os.strerror(20) in sentence(found["recordings"])
    for left in asterisk_rig.config.media_dir.iterdir():
        left.unlink()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[ivr-spare]", "[other]", "there is no PJSIP endpoint ivr-spare -> pjsip.conf"),
        ("allow = alaw,ulaw", "allow = g722", "ivr-spare allows neither alaw nor ulaw: g722 -> pjsip.conf"),
        (
            "qualify_frequency = 30",
            "qualify_frequency = 0",
            "nobody notices when the server of ivr-spare is down -> ",
        ),
        ("contact = ", "; ", "ivr-spare has no address to call -> pjsip.conf"),
    ],
)
async def test_an_endpoint_that_cannot_be_called(
    asterisk_rig: AsteriskRig, edit: Edit, old: str, new: str, problem: str
) -> None:
    edit("pjsip.conf", "qualify_frequency = 0", "qualify_frequency = 30")
    edit("pjsip.conf", old, new)
    found = await proofs(asterisk_rig.config, [asterisk_rig.endpoint("spare")])
    assert sentence(found["trunk spare"]).startswith(problem)


async def test_an_operator_that_does_not_answer(asterisk_rig: AsteriskRig) -> None:
    found = await proofs(asterisk_rig.config, [asterisk_rig.endpoint("down")])
    assert sentence(found["trunk down"]).startswith("the operator's server of ivr-down doesn't answer OPTIONS -> ")
    assert "[trunks.down]" in sentence(found["trunk down"])


async def test_a_refused_registration(asterisk_rig: AsteriskRig, edit: Edit) -> None:
    registration = (
        "\n[ivr-spare]\ntype = registration\nserver_uri = sip:127.0.0.1:9\nclient_uri = sip:a@127.0.0.1:9\n"
    )
    edit("pjsip.conf", "qualify_frequency = 0", "qualify_frequency = 30")
    edit("pjsip.conf", "\n[ivr-spare]\ntype = identify", f"{registration}\n[ivr-spare]\ntype = identify")
    found = await proofs(asterisk_rig.config, [asterisk_rig.endpoint("spare")])
    assert sentence(found["trunk spare"]).startswith("ivr-spare isn't registered: ")
    assert "username and password in [trunks.spare]" in sentence(found["trunk spare"])
