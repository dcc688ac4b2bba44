"""Lists in, contacts out. `await import_contacts(db, path, needs, ImportOptions(…))` is the door; CSV and XLSX.

A row is good, rejected or a duplicate; what isn't good goes to a rejects file with row, column and reason."""

from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError, ContactsImportError, ImportReport, Problem
from ivr.contacts_import.service import ImportOptions, count_contacts, import_contacts
from ivr.contacts_import.values import convert

__all__ = [
    "CellError",
    "ContactsImportError",
    "ImportOptions",
    "ImportReport",
    "Problem",
    "convert",
    "count_contacts",
    "import_contacts",
    "normalise_phone",
]
