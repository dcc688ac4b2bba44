"""Rows whose column has one of many values, by one parameter however many there are.

`column IN (…)` with a parameter for each value costs more to write down, send and read than to look up, from some
hundred on, and databases allow but some ten thousands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, func, literal, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from ivr.database.locks import is_postgresql


def among(
    session: Session, column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]
) -> ColumnElement[bool]:
    """Whether the column has one of these values: texts or whole numbers, any number of them."""
    listed = list(values)
    if is_postgresql(session):
        return column == any_(literal(listed, ARRAY(column.type)))
    rows = func.json_each(json.dumps(listed)).table_valued("value")
    return column.in_(select(type_coerce(rows.c.value, column.type)))
