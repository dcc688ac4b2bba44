"""`python -m tests.softphone --port 5080 --callees demo/callees.yaml`: the people of a callees file, by SIP.

They act by ear, since no engine tells them where its flow is. Ctrl-C switches the phone off."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from speech.tts import EspeakSynthesizer
from tests.softphone.callees import Callees
from tests.softphone.phone import Softphone
from trunk.carrier import load_callees


async def serve(port: int, file: Path, voice: str) -> None:
    synthesizer = EspeakSynthesizer()
    try:
        async with Softphone(port) as phone:
            callees = Callees(load_callees(file), phone)
            callees.acts_by_ear = True
            await callees.prepare(synthesizer.synthesize, voice)
            sys.stdout.write(f"sip:127.0.0.1:{phone.port} (UDP)\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
    finally:
        await synthesizer.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.softphone", description=__doc__)
    parser.add_argument("--port", type=int, default=5080)
    parser.add_argument("--callees", type=Path, required=True)
    parser.add_argument("--voice", default="zh", help="of texts that name none")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.port, given.callees, given.voice))


main()
