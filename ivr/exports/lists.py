"""A list as a file: its numbers with their attributes, as an import takes them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ivr.contacts_import.lists import find_list, rows_of
from ivr.database import Database
from ivr.exports.files import check_target, write_table
from ivr.exports.workbook import Column, Value
from ivr.i18n import translate_into
from ivr.identity.hashes import masked
from ivr.model import Contact


async def export_list(
    db: Database, wanted: str, path: Path, password: str | None = None, language: str = "zh-CN"
) -> int:
    """Write the numbers that are on the list now; how many. CSV or XLSX by the path's suffix.

    Raises ListError when there is no such list, ExportError when the file can't be written."""
    check_target(path, password)

    def work(session: Session) -> int:
        people = find_list(session, wanted)
        fields = [*people.fields, *(name for name in people.optional_fields if name not in people.fields)]
        fields = [name for name in fields if name != "phone"]
        columns = [Column("phone", 18), *(Column(name) for name in fields)]
        rows = (
            [row.phone, *attribute_cells(row.attributes, fields, language)] for row in _on_it(session, people.id)
        )
        return write_table(path, people.name, columns, rows, password)

    return await db.read(work)


def _on_it(session: Session, list_id: int) -> Iterator[Contact]:
    return (row for row in rows_of(session, list_id) if row.removed_at is None)


def attribute_cells(attributes: Mapping[str, Any], fields: list[str], language: str) -> list[Value]:
    """A contact's values in the order of `fields`; yes and no in words."""
    return [_cell(attributes.get(name), language) for name in fields]


def _cell(value: Any, language: str) -> Value:
    if isinstance(value, bool):
        return translate_into(language, "yes" if value else "no")
    return masked(value) if value is None or isinstance(value, (str, int, float)) else str(value)
