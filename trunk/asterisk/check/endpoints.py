"""The proof of one trunk: its endpoint is there, speaks our codecs, is registered, and its server answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from trunk.asterisk.ami import Fields
from trunk.asterisk.check.proof import Proof, allows, listed
from trunk.asterisk.config import EndpointConfig
from trunk.asterisk.pbx import Pbx

OPTIONS_S = 5.0  # for an answer to OPTIONS; Asterisk itself gives up after 3 s
POLL_S = 0.1
TITLE = "trunk {trunk}"
ANSWERS = "Reachable"


async def endpoint_proof(pbx: Pbx, endpoint: EndpointConfig) -> Proof:
    """Asks the operator's server for a sign of life too (OPTIONS). Raises AmiError when the connection is lost."""
    params: dict[str, object] = {"trunk": endpoint.name, "endpoint": endpoint.endpoint}
    details = await _details(pbx, endpoint)
    if not details:
        return Proof(
            TITLE,
            False,
            "there is no PJSIP endpoint {endpoint}",
            "pjsip.conf: #include what ivr asterisk render writes, then: asterisk -rx 'pjsip reload'",
            params,
        )
    codecs = next((str(one.get("Allow", "")) for one in details if one.get("Event") == "EndpointDetail"), "")
    params["codecs"] = codecs.strip("()").replace("|", ", ")
    if not re.search(r"\b(alaw|ulaw)\b", codecs):
        return Proof(
            TITLE,
            False,
            "{endpoint} allows neither alaw nor ulaw: {codecs}",
            "pjsip.conf: allow = alaw,ulaw in its endpoint, then: asterisk -rx 'pjsip reload'",
            params,
        )
    if not _states(details):
        return Proof(
            TITLE,
            False,
            "{endpoint} has no address to call",
            "pjsip.conf: an aor with contact = sip:SERVER, as ivr asterisk render writes it",
            params,
        )
    if not any(one.get("QualifyFrequency") not in (None, "0") for one in details):
        return Proof(
            TITLE,
            False,
            "nobody notices when the server of {endpoint} is down",
            "pjsip.conf: qualify_frequency = 30 in its aor, then: asterisk -rx 'pjsip reload'",
            params,
        )
    return await _reached(pbx, endpoint, params)


async def _reached(pbx: Pbx, endpoint: EndpointConfig, params: Mapping[str, object]) -> Proof:
    registrations = await _registrations(pbx, endpoint)
    params = {**params, "registration": ", ".join(registrations)}
    if any(one != "Registered" for one in registrations):
        return Proof(
            TITLE,
            False,
            "{endpoint} isn't registered: {registration}",
            "check server, username and password in [trunks.{trunk}] with the operator",
            params,
        )
    if not await _answers(pbx, endpoint):
        return Proof(
            TITLE,
            False,
            "the operator's server of {endpoint} doesn't answer OPTIONS",
            "check server in [trunks.{trunk}], the firewall, and that the operator knows our IP address",
            params,
        )
    return Proof(TITLE, True, "{endpoint} answers; {codecs}", params=params)


async def _answers(pbx: Pbx, endpoint: EndpointConfig) -> bool:
    """Whether the server answers an OPTIONS sent now: what Asterisk knew may be old."""
    if not await allows(pbx, {"Action": "PJSIPQualify", "Endpoint": endpoint.endpoint}):
        return False
    deadline_s = asyncio.get_running_loop().time() + OPTIONS_S
    while asyncio.get_running_loop().time() < deadline_s:
        if ANSWERS in _states(await _details(pbx, endpoint)):
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _details(pbx: Pbx, endpoint: EndpointConfig) -> Sequence[Fields]:
    return await listed(pbx, {"Action": "PJSIPShowEndpoint", "Endpoint": endpoint.endpoint})


def _states(details: Sequence[Fields]) -> list[str]:
    """Of its servers."""
    return [str(one.get("Status")) for one in details if one.get("Event") == "ContactStatusDetail"]


async def _registrations(pbx: Pbx, endpoint: EndpointConfig) -> list[str]:
    """States of the registration that `render` made for it; none for one that is known by its IP address."""
    found = await listed(pbx, {"Action": "PJSIPShowRegistrationsOutbound"})
    ours = [one for one in found if one.get("ObjectName") == endpoint.endpoint]
    return [str(one.get("Status")) for one in ours if one.get("Event") == "OutboundRegistrationDetail"]
