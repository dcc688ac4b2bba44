"""The Asterisk of `make asterisk`: one to try things on, in `asterisk/instance` of the working directory.

Its `ivr.toml` is both its configuration and that of whoever calls through it; edit it and start again. Calls go to
a softphone's port on this machine: nothing of it reaches the world."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from ivr.config import Settings, load_settings
from ivr.pbx import pbx_config, sip_trunks
from trunk.asterisk.instance import Instance, Ports

PORTS = Ports(sip=15060, ami=15038, rtp=(16000, 16999))
SOFTPHONE_PORT = 15070

CONFIGURATION = """\
# The Asterisk of `make asterisk`. Made once; yours to edit. Use it with: IVR_CONFIG={file} ivr …
[asterisk]
port = {ami_port}
secret = "{secret}"
media_dir = "{media}"

[trunks.softphone]  # a SIP phone or test program on this machine
server = "127.0.0.1:{softphone}"
channels = 100
calls_per_s = 20
"""


def folder(settings: Settings) -> Path:
    return settings.paths.var.absolute() / "asterisk"


def own_instance(settings: Settings) -> Instance:
    """That Asterisk, running or not; its `ivr.toml` is written when there is none."""
    directory = folder(settings) / "instance"
    file = directory / "ivr.toml"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(
            CONFIGURATION.format(
                file=file,
                ami_port=PORTS.ami,
                secret=secrets.token_urlsafe(24),
                media=directory / "media",
                softphone=SOFTPHONE_PORT,
            ),
            "utf-8",
        )
    own = load_settings(file)
    ports = replace(PORTS, ami=own.asterisk.port)
    return Instance(folder(settings) / "root", directory, ports, pbx_config(own), sip_trunks(own), tied=False)
