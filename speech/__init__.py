"""Hearing and speaking: VAD, endpointing, recognisers, answers, turn-taking, synthesis.

Public face: `speech.ports` and `speech.audio`. Knows nothing else of ours."""
