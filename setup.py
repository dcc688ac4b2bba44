"""What pyproject.toml has no settled place for: the extension in C.

It is optional: where there is no compiler the same in Python serves (docs/decisions/0195)."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("speech._voice", ["speech/_voice.c"], optional=True)])
