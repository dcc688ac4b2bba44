"""What pyproject.toml has no settled place for: the extensions in C.

They are optional: where there is no compiler the same in Python serves (docs/decisions/0195, 0197)."""

from setuptools import Extension, setup

SOURCES = {"speech._voice": "speech/_voice.c", "trunk.asterisk._sweep": "trunk/asterisk/_sweep.c"}

setup(ext_modules=[Extension(name, [source], optional=True) for name, source in SOURCES.items()])
