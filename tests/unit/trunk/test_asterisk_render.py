"""Asterisk's files: what stands in them, and that no value can add a line of its own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.asterisk.check.checking import major
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.render import FILES, PAGES, SipTrunk, conf_value, render
from trunk.ports import TrunkError

pytestmark = pytest.mark.unit

PBX = PbxConfig(user="ivr", secret="s3cret")
BY_ADDRESS = SipTrunk("ivr-unicom", "sbc.example.com:5080")
REGISTERED = SipTrunk("ivr-mobile", "10.1.2.3", username="+8610", password="pass", codecs=("ulaw",))


def section(text: str, name: str, kind: str) -> list[str]:
    """The settings of one section, comments left out."""
    found = [part for part in re.split(r"(?m)^(?=\[)", text) if part.startswith(f"[{name}]\ntype = {kind}\n")]
    assert len(found) == 1
    return [line for line in found[0].splitlines()[2:] if line and not line.startswith(";")]


def test_the_manager_user_may_little_and_hears_little() -> None:
    text = render(PBX, [])["manager.conf"]
    lines = [line for line in text.splitlines() if line and not line.startswith(";")]
    assert lines[:6] == [
        "[ivr]",
        "secret = s3cret",
        "deny = 0.0.0.0/0.0.0.0",
        "deny = ::/0",
        "permit = 127.0.0.1/255.255.255.255",
        "read = system,call,dtmf",
    ]
    assert lines[6] == "write = system,call,originate,reporting"
    assert lines[7].startswith("eventfilter = ^Event: (FullyBooted|OriginateResponse|")


def test_a_trunk_known_by_its_address_has_no_password() -> None:
    text = render(PBX, [BY_ADDRESS])["pjsip.conf"]
    endpoint = section(text, "ivr-unicom", "endpoint")
    assert "allow = alaw,ulaw" in endpoint
    assert "dtmf_mode = auto" in endpoint
    assert "direct_media = no" in endpoint
    assert section(text, "ivr-unicom", "aor")[0] == "contact = sip:sbc.example.com:5080"
    assert "qualify_frequency = 30" in section(text, "ivr-unicom", "aor")
    assert section(text, "ivr-unicom", "identify") == ["endpoint = ivr-unicom", "match = sbc.example.com"]
    assert "registration" not in text
    assert "auth_type" not in text


def test_a_trunk_with_a_name_registers() -> None:
    text = render(PBX, [BY_ADDRESS, REGISTERED])["pjsip.conf"]
    assert "allow = ulaw" in section(text, "ivr-mobile", "endpoint")
    assert "outbound_auth = ivr-mobile" in section(text, "ivr-mobile", "endpoint")
    registration = section(text, "ivr-mobile", "registration")
    assert "server_uri = sip:10.1.2.3" in registration
    assert "client_uri = sip:+8610@10.1.2.3" in registration
    assert section(text, "ivr-mobile", "auth") == ["auth_type = userpass", "username = +8610", "password = pass"]


def test_the_pages_name_every_file_and_no_secret() -> None:
    files = render(PBX, [REGISTERED])
    for page in PAGES:
        assert all(f'"ivr/{name}"' in files[page] for name in FILES)
        assert "s3cret" not in files[page]
        assert "pass" not in files[page].replace("password", "")


def test_contexts_carry_the_prefix() -> None:
    text = render(replace(PBX, dialplan="bot"), [])["extensions.conf"]
    assert re.findall(r"(?m)^\[(.+)\]$", text) == [
        f"bot-{name}" for name in ("call", "agent", "listen", "echo", "incoming")
    ]


def test_calls_that_come_in_are_taken_where_a_trunk_says_so_and_declined_elsewhere() -> None:
    back = replace(BY_ADDRESS, return_calls=True)
    files = render(replace(PBX, return_calls=True), [back, REGISTERED])
    assert "context = ivr-returns" in section(files["pjsip.conf"], "ivr-unicom", "endpoint")
    assert "trust_id_inbound = yes" in section(files["pjsip.conf"], "ivr-unicom", "endpoint")
    assert "context = ivr-incoming" in section(files["pjsip.conf"], "ivr-mobile", "endpoint")
    assert "trust_id_inbound = yes" not in section(files["pjsip.conf"], "ivr-mobile", "endpoint")
    assert "[ivr-returns]" in files["extensions.conf"]
    assert "UserEvent(IvrIncoming)\n" in files["extensions.conf"], "nothing that a caller wrote goes into it"
    assert "read = system,call,dtmf,user" in files["manager.conf"]
    assert "|UserEvent)" in files["manager.conf"]
    without = render(PBX, [BY_ADDRESS])
    assert not any("UserEvent" in text or "-returns" in text for text in without.values())


@given(st.text(min_size=1))
def test_no_secret_adds_a_line(secret: str) -> None:
    plain = render(PBX, [])["manager.conf"].splitlines()
    try:
        lines = render(replace(PBX, secret=secret), [])["manager.conf"].split("\n")
    except TrunkError:
        return
    assert [line for line in lines if not line.startswith("secret = ")] == [
        *(line for line in plain if not line.startswith("secret = ")),
        "",
    ]
    value = next(line for line in lines if line.startswith("secret = "))
    assert re.search(r"(?<!\\);", value) is None  # nothing of it is a comment


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r", "\x00", " a", "a\t", "a\x7fb", "a\u2028b".replace("\u2028", "\x0b")]
)
def test_what_no_file_can_hold_is_refused(value: str) -> None:
    with pytest.raises(TrunkError, match="line break"):
        conf_value(value)


@pytest.mark.parametrize(
    ("pbx", "trunk", "sentence"),
    [
        (replace(PBX, secret=""), BY_ADDRESS, "IVR_AMI_SECRET"),
        (replace(PBX, user="a]\n[b"), BY_ADDRESS, "can't be a name"),
        (replace(PBX, audio_host="ivr.example.com"), BY_ADDRESS, "needs our IP address"),
        (PBX, replace(BY_ADDRESS, endpoint="a]"), "can't be a name"),
        (PBX, replace(BY_ADDRESS, server="host;x"), "isn't an address"),
        (PBX, replace(BY_ADDRESS, server="host\ntype=x"), "isn't an address"),
        (PBX, replace(BY_ADDRESS, server="sip:host"), "isn't an address"),
        (PBX, replace(REGISTERED, password=None), "no password"),
        (PBX, replace(REGISTERED, username="a\nb"), "line break"),
        (PBX, replace(REGISTERED, password="a\nb"), "line break"),
    ],
)
def test_what_cannot_work_is_a_sentence(pbx: PbxConfig, trunk: SipTrunk, sentence: str) -> None:
    with pytest.raises(TrunkError, match=sentence):
        render(pbx, [trunk])


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("22.10.1+dfsg+~cs6.17", 22),
        ("certified/18.9-cert4", 18),
        ("GIT-20-ab12cd", 20),
        ("16.2.1~dfsg", 16),
        ("?", None),
    ],
)
def test_version_numbers(version: str, number: int | None) -> None:
    assert major(version) == number
