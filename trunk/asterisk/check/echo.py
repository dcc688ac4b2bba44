"""What the call from Asterisk to itself proves: sound both ways, keys, recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trunk.asterisk.check.echo_call import EchoResult
from trunk.asterisk.check.proof import Proof, denied
from trunk.asterisk.pbx import Pbx


def echo_proofs(pbx: Pbx, result: EchoResult) -> Iterator[Proof]:
    """Of keys and recordings only when the sound reached us at all."""
    config = pbx.config
    params: dict[str, object] = {
        "audio": pbx.audio.address,
        "context": f"{config.dialplan}-echo",
        "file": config.media_dir / result.file,
        "folder": config.media_dir,
        "here": config.media_dir_here,
        "why": result.why,
    }
    yield _sound(result, params)
    if result.attached:
        yield _keys(result, params)
        yield _recording(result, params)


def _sound(result: EchoResult, params: Mapping[str, object]) -> Proof:
    if result.refused:
        problem = "Asterisk doesn't place the call to itself: {why}"
        return Proof("audio", False, problem, "look into Asterisk's log", params)
    if not result.attached:
        return Proof(
            "audio",
            False,
            "Asterisk doesn't reach us at {audio}",
            "set [asterisk] audio_host to our address as Asterisk reaches it, and open audio_port in the firewall",
            params,
        )
    if not result.events:
        return denied("audio", "no events of calls arrive", params)
    if not result.heard:
        problem = "what we say doesn't come back from {context}"
        return Proof("audio", False, problem, "render the dialplan anew, then look into Asterisk's log", params)
    return Proof("audio", True, "both ways at {audio}", params=params)


def _keys(result: EchoResult, params: Mapping[str, object]) -> Proof:
    if not result.key_heard:
        problem = "a key sent by {context} doesn't arrive"
        return Proof("keys", False, problem, "render the dialplan anew, then look into Asterisk's log", params)
    if not result.key_event:
        return denied("keys", "no events of keys arrive", params)
    return Proof("keys", True, "by sound and by event", params=params)


def _recording(result: EchoResult, params: Mapping[str, object]) -> Proof:
    match result.recording:
        case "whole":
            return Proof("recordings", True, "Asterisk writes {folder}, we read {here}", params=params)
        case "refused":
            return denied("recordings", "Asterisk doesn't record: {why}", params)
        case "absent":
            return Proof(
                "recordings",
                False,
                "Asterisk was to write {file}, and it isn't in {here}",
                "make {folder} writable for Asterisk's user; if it has another name here, set media_dir_here",
                params,
            )
        case "unreadable":
            return Proof(
                "recordings",
                False,
                "Asterisk writes to {folder}, but we can't read and delete in {here}: {why}",
                "put our user into the folder's group, then: chmod 2770 {folder}",
                params,
            )
    problem = "what was said isn't in the recording"
    return Proof("recordings", False, problem, "look into Asterisk's log", params)
