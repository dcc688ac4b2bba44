"""The process that decodes for a worker with Whisper: `python -m speech.recognizers.whisper_worker FD MODEL`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from speech.answers.sounds import units
from speech.recognizers.decoder_process import READY, parent
from speech.recognizers.whisper_decoder import WhisperDecoder

NICENESS = 2  # the calls' clock, in the parent, comes first


def main() -> None:
    """Decode (pcm, question) pairs, one by one, until the parent ends."""
    connection = parent()
    os.nice(NICENESS)
    try:
        decoder = WhisperDecoder(Path(sys.argv[2]))
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the parent words it
        connection.send(repr(error))
        return
    units("好", "zh-CN")  # its dictionaries, 0.3 s, are loaded before the first call
    with suppress(EOFError, OSError):
        connection.send(READY)
        while True:
            pcm, question = connection.recv()
            connection.send(decoder.decode(pcm, question))


if __name__ == "__main__":
    main()
