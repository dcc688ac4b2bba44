"""The flow language: schema, loader, linter, pure interpreter, graph. Imports nothing else of ours.

Public face: `flows.sprint` (waits, results, events), `flows.ports` (what is needed from outside)."""
