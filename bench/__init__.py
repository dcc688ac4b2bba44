"""Measurements: each module `bench.NAME` has a click `command` that returns a BenchResult."""
