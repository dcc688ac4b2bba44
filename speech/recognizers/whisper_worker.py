"""What a Whisper worker process runs. Heavy imports wait until it runs, so the parent doesn't pay for them."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

READY = "ready"
NICENESS = 2  # the 20 ms media clock of the parent comes first


def serve(pipe: Connection, model_dir: Path) -> None:
    """Decode (pcm, question) pairs from the pipe until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; it ends us by the pipe
    os.nice(NICENESS)
    from speech.recognizers.whisper_decoder import WhisperDecoder

    decoder = WhisperDecoder(model_dir)
    pipe.send(READY)
    while True:
        try:
            pcm, question = pipe.recv()
        except EOFError:
            return
        pipe.send(decoder.decode(pcm, question))
