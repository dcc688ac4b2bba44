"""Workbooks under a password, both ways, without a plain copy on any disk: what is decrypted stays in memory."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from xml.parsers.expat import ExpatError

from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError
from msoffcrypto.format.ooxml import OOXMLFile

from ivr.contacts_import.report import ContactsImportError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of old workbooks, and of encrypted new ones
MAX_PROTECTED_BYTES = 96 << 20  # it is held in memory three times over; a million rows have 60 MB
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
MAX_SPIN = 1_000_000  # rounds of hashing that a file may ask for; spreadsheets ask for 100,000
# What the library meets in a file that is cut off or overwritten.
_DAMAGE = (DecryptionError, FileFormatError, ParseError, ExpatError, OSError, ValueError, LookupError, TypeError,
           AttributeError, struct.error)  # fmt: skip


class PasswordError(ContactsImportError):
    """The workbook needs a password, or another one."""


def is_protected(path: Path) -> bool:
    """Whether the file is a workbook under a password."""
    with path.open("rb") as file:
        # Its directory names the encrypted package; nothing is parsed for this.
        return file.read(len(OLE)) == OLE and _PACKAGE in file.read(MAX_PROTECTED_BYTES)


def unlocked(path: Path, password: str | None) -> BytesIO:
    """The plain workbook, in memory. Raises PasswordError, and ContactsImportError for a damaged file."""
    if not password:
        raise PasswordError(
            "{file} is protected by a password; give it in a file (--password-file), or type it when asked",
            file=path.name,
        )
    if path.stat().st_size > MAX_PROTECTED_BYTES:
        raise ContactsImportError(
            "{file} has more than {most} MB; split the list", file=path.name, most=MAX_PROTECTED_BYTES >> 20
        )
    plain = BytesIO()
    try:
        with path.open("rb") as file:
            book = OOXMLFile(file)
            if book.info.get("spinValue", 0) > MAX_SPIN:
                raise _damaged(path)
            _load_key(book, password, path)
            book.decrypt(plain, verify_integrity=book.type == "agile")
    except InvalidKeyError as error:  # after the key was found right: the content isn't what was encrypted
        raise _damaged(path) from error
    except _DAMAGE as error:
        raise _damaged(path) from error
    plain.seek(0)
    return plain


def write_locked(plain: BinaryIO, password: str, target: BinaryIO) -> None:
    """Write a plain workbook under a password (AES-256, as spreadsheets do since 2010)."""
    plain.seek(0)
    OOXMLFile(plain).encrypt(password, target)


def _load_key(book: OOXMLFile, password: str, path: Path) -> None:
    try:
        book.load_key(password=password, verify_password=True)
    except InvalidKeyError as error:
        raise PasswordError("the password isn't that of {file}; try again with another", file=path.name) from error


def _damaged(path: Path) -> ContactsImportError:
    return ContactsImportError(
        "{file} is damaged and can't be decrypted; have it sent again, or save it anew in a spreadsheet",
        file=path.name,
    )
