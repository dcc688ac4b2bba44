"""The tables of the hot path, for statements in Core SQL."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from ivr.model import Attempt, Contact, Task

IDS_AT_ONCE = 500  # in one statement
PRIORITIES = range(1, 10)  # of tasks

task_table = cast(Table, Task.__table__)
attempt_table = cast(Table, Attempt.__table__)
contact_table = cast(Table, Contact.__table__)
