"""The settings' Asterisk and trunks in the words of `trunk.asterisk`."""

from __future__ import annotations

from ivr.config import ConfigError, Settings, TrunkSettings
from trunk.asterisk.config import EndpointConfig, PbxConfig
from trunk.asterisk.render import SipTrunk


def pbx_config(settings: Settings) -> PbxConfig:
    """The [asterisk] section. Raises ConfigError when the password is nowhere."""
    section = settings.asterisk
    secret = settings.ami_secret
    if not secret:
        raise ConfigError(
            "There is no password for Asterisk's manager interface; set IVR_AMI_SECRET or [asterisk] secret."
        )
    return PbxConfig(
        user=section.user,
        secret=secret,
        host=section.host,
        port=section.port,
        audio_host=section.audio_host,
        audio_port=section.audio_port,
        packets_apart=section.packets_apart,
        media_dir=section.media_dir,
        media_dir_here=section.media_dir_here or section.media_dir,
        dialplan=section.dialplan,
        return_calls=any(trunk.return_calls for trunk in settings.trunks.values()),
    )


def endpoint_config(name: str, trunk: TrunkSettings) -> EndpointConfig:
    """A [trunks.NAME] section, as the adapter dials it."""
    return EndpointConfig(
        name=name,
        endpoint=endpoint_name(name, trunk),
        channels=trunk.channels,
        dial=trunk.dial,
        keep_early_media=trunk.keep_early_media,
        live_early_media=trunk.live_early_media,
    )


def sip_trunks(settings: Settings) -> tuple[SipTrunk, ...]:
    """What is rendered for Asterisk: the trunks with a server. The others are in its configuration already."""
    return tuple(
        SipTrunk(
            endpoint=endpoint_name(name, trunk),
            server=trunk.server,
            username=trunk.username,
            password=trunk.password.get_secret_value() if trunk.password else None,
            codecs=trunk.codecs,
            return_calls=trunk.return_calls,
        )
        for name, trunk in settings.trunks.items()
        if trunk.server is not None
    )


def endpoint_name(name: str, trunk: TrunkSettings) -> str:
    """What a trunk is called in PJSIP."""
    return trunk.endpoint or f"ivr-{name}"
