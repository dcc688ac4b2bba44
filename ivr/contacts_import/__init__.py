"""Lists in, contacts out. `await import_contacts(db, path, needs, ImportOptions(…))` is the door; CSV and XLSX.

A row is good, rejected or a duplicate; what isn't good goes to a rejects file with row, column and reason."""

from ivr.contacts_import.report import ContactsImportError, ImportReport, Problem
from ivr.contacts_import.service import ImportOptions, import_contacts

__all__ = ["ContactsImportError", "ImportOptions", "ImportReport", "Problem", "import_contacts"]
