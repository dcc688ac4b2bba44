"""Word lists of the linter, per language."""
