"""Reports that are made by themselves: defined in YAML, made by workers, written to a folder or sent by mail."""
