"""The demo over real SIP: the Asterisk of `make asterisk`, and the demo's people at softphones on this machine.

The softphones are the tests' own (`tests.softphone`), so this works in a checkout alone. Real time, hence more
calls at once than the simulated demo, shorter ringing, and nobody is tried twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ivr.config import DialerSettings, Settings, load_settings
from ivr.dialling import DialOptions, dial
from ivr.errors import IvrError
from ivr.own_asterisk import SOFTPHONE_PORT, own_instance
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.results import Results
from ivr.session.progress import Observer, ProgressEvent

CHECKOUT = Path(__file__).parents[2]
TRUNK = "softphone"  # as the ivr.toml of that Asterisk names it
CONCURRENCY = 20
CALLS_PER_S = 2.0  # so that not everybody answers the same question at the same moment
RING_TIMEOUT_S = 15.0
DEADLINE_S = 8.0  # Whisper on two cores hears so many people more slowly than a real installation should
BY = "demo"


def call_softphones(shared: Mapping[str, Any], callees: Path, observer: Observer) -> Results:
    """Dial the list of `shared` (options of `ivr.run.RunOptions`) over that Asterisk, to the people of `callees`.

    Starts the Asterisk if it isn't running, and stops it afterwards if so. Raises what a user can mend."""
    if not (CHECKOUT / "tests" / "softphone").is_dir():
        raise IvrError("The softphones are not here; run this in a checkout of the project.")
    if str(CHECKOUT) not in sys.path:
        sys.path.insert(0, str(CHECKOUT))  # the tests' packages aren't installed with ours
    from tests.softphone.thread import SoftphoneThread

    with _asterisk(shared["settings"]) as settings, ExitStack() as stack:
        try:
            phones = stack.enter_context(SoftphoneThread(SOFTPHONE_PORT, callees))
        except OSError as error:
            raise IvrError(
                "The softphones' port {port} is taken; end what listens there.", port=SOFTPHONE_PORT
            ) from error
        phones.prepare()

        def observe(event: ProgressEvent) -> None:
            phones.observer(event)
            observer(event)

        chosen = {
            **shared,
            "settings": settings,
            "concurrency": CONCURRENCY,
            "retries": False,
            "policy": TEST_CALLS_PATH,
        }
        return dial(DialOptions(**chosen, trunks=(TRUNK,), by=BY), observe)


@contextmanager
def _asterisk(settings: Settings) -> Iterator[Settings]:
    """The settings with that Asterisk and its trunk in them, while it runs."""
    instance = own_instance(settings)
    started_here = instance.pid is None
    if started_here:
        instance.start()
    try:
        own = load_settings(instance.directory / "ivr.toml")
        if TRUNK not in own.trunks:
            raise IvrError(
                "{file} has no trunk {trunk} any more; delete the file, and it is made anew.",
                file=str(instance.directory / "ivr.toml"),
                trunk=TRUNK,
            )
        yield settings.model_copy(
            update={
                "asterisk": own.asterisk,
                "trunks": {TRUNK: own.trunks[TRUNK].model_copy(update={"calls_per_s": CALLS_PER_S})},
                "dialer": DialerSettings(ring_timeout_s=RING_TIMEOUT_S),
                "hearing": settings.hearing.model_copy(update={"deadline_s": DEADLINE_S}),
            }
        )
    finally:
        if started_here:
            instance.stop()
