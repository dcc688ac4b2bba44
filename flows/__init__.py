"""The flow language: schema, loader, linter, pure interpreter, graph. Imports nothing else of ours.

Public face: `flows.loader` (`load`, `loads`, `load_document`), `flows.interpreter` (`start`, `resume`),
`flows.linter` (`lint`, `lint_file`, `load_checked`), `flows.graph`, `flows.conversations`, `flows.library`; the
types that cross the border are in `flows.waits`, `flows.results`, `flows.events`, `flows.session` (`Sprint`) and
`flows.ports`."""
