"""The linter's checks, one file per subject. Each is a function from a `Scope` to findings."""
