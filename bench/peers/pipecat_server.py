"""Calls by pipecat, run in pipecat's own environment: `python -m bench.peers.pipecat_server silero|none`.

Per call one pipeline, as its documentation builds them: a transport of ours (AudioSocket for WebSocket), its
VADProcessor with Silero at 8 kHz, its output in chunks of 20 ms, paced by the transport. No turn strategies, no
transcription, no metrics, no observers: less than any real bot of it does."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from bench.peers.wire import FRAME_S, SAMPLE_RATE_HZ, Connection, Pace, prompt, serve

AHEAD_S = 2.0  # of the prompt that the pipeline holds, as after a synthesiser
PARAMS = TransportParams(
    audio_in_enabled=True,
    audio_out_enabled=True,
    audio_in_sample_rate=SAMPLE_RATE_HZ,
    audio_out_sample_rate=SAMPLE_RATE_HZ,
    audio_out_10ms_chunks=2,
)


class Input(BaseInputTransport):  # type: ignore[misc]  # pipecat isn't in our environment, so its classes are Any
    def __init__(self) -> None:
        super().__init__(PARAMS)
        self.ready = asyncio.Event()  # it takes no audio before

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()


class Output(BaseOutputTransport):  # type: ignore[misc]  # as above
    def __init__(self, connection: Connection) -> None:
        super().__init__(PARAMS)
        self._connection, self._pace = connection, Pace()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self._connection.say(frame.audio)
        await self._pace.wait(FRAME_S)
        return True


class Call:
    def __init__(self, connection: Connection, *, vad: bool) -> None:
        self._input = Input()
        middle = [VADProcessor(vad_analyzer=SileroVADAnalyzer(sample_rate=SAMPLE_RATE_HZ))] if vad else []
        self._worker = PipelineWorker(
            Pipeline([self._input, *middle, Output(connection)]),
            params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE_HZ, audio_out_sample_rate=SAMPLE_RATE_HZ),
            idle_timeout_secs=None,
            enable_turn_tracking=False,
            enable_rtvi=False,
        )
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._talk())]
        self._heard: asyncio.Queue[bytes] = asyncio.Queue(
            maxsize=50
        )  # a second: beyond, the call has fallen behind
        self._tasks.append(asyncio.create_task(self._hear()))

    def on_audio(self, pcm: bytes) -> None:
        if not self._heard.full():
            self._heard.put_nowait(pcm)

    def on_end(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self) -> None:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        await runner.run()

    async def _hear(self) -> None:
        await self._input.ready.wait()
        while True:
            pcm = await self._heard.get()
            await self._input.push_audio_frame(
                InputAudioRawFrame(audio=pcm, sample_rate=SAMPLE_RATE_HZ, num_channels=1)
            )

    async def _talk(self) -> None:
        pace, second = Pace(), prompt(1.0)
        said_s = 0.0
        while True:
            frame = OutputAudioRawFrame(audio=second, sample_rate=SAMPLE_RATE_HZ, num_channels=1)
            await self._worker.queue_frame(frame)
            said_s += 1.0
            if said_s > AHEAD_S:
                await pace.wait(1.0)


def main() -> None:
    logger.remove()  # its log lines per frame processor aren't what is measured
    vad = sys.argv[1] == "silero"
    uvloop.run(serve(lambda connection: Call(connection, vad=vad)))


if __name__ == "__main__":
    main()
