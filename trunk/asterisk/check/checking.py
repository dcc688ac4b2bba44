"""The proofs in their order, and those of Asterisk itself: version, permissions, clock, modules, dialplan.

No call is placed to anybody: the one there is goes from Asterisk to itself. Nothing is left: no channel, no file.
Proofs that need an earlier one which failed are left out."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from trunk.asterisk.ami import AmiError
from trunk.asterisk.check.echo import echo_proofs
from trunk.asterisk.check.echo_call import EchoCall
from trunk.asterisk.check.endpoints import endpoint_proof
from trunk.asterisk.check.proof import Proof, allows, denied, listed
from trunk.asterisk.config import EndpointConfig, PbxConfig
from trunk.asterisk.pbx import Pbx
from trunk.ports import TrunkError

OLDEST_VERSION = 18  # the first with AudioSocket
CLOCK_S = 2.0  # Asterisk says whole seconds; logs of both sides are read side by side
ACTIONS = (
    *("Originate", "Hangup", "Bridge", "MixMonitor", "MixMonitorMute", "StopMixMonitor", "Getvar"),
    *("CoreShowChannels", "ModuleCheck", "ShowDialPlan", "PJSIPShowEndpoint", "PJSIPQualify"),
)
MODULES = (
    *("res_audiosocket", "app_audiosocket", "app_mixmonitor", "app_exec", "app_senddtmf", "app_echo"),
    *("func_timeout", "func_logic", "codec_alaw", "codec_ulaw", "chan_pjsip", "res_pjsip_session"),
    "res_rtp_asterisk",
)
CONTEXTS = {"call": "AudioSocket", "agent": "AudioSocket", "echo": "Echo"}  # -> what must run there
# Needed too where a trunk listens to early media (live_early_media).
LIVE_MODULES = ("app_chanspy",)
LIVE_CONTEXTS = {"listen": "AudioSocket"}
# … and where one takes calls that come in (return_calls).
RETURN_ACTIONS = ("Setvar", "Redirect")
RETURN_MODULES = ("app_userevent",)
RETURN_CONTEXTS = {"returns": "UserEvent"}


async def check(
    config: PbxConfig, endpoints: Sequence[EndpointConfig], now: Callable[[], float] = time.time
) -> AsyncIterator[Proof]:
    """Every proof, as soon as it is there. `now` is our clock, s since 1970. Takes a few seconds."""
    pbx = Pbx(config)
    try:
        await pbx.start()
    except TrunkError as error:
        yield Proof("manager interface", False, error.template, params=error.params)
        return
    where = {"user": config.user, "host": config.host, "port": config.port}
    try:
        yield Proof("manager interface", True, "{user} at {host}:{port}", params=where)
        async for proof in _proofs(pbx, endpoints, now):
            yield proof
    except AmiError as error:
        yield Proof(
            "manager interface",
            False,
            "the connection was lost: {why}",
            "look into Asterisk's log",
            {"why": str(error)},
        )
    finally:
        await pbx.close()


async def _proofs(pbx: Pbx, endpoints: Sequence[EndpointConfig], now: Callable[[], float]) -> AsyncIterator[Proof]:
    returns = pbx.config.return_calls
    allowed = await _permissions(pbx, (*ACTIONS, *(RETURN_ACTIONS if returns else ())))
    yield allowed
    if not allowed.ok:
        return
    yield await _version(pbx)
    yield await _clock(pbx, now)
    live = any(endpoint.live_early_media for endpoint in endpoints)
    modules = await _modules(
        pbx, (*MODULES, *(LIVE_MODULES if live else ()), *(RETURN_MODULES if returns else ()))
    )
    yield modules
    contexts = CONTEXTS | (LIVE_CONTEXTS if live else {}) | (RETURN_CONTEXTS if returns else {})
    dialplan = await _dialplan(pbx, contexts)
    yield dialplan
    for endpoint in endpoints:
        yield await endpoint_proof(pbx, endpoint)
    if modules.ok and dialplan.ok:
        for proof in echo_proofs(pbx, await EchoCall(pbx).run()):
            yield proof


async def _permissions(pbx: Pbx, needed: Sequence[str]) -> Proof:
    """What Asterisk lists for this user is what it may do; actions of a missing module aren't listed either."""
    commands = await pbx.ami.ask({"Action": "ListCommands"})
    allowed = {name.lower() for name in commands}
    missing = [name for name in needed if name.lower() not in allowed]
    if missing:
        return denied("permissions", "the manager user may not: {actions}", {"actions": ", ".join(missing)})
    return Proof("permissions", True, "{count} actions", params={"count": len(needed)})


async def _version(pbx: Pbx) -> Proof:
    settings = await pbx.ami.ask({"Action": "CoreSettings"})
    version = str(settings.get("AsteriskVersion", ""))
    number = major(version)
    params = {"version": version, "oldest": OLDEST_VERSION}
    if number is not None and number < OLDEST_VERSION:
        return Proof(
            "version", False, "Asterisk {version} has no AudioSocket", "install Asterisk {oldest} or newer", params
        )
    return Proof("version", True, "Asterisk {version}", params=params)


def major(version: str) -> int | None:
    """22 of "22.10.1+dfsg", 18 of "certified/18.9-cert4" and "GIT-18-ab12cd"; None of what has no number."""
    found = re.search(r"(?:^|[/-])(\d+)\b", version)
    return int(found[1]) if found else None


async def _clock(pbx: Pbx, now: Callable[[], float]) -> Proof:
    asked_s = now()
    answer = await pbx.ami.ask({"Action": "Getvar", "Variable": "EPOCH"})
    here_s = (asked_s + now()) / 2
    apart_s = abs(float(answer.get("Value") or 0) + 0.5 - here_s)  # whole seconds: half a one behind on average
    params = {"apart": f"{apart_s:.1f}"}
    if apart_s > CLOCK_S:
        return Proof(
            "clock", False, "{apart} s apart from ours", "run chrony or another NTP client on both", params
        )
    return Proof("clock", True, "{apart} s apart from ours", params=params)


async def _modules(pbx: Pbx, needed: Sequence[str]) -> Proof:
    missing = [name for name in needed if not await allows(pbx, {"Action": "ModuleCheck", "Module": name})]
    if missing:
        return Proof(
            "modules",
            False,
            "not loaded: {modules}",
            "modules.conf: load them (Debian: apt-get install asterisk-modules), then restart Asterisk",
            {"modules": ", ".join(missing)},
        )
    return Proof("modules", True, "{count} loaded", params={"count": len(needed)})


async def _dialplan(pbx: Pbx, needed: Mapping[str, str]) -> Proof:
    missing = []
    for suffix, application in needed.items():
        name = f"{pbx.config.dialplan}-{suffix}"
        steps = await listed(pbx, {"Action": "ShowDialPlan", "Context": name})
        if not any(application in f"{step.get('Application')} {step.get('AppData')}" for step in steps):
            missing.append(name)
    if missing:
        return Proof(
            "dialplan",
            False,
            "missing or not ours: {contexts}",
            "extensions.conf: #include what ivr asterisk render writes, then: asterisk -rx 'dialplan reload'",
            {"contexts": ", ".join(missing)},
        )
    return Proof("dialplan", True, "{count} contexts", params={"count": len(needed)})
