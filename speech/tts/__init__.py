"""Synthesisers behind `speech.ports.Synthesizer`: pyttsx3 with espeak-ng, in a child process of its own."""

from speech.tts.espeak import EspeakSynthesizer
from speech.tts.voices import DEFAULT_VOICES, Voice, parse_voice

__all__ = ["DEFAULT_VOICES", "EspeakSynthesizer", "Voice", "parse_voice"]
